"""Train on a few views of a scene: which ones, and what the data parser would have said of them."""

from dataclasses import replace
from typing import Any

import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from torch import Tensor

from s3im_methods.data.depth.listing import FrameList
from s3im_methods.data.views_at_scale import SCALES_KEY
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


def spread_over_poses(camera_to_worlds: Tensor, count: int) -> list[int]:
    """Views that see as different things as possible, by where they are and where they look.

    The first is the one nearest to all others; each further one is the farthest from those before it (Gonzalez,
    "Clustering to minimize the maximum intercluster distance", 1985). Every n-th view of a path would not do: a path
    that goes round and round a room may look at the same wall at every n-th view.

    Args:
        camera_to_worlds: Poses, ``[N, 3, 4]``, which look along -z.
        count: How many to choose, from 1 to N.

    Returns:
        Their indices, sorted.

    Example:
        >>> poses = torch.eye(4)[:3].repeat(4, 1, 1)
        >>> poses[:, 0, 3] = torch.tensor([0.0, 1.0, 2.0, 10.0])
        >>> spread_over_poses(poses, 2)
        [2, 3]
    """
    poses = camera_to_worlds.double()
    places, looks = poses[:, :3, 3], -poses[:, :3, 2]
    spread = (places - places.mean(dim=0)).square().sum(dim=-1).mean().sqrt().clamp(min=1e-12)
    features = torch.cat([places / spread, looks], dim=-1)
    apart = torch.linalg.vector_norm(features[:, None] - features, dim=-1)
    chosen = [int(apart.sum(dim=1).argmin())]
    while len(chosen) < count:
        distance = apart[:, chosen].amin(dim=1)
        # Views at the same pose are as good as any, but none is taken twice.
        distance[chosen] = -1
        chosen.append(int(distance.argmax()))
    return sorted(chosen)


def _one_of_each_view(outputs: DataparserOutputs) -> list[int]:
    """All images; where files hold several scales, those of the largest."""
    scales = outputs.metadata.get(SCALES_KEY)
    every = range(len(outputs.image_filenames))
    return list(every) if scales is None else [row for row in every if scales[row] == min(scales)]


def keep_views(outputs: DataparserOutputs, count: int) -> DataparserOutputs:
    """The same split with some of its views only, spread over their poses; everything else, such as the scale, stays.

    Args:
        outputs: The training split.
        count: How many views to keep, each at all scales that its files have; all of them where there are not more.

    Raises:
        InputError: If ``count`` is below 1.
    """
    total = len(outputs.image_filenames)
    if count < 1:
        raise InputError(f"--pipeline.datamanager.train-views is {count}: give 1 or more, or drop it for all views.")
    poses = outputs.cameras.camera_to_worlds
    rows = _one_of_each_view(outputs)
    if count >= len(rows):
        return outputs
    chosen = [rows[place] for place in spread_over_poses(poses[rows], count)]
    # Where files hold several scales, a view is there at each.
    kept = (
        chosen
        if len(rows) == total
        else [row for row in range(total) if (poses[row] == poses[chosen]).all(-1).all(-1).any()]
    )

    def of(values: list) -> list:
        return [values[index] for index in kept]

    def of_metadata(value: Any) -> Any:
        if isinstance(value, FrameList):
            return value.keep(kept)
        if isinstance(value, torch.Tensor) and value.dim() == 3 and len(value) == total:
            return value[kept]
        return of(value) if isinstance(value, list) and len(value) == total else value

    return replace(
        outputs,
        image_filenames=of(outputs.image_filenames),
        cameras=outputs.cameras[torch.tensor(kept)],
        mask_filenames=of(outputs.mask_filenames) if outputs.mask_filenames else outputs.mask_filenames,
        metadata={key: of_metadata(value) for key, value in outputs.metadata.items()},
    )
