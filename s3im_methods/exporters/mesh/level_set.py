"""A field, seen from the grid: one number per point that is positive inside, 0 on the surface, NaN where unknown."""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from s3im_methods.exporters.mesh.volume import ScalarField
from s3im_methods.exporters.mesh.world_frame import WorldFrame

_POINTS_AT_ONCE = 1 << 18
# How far from the surface values are told apart: e-folds of density, voxels of distance.
_REACH = 5.0
# E-folds of an occupancy's odds: it may rise by many in a voxel, and float32 has but 15 of them below 1.
_REACH_OF_ODDS = 12.0


class LevelSet:
    """Where a field takes a level.

    Densities are compared by their logarithm: between two nodes a trained density grows by orders of magnitude, and
    linear interpolation of the density itself would push every vertex to the empty node. Occupancies are compared by
    the logarithm of their odds, which grows evenly where they rise from 0 to 1.

    Args:
        field: In scene units.
        level: The value on the surface; above 0 for densities, between 0 and 1 for occupancies.
        frame: Where the points that are asked for lie.
        voxel: Distance of neighbouring points, in world units.
        device: Where the model is.

    Attributes:
        lowest: Smallest value of the field met so far; infinite before the first.
        highest: Largest one.
    """

    def __init__(
        self, field: ScalarField, level: float, frame: WorldFrame, voxel: float, device: torch.device | str = "cpu"
    ) -> None:
        self.field, self.level, self.frame, self.device = field, level, frame, device
        self.voxel = voxel * frame.scale
        self.lowest, self.highest = float("inf"), float("-inf")

    def __call__(self, points: NDArray) -> NDArray[np.float32]:
        """Signed values ``[N]`` at world points ``[N, 3]``: e-folds above the level (of a density, or of an occupancy's
        odds), or voxels inside the surface."""
        parts = np.array_split(points, max(1, -(-len(points) // _POINTS_AT_ONCE)))
        return np.concatenate([self._part(part) for part in parts])

    def _part(self, points: NDArray) -> NDArray[np.float32]:
        scene = torch.from_numpy(self.frame.to_scene(points).astype(np.float32)).to(self.device)
        known = torch.ones(len(scene), dtype=torch.bool, device=scene.device)
        if self.field.bounds is not None:
            # At the bounds themselves models may already answer with nothing.
            low, high = self.field.bounds.to(scene)
            inset = 1e-4 * (high - low)
            known = ((scene > low + inset) & (scene < high - inset)).all(dim=-1)
        raw = torch.full((len(scene),), torch.nan, device=scene.device)
        if known.any():
            raw[known] = self.field.value(scene[known])
            finite = raw[torch.isfinite(raw)]
            if len(finite):
                self.lowest, self.highest = (
                    min(self.lowest, float(finite.min())),
                    max(self.highest, float(finite.max())),
                )
        reach = _REACH
        if self.field.kind == "density":
            signed = (raw.clamp_min(1e-30) / self.level).log()
        elif self.field.kind == "occupancy":
            signed, reach = raw.logit() - math.log(self.level / (1 - self.level)), _REACH_OF_ODDS
        else:
            signed = (self.level - raw) / self.voxel
        return signed.clamp(-reach, reach).cpu().numpy()
