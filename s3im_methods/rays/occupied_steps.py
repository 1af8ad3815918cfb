"""Samples at equal steps along a ray, in the occupied cells of a grid (instant-ngp, Mueller et al., 2022).

Rays have as many samples as occupied cells along them, from none to hundreds. They lie in rectangular tensors: the rest
of a row is filled with bins without length at the ray's far end, which are known to be clear.
"""

import math

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.model_components.ray_samplers import Sampler
from torch import Tensor

from s3im_methods.fields.unit_space import UnitSpace
from s3im_methods.rays.known_distances import KnownDistances
from s3im_methods.rays.occupancy_grid import OccupancyGrid


class OccupiedStepSampler(Sampler):
    """Steps of one length from where a ray enters the unit sphere; in training all of a ray begin up to a step later.

    Between the bins there are gaps where the grid is empty. Edges carry no gradient.

    Args:
        grid: Says where something may be.
        space: Where the unit sphere lies in the scene.
    """

    def __init__(self, grid: OccupancyGrid, space: UnitSpace) -> None:
        super().__init__()
        self.grid, self.space = grid, space

    @torch.no_grad()
    def generate_ray_samples(self, ray_bundle: RayBundle) -> RaySamples:  # type: ignore[override]
        """Sample.

        Args:
            ray_bundle: Rays ``[R]`` with the sphere's nears and fars.

        Returns:
            Samples ``[R, S]``, S the most that a ray has, at least 1.
        """
        nears, fars = ray_bundle.nears, ray_bundle.fars
        assert nears is not None and fars is not None
        length = self.grid.step * self.space.radius
        count = math.ceil(2 / self.grid.step) + 1
        steps = torch.arange(count, device=nears.device, dtype=nears.dtype)
        jitter = torch.rand_like(nears) - 1 if self.training else torch.zeros_like(nears)
        offsets = (steps + jitter) * length
        middles = (nears + length / 2 + offsets).clamp(nears, fars)
        # An axis at a time, because this is most of the cost.
        axes = zip(self.space.unit(ray_bundle.origins).T, (ray_bundle.directions / self.space.radius).T, strict=True)
        places = (torch.addcmul(origin[:, None], direction[:, None], middles) for origin, direction in axes)
        taken = self.grid.holds(*places) & (offsets < fars - nears) & (offsets > -length)
        starts = nears + _packed(offsets, taken)
        starts, ends = (edges.clamp(nears, fars) for edges in (starts, starts + length))
        is_clear = ends <= starts
        samples = ray_bundle.get_ray_samples(starts[..., None], ends[..., None])
        zeros = torch.zeros_like(starts)
        return KnownDistances(zeros, torch.where(is_clear, torch.inf, zeros)).noted(samples)


def _packed(values: Tensor, taken: Tensor) -> Tensor:
    """Those of the values ``[R, S]`` that are taken, first in their rows; infinity after them."""
    counts = taken.sum(dim=1)
    packed = values.new_full((len(values), max(int(counts.max()), 1)), torch.inf)
    rows, columns = taken.nonzero(as_tuple=True)
    places = torch.arange(len(rows), device=rows.device) - (counts.cumsum(dim=0) - counts)[rows]
    packed[rows, places] = values[rows, columns]
    return packed
