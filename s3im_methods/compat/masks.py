"""nerfstudio's own datasets read masks as a viewer shows them.

For nerfstudio every stored number that is not 0 belongs to the mask (``data/utils/data_utils.py``,
``get_image_mask_tensor_from_path``): the noise that JPEG leaves in black, a palette's index of black, and the colour
of a transparent pixel. Our datasets do not call that function. Here nerfstudio's datasets get our masks too, in data
managers that use our sampler.
"""

from pathlib import Path

import torch
from torch import Tensor


def mask_tensor(filepath: Path, scale_factor: float = 1.0) -> Tensor:
    """What ``get_image_mask_tensor_from_path`` is to give.

    Args:
        filepath: The mask.
        scale_factor: What its resolution is multiplied by; sides are rounded as nerfstudio rounds its images'.

    Returns:
        Which pixels are on, ``[H, W, 1]``, bool.

    Raises:
        InputError: If the file cannot be read.
    """
    from s3im_methods.data.depth.fit_size import fit_size
    from s3im_methods.data.masks import read_mask

    mask = read_mask(filepath)
    if scale_factor != 1.0:
        height, width = (int(side * scale_factor) for side in mask.shape)
        mask = fit_size(mask, (height, width), f"'{filepath}'", "", "mask")
    return torch.from_numpy(mask)[..., None]


def read_masks_as_shown() -> None:
    """Let nerfstudio's datasets read masks by :func:`mask_tensor`."""
    from nerfstudio.data.datasets import base_dataset
    from nerfstudio.data.utils import data_utils

    data_utils.get_image_mask_tensor_from_path = mask_tensor
    base_dataset.get_image_mask_tensor_from_path = mask_tensor  # pyright: ignore[reportPrivateImportUsage]
