"""Train on a few views of a scene: which ones, and what the data parser would have said of them."""

from typing import Any

import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs

from s3im_methods.data.depth.listing import FrameList
from s3im_methods.errors import InputError


def spread_evenly(count: int, total: int) -> list[int]:
    """The middle of each of ``count`` equal stretches of a row of ``total`` views.

    Args:
        count: How many to choose, from 1 to ``total``.
        total: How many there are, in the order of their file names, which for most captures is that of the path.

    Example:
        >>> spread_evenly(3, 90)
        [15, 45, 75]
    """
    return [(2 * k + 1) * total // (2 * count) for k in range(count)]


def keep_views(outputs: DataparserOutputs, count: int) -> DataparserOutputs:
    """The same split with some of its views only, evenly spread; everything else, such as the scale, stays.

    Args:
        outputs: The training split.
        count: How many views to keep; all of them where there are not more.

    Raises:
        InputError: If ``count`` is below 1.
    """
    total = len(outputs.image_filenames)
    if count < 1:
        raise InputError(f"--pipeline.datamanager.train-views is {count}: give 1 or more, or drop it for all views.")
    if count >= total:
        return outputs
    kept = spread_evenly(count, total)

    def of(values: list) -> list:
        return [values[index] for index in kept]

    def of_metadata(value: Any) -> Any:
        if isinstance(value, FrameList):
            return value.keep(kept)
        if isinstance(value, torch.Tensor) and value.dim() == 3 and len(value) == total:
            return value[kept]
        return of(value) if isinstance(value, list) and len(value) == total else value

    return DataparserOutputs(
        image_filenames=of(outputs.image_filenames),
        cameras=outputs.cameras[torch.tensor(kept)],
        alpha_color=outputs.alpha_color,
        scene_box=outputs.scene_box,
        mask_filenames=of(outputs.mask_filenames) if outputs.mask_filenames else outputs.mask_filenames,
        metadata={key: of_metadata(value) for key, value in outputs.metadata.items()},
        dataparser_transform=outputs.dataparser_transform,
        dataparser_scale=outputs.dataparser_scale,
    )
