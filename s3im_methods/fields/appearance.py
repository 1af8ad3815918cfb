"""The vector by which a field tells images apart that differ in exposure or white balance (GLO)."""

from typing import Any

from nerfstudio.cameras.rays import RaySamples
from nerfstudio.field_components.embedding import Embedding
from torch import Tensor


def appearance_vectors(field: Any, samples: RaySamples) -> Tensor | None:
    """The images' vectors ``[*batch, D]`` of samples; for views that were not trained on 0, or the average.

    Args:
        field: With ``embedding_appearance`` and ``use_average_appearance_embedding``.
        samples: ``[*batch]``.
    """
    table: Embedding | None = field.embedding_appearance
    if table is None:
        return None
    assert samples.camera_indices is not None
    cameras = samples.camera_indices[..., 0]
    if field.training:
        return table(cameras)
    average = field.use_average_appearance_embedding
    vector = table.mean(dim=0) if average else table.embedding.weight.new_zeros(())
    return vector.expand(*cameras.shape, table.get_out_dim())
