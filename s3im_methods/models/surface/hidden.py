"""What no camera can see is asked to be solid.

No ray gets behind a surface, so nothing is learned of the inside of an object. Parameters that are shared with other
places drift there, the signed distance stays near to 0, and cavities open, which are parts of the mesh of their own. A
coarse look at the field now and then finds what is cut off from the sphere's border and from the cameras. There the
signed distance shall be at least half as deep as the look says.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_STEPS_PER_LOOK = 20
_RESOLUTIONS = (16, 32, 64)
_POINTS = 1024


class HiddenSpace:
    """Looks for hidden space before some training steps, whose loss then asks for a solid there.

    It has no state from one step to the next, so that a resumed run goes on as it would have.

    Args:
        field: The :class:`~s3im_methods.fields.sdf_field.S3IMSDFField`.
        center: Of the scene's sphere, scene units.
        radius: Its radius.
        eyes: Where the training cameras are, ``[C, 3]``.
    """

    def __init__(self, field: Any, center: tuple[float, float, float], radius: float, eyes: Tensor) -> None:
        self.field, self.center, self.radius, self.eyes = field, center, radius, eyes
        self.found: tuple[Tensor, Tensor] | None = None

    def look(self, step: int) -> None:
        """Choose the points of training step ``step``: some in every twentieth step, if there are any."""
        self.found = None
        if step > 0 and step % _STEPS_PER_LOOK == 0:
            center = self.field.space.center.new_tensor(self.center)
            self.found = hidden_points(self.field.sdf, center, self.radius, self.eyes.to(center), seed=step)

    def loss(self) -> Tensor | None:
        """By how much points are less than half as deep as they should be, in radii of the sphere, on average.

        None in a step without such points.
        """
        if self.found is None:
            return None
        points, depths = self.found
        distances = self.field.forward_geonetwork(points)[:, 0].float()
        return torch.relu(distances + depths / 2).mean() / self.radius


@torch.no_grad()
def hidden_points(
    sdf: Callable[[Tensor], Tensor], center: Tensor, radius: float, eyes: Tensor, seed: int
) -> tuple[Tensor, Tensor] | None:
    """Random points of a sphere that are cut off, by a surface, from its border and from the cameras.

    Args:
        sdf: From scene points ``[N, 3]`` to signed distances ``[N]``.
        center: Of the sphere, ``[3]``.
        radius: Its radius, scene units.
        eyes: Where cameras are, ``[C, 3]``.
        seed: The same seed gives the same points.

    Returns:
        Points ``[1024, 3]``, and how far they are at least from what can be seen, ``[1024]``; None if all can be seen.
    """
    # Its import takes a tenth of a second, which starts without this loss need not spend.
    from scipy import ndimage

    resolution, cell = _RESOLUTIONS[-1], 2 * radius / _RESOLUTIONS[-1]
    # The look is made between steps, where waiting for the device costs little.
    label: NDArray[np.int32] = ndimage.label(_free_cells(sdf, center, radius).cpu().numpy())[0]  # type: ignore[index]
    seats = (eyes - center + radius) / cell
    seats = seats[((seats >= 0) & (seats < resolution)).all(dim=-1)].long().cpu().numpy()
    border = np.concatenate([np.take(label, (0, -1), axis).ravel() for axis in range(3)])
    seen = np.union1d(border, label[tuple(seats.T)])
    depth = _depth((label == 0) | ~np.isin(label, seen)).ravel()
    cells = np.flatnonzero(depth > 0)
    if len(cells) == 0:
        return None
    random = torch.Generator().manual_seed(seed)
    chosen = torch.from_numpy(cells)[torch.randint(len(cells), (_POINTS,), generator=random)]
    depths = torch.from_numpy(depth)[chosen] * cell
    points = _middles(resolution, center, radius).view(-1, 3)[chosen.to(center.device)]
    points = points + (cell * (torch.rand(_POINTS, 3, generator=random) - 0.5)).to(center)
    return points, depths.to(center)


def _depth(hidden: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How far any place of each cell ``[n, n, n]`` is at least from what can be seen, in cells; 0 if that is unknown.

    All outside the grid can be seen.
    """
    from scipy import ndimage

    around = np.pad(hidden, 1)
    depth = np.zeros(around.shape, np.float32)
    for place in ndimage.find_objects(around.astype(np.uint8)):
        # With a cell more on each side, which is seen.
        box = tuple(slice(side.start - 1, side.stop + 1) for side in place)
        distance: Any = ndimage.distance_transform_edt(around[box])
        # Both ends may lie half a diagonal aside from the middles of their cells.
        depth[box] = distance - math.sqrt(3)
    return depth[1:-1, 1:-1, 1:-1].clip(min=0)


def _middles(resolution: int, center: Tensor, radius: float) -> Tensor:
    places = (2 * torch.arange(resolution, device=center.device) + 1) / resolution - 1
    return torch.stack(torch.meshgrid(places, places, places, indexing="ij"), dim=-1) * radius + center


def _free_cells(sdf: Callable[[Tensor], Tensor], center: Tensor, radius: float) -> Tensor:
    """Which cells ``[n, n, n]`` are free or outside the sphere; those of a larger clear cell are not asked for."""
    free = torch.zeros(1, 1, 1, dtype=torch.bool, device=center.device)
    for resolution in _RESOLUTIONS:
        for axis in range(3):
            free = free.repeat_interleave(resolution // free.shape[axis], dim=axis)
        middles = _middles(resolution, center, radius)
        # A larger cell is clear if no place in it can be solid, should distances grow no faster than along a line.
        half_diagonal = 0.0 if resolution == _RESOLUTIONS[-1] else math.sqrt(3) * radius / resolution
        free |= (middles - center).norm(dim=-1) > radius + half_diagonal
        asked = (~free).view(-1).nonzero()[:, 0]
        clear = sdf(middles.view(-1, 3)[asked]) > half_diagonal
        free = free.view(-1).index_copy(0, asked, clear).view_as(free)
    return free
