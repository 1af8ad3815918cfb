"""The vector by which a field tells images apart that differ in exposure or white balance (GLO)."""

from typing import Any

from nerfstudio.cameras.rays import RaySamples
from nerfstudio.field_components.embedding import Embedding
from torch import Tensor


def appearance_vectors(field: Any, samples: RaySamples) -> Tensor | None:
    """The images' vectors ``[*batch, D]`` of samples; see :func:`vectors_of_images`.

    Args:
        field: With ``embedding_appearance`` and ``use_average_appearance_embedding``.
        samples: ``[*batch]``.
    """
    if field.embedding_appearance is None:
        return None
    assert samples.camera_indices is not None
    return vectors_of_images(field, samples.camera_indices[..., 0])


def vectors_of_images(field: Any, images: Tensor) -> Tensor:
    """The vectors ``[*batch, D]`` of images; for views that were not trained on 0, or the average.

    Args:
        field: With an ``embedding_appearance`` and ``use_average_appearance_embedding``.
        images: Numbers of training images, ``[*batch]``; in evaluation only their shape counts.
    """
    table: Embedding = field.embedding_appearance
    if field.training:
        return table(images)
    average = field.use_average_appearance_embedding
    vector = table.mean(dim=0) if average else table.embedding.weight.new_zeros(())
    return vector.expand(*images.shape, table.get_out_dim())
