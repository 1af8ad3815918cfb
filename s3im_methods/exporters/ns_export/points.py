"""The points of ``ns-export pointcloud`` and ``poisson``: as many as asked for, in the box, or an end with a reason.

nerfstudio draws rays until it has enough points (``exporter/exporter_utils.py``, ``generate_point_cloud``): for ever,
where no ray ends in the box or on anything at all, and up to a whole batch too many. It never reads the axis-aligned
box of ``ns-export poisson``. What it asks of each batch is which points lie in the oriented box, and here the answer
says all of that.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from s3im_methods.errors import InputError, NoSurfaceError

# After so many rays, what they found tells what is to be expected.
_RAYS_THAT_TELL = 1 << 17
# Days, on any machine.
_MOST_RAYS = 1e9


@dataclass(frozen=True)
class AxisBox:
    """A box along the scene's axes, with the method that nerfstudio's oriented boxes have."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    def within(self, points: Tensor) -> Tensor:
        """Which points ``[N, 3]`` lie inside, ``[N]``."""
        return ((points > points.new_tensor(self.low)) & (points < points.new_tensor(self.high))).all(dim=-1)


@dataclass
class WantedPoints:
    """Stands where nerfstudio takes an oriented box: what lies in all boxes, until there is enough of it.

    Args:
        wanted: How many points.
        rays: Drawn for each batch.
        boxes: May be none.
        box_flags: What the command calls them, for the sentence.
    """

    wanted: int
    rays: int
    boxes: list[Any] = field(default_factory=list)
    box_flags: str = ""
    _found: int = 0
    _drawn: int = 0
    _seen: int = 0

    def within(self, points: Tensor) -> Tensor:
        """Which points of a batch, ``[N, 3]`` in scene units, are wanted, ``[N]``.

        Raises:
            InputError: If it would take days until there are enough.
            NoSurfaceError: If no ray of many meets anything.
        """
        kept = torch.isfinite(points).all(dim=-1)
        for box in self.boxes:
            kept &= box.within(points)
        left = self.wanted - self._found
        places = kept.nonzero()[:, 0]
        if len(places) > left:
            kept[places[torch.randperm(len(places), device=places.device)[left:]]] = False
        self._found += min(len(places), left)
        self._drawn += self.rays
        self._seen += len(points)
        if self._found < self.wanted and self._drawn >= _RAYS_THAT_TELL:
            self._expect(points)
        return kept

    def _expect(self, points: Tensor) -> None:
        if self._seen == 0:
            raise NoSurfaceError("The training cameras see nothing but empty space in this run: train it longer.")
        if self.wanted * self._drawn <= _MOST_RAYS * self._found:
            return
        where = ""
        if len(points):
            ends = torch.quantile(points.float()[:10_000].cpu(), torch.tensor([0.02, 0.98]), dim=0)
            low, high = (", ".join(f"{value:.3g}" for value in end.tolist()) for end in ends)
            where = f" Most of them lie from ({low}) to ({high})."
        raise InputError(
            f"Of {self._seen} points that the training cameras see, {self._found} lie in the box, too few for "
            f"--num-points {self.wanted}.{where} Give another box with {self.box_flags}, in scene units."
            if self.boxes
            else f"Of {self._drawn} rays only {self._found} meet a surface, too few for --num-points "
            f"{self.wanted}: train the run longer."
        )
