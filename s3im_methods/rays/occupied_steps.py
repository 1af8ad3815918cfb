"""Samples at equal steps along a ray, in the occupied cells of a grid (instant-ngp, Mueller et al., 2022).

Rays have as many samples as occupied cells along them, from none to hundreds. They lie in rectangular tensors: the rest
of a row is filled with bins without length at the ray's far end, which are known to be clear.
"""

import math
from dataclasses import dataclass

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.model_components.ray_samplers import Sampler
from torch import Tensor

from s3im_methods.fields.unit_space import UnitSpace
from s3im_methods.kernels.available import fused_available
from s3im_methods.kernels.threads import in_ranges
from s3im_methods.rays.known_distances import KnownDistances
from s3im_methods.rays.occupancy_grid import OccupancyGrid


@dataclass
class Steps:
    """Steps of rays in occupied cells, in the order of the rays and along each of them."""

    rays: Tensor
    """Which ray each belongs to, ``[N]``."""
    starts: Tensor
    """Distances along it, ``[N]``."""
    ends: Tensor
    """Not before the starts, ``[N]``."""

    def __getitem__(self, which: Tensor | slice) -> "Steps":
        """Those of a mask ``[N]``, or of a slice."""
        return Steps(self.rays[which], self.starts[which], self.ends[which])

    def middles(self, bundle: RayBundle) -> Tensor:
        """Scene points ``[N, 3]``."""
        at = ((self.starts + self.ends) / 2)[:, None]
        return torch.addcmul(bundle.origins[self.rays], bundle.directions[self.rays], at)


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

    def generate_ray_samples(self, ray_bundle: RayBundle) -> RaySamples:  # type: ignore[override]
        """Sample.

        Args:
            ray_bundle: Rays ``[R]`` with the sphere's nears and fars.

        Returns:
            Samples ``[R, S]``, S the most that a ray has, at least 1.
        """
        return in_rows(ray_bundle, self.steps(ray_bundle))

    @torch.no_grad()
    def steps(self, ray_bundle: RayBundle) -> Steps:
        """The steps of rays ``[R]`` with the sphere's nears and fars."""
        nears, fars = ray_bundle.nears, ray_bundle.fars
        assert nears is not None and fars is not None
        length = self.grid.step * self.space.radius
        jitter = torch.rand_like(nears) - 1 if self.training else torch.zeros_like(nears)
        origins, directions = self.space.unit(ray_bundle.origins), ray_bundle.directions / self.space.radius
        count = math.ceil(2 / self.grid.step) + 1
        tensors = origins, directions, nears, fars, jitter, length, self.grid.occupied
        is_single = all(tensor.dtype == torch.float32 for tensor in tensors[:-1])
        on_cpu = all(tensor.device.type == "cpu" for tensor in tensors)
        walk = _walk_by_kernel if is_single and on_cpu and fused_available() else _walk
        rays, offsets = walk(self.grid, torch.cat([origins, directions], dim=-1), nears, fars, jitter, length, count)
        near, far = nears[rays, 0], fars[rays, 0]
        starts = (near + offsets).clamp(near, far)
        return Steps(rays, starts, (near + offsets + length).clamp(near, far))


def _walk(
    grid: OccupancyGrid, rays: Tensor, nears: Tensor, fars: Tensor, jitter: Tensor, length: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    """Rays and offsets ``[N]`` of steps in occupied cells; rays are ``[R, 6]``, in units of the sphere."""
    steps = torch.arange(count, device=nears.device, dtype=nears.dtype)
    offsets = (steps + jitter) * length
    middles = (nears + length / 2 + offsets).clamp(nears, fars)
    # An axis at a time, because this is most of the cost.
    places = (torch.addcmul(rays[:, axis, None], rays[:, axis + 3, None], middles) for axis in range(3))
    taken = grid.holds(*places) & (offsets < fars - nears) & (offsets > -length)
    rows, columns = taken.nonzero(as_tuple=True)
    return rows, offsets[rows, columns]


def _walk_by_kernel(
    grid: OccupancyGrid, rays: Tensor, nears: Tensor, fars: Tensor, jitter: Tensor, length: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    """The same by a kernel."""
    from s3im_methods.rays.occupied_steps_kernels import walk

    offsets, counts = nears.new_empty(len(nears), count), torch.empty(len(nears), dtype=torch.int64)
    occupied = grid.occupied.view(*[grid.resolution] * 3)
    given = rays, torch.cat([nears, fars, jitter], dim=-1), length.reshape(1)
    arrays = *(tensor.contiguous().numpy() for tensor in given), count
    filled = occupied.numpy(), offsets.numpy(), counts.numpy()
    in_ranges(len(nears), lambda first, last: walk(*arrays, *filled, first, last))
    rows = torch.arange(len(nears)).repeat_interleave(counts)
    return rows, offsets[rows, _places_in_rows(rows, counts)]


def _places_in_rows(rows: Tensor, counts: Tensor) -> Tensor:
    """Of ascending numbers of rows ``[N]``, the how-manieth each is of its row, ``[N]``."""
    return torch.arange(len(rows), device=rows.device) - (counts.cumsum(dim=0) - counts)[rows]


def in_rows(ray_bundle: RayBundle, steps: Steps, sdf: Tensor | None = None) -> RaySamples:
    """Samples ``[R, S]`` of rays, S the most that a ray has, at least 1, with what is known of their distances.

    Args:
        ray_bundle: Rays ``[R]`` with nears and fars.
        steps: Theirs.
        sdf: Signed distances at their middles, ``[N]``, scene units; without them any may be at the surface.
    """
    fars = ray_bundle.fars
    assert fars is not None
    counts = torch.bincount(steps.rays, minlength=len(fars))
    places = steps.rays, _places_in_rows(steps.rays, counts)
    width = max(int(counts.max()), 1)
    starts, ends = fars.repeat(1, width), fars.repeat(1, width)
    starts[places], ends[places] = steps.starts, steps.ends
    middle, least = torch.zeros_like(starts), torch.zeros_like(starts)
    if sdf is not None:
        middle[places] = sdf.to(middle)
        least[places] = (sdf.abs().to(least) - (steps.ends - steps.starts) / 2).clamp(min=0)
    least = least.masked_fill(ends <= starts, torch.inf)
    return KnownDistances(middle, least).noted(ray_bundle.get_ray_samples(starts[..., None], ends[..., None]))
