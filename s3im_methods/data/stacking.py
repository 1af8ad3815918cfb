"""One array of all images without ever having two copies of all of them.

nerfstudio loads every image, then copies all into one array, then frees the single ones. Here each is freed as soon as
it is copied, so that the most memory that loading takes is that of the images themselves.
"""

from typing import Any

from nerfstudio.data.utils.nerfstudio_collate import nerfstudio_collate
from torch import Tensor

from s3im_methods.engine.allocator import hand_back_freed_memory

_BYTES_BETWEEN = 1 << 28


def stack_and_free(items: list[dict[str, Any]]) -> dict[str, Any]:
    """What nerfstudio's ``nerfstudio_collate`` returns, made out of items that lose their tensors on the way.

    Args:
        items: What a dataset has for each of N images. Tensors of equal shape ``[...]`` and type are taken out.

    Returns:
        Of each key one value: tensors ``[N, ...]``, of their own type; numbers a tensor ``[N]``; strings a list.

    Raises:
        RuntimeError: If tensors differ in shape, from nerfstudio's function.

    Example:
        >>> stack_and_free([{"image": torch.zeros(2, 2)}, {"image": torch.ones(2, 2)}])["image"].shape
        torch.Size([2, 2, 2])
    """
    stacked = {key: _stack(key, items) for key in list(items[0]) if _are_alike([item[key] for item in items])}
    return {**nerfstudio_collate(items), **stacked}


def _are_alike(values: list[Any]) -> bool:
    return all(isinstance(value, Tensor) for value in values) and (
        len({(value.shape, value.dtype, value.device) for value in values}) == 1
    )


def _stack(key: str, items: list[dict[str, Any]]) -> Tensor:
    whole = items[0][key].new_empty((len(items), *items[0][key].shape))
    freed = 0
    for place, item in zip(whole, items, strict=True):
        freed += place.copy_(item.pop(key)).nbytes
        if freed > _BYTES_BETWEEN:
            freed = 0
            hand_back_freed_memory()
    return whole
