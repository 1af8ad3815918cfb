"""Marching rays through a dense voxel grid of densities (DVGO, Sun et al., CVPR 2022).

A sample's raw value is interpolated first and activated afterwards,

    optical depth = interval * softplus(raw + shift),    alpha = 1 - exp(-optical depth),

so that one voxel can hold a sharp surface. Samples that are known to lie in empty space are never looked up, and a ray
ends where it is opaque. On a CPU one kernel walks along each ray; elsewhere torch computes the same from all samples.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from s3im_methods.encodings.voxel_grid import VoxelGrid, interpolated, node_gradient, runs_kernels
from s3im_methods.fields.alpha_mask import AlphaMask
from s3im_methods.kernels.threads import in_ranges


def shift_of(alpha_init: float) -> float:
    """The shift at which a raw value of 0 has an opacity of ``alpha_init`` over an interval of 1.

    Example:
        >>> round(-math.expm1(-math.log1p(math.exp(shift_of(1e-6)))), 12)
        1e-06
    """
    return math.log(1 / (1 - alpha_init) - 1) if alpha_init < 0.5 else -math.log(1 / alpha_init - 1)


def opacity(raw: Tensor, shift: float, interval: float) -> Tensor:
    """Opacity ``1 - (1 + exp(raw + shift))^-interval`` of raw values, of their shape, without cancellation."""
    return -torch.expm1(-interval * functional.softplus(raw + shift))


@dataclass(frozen=True)
class GridSpace:
    """How scene points become coordinates of a grid's box.

    Attributes:
        scale: Scene units per coordinate of the contracted space; None where coordinates are scene points.
        rim: By how much all of space beyond a norm of 1 reaches past it, in contracted space.
        norm: Of the contraction: "max" for a cube, "euclidean" for a ball.
    """

    scale: float | None = None
    rim: float = 0.2
    norm: str = "max"

    def __call__(self, points: Tensor) -> Tensor:
        """Coordinates ``[*batch, 3]`` of points ``[*batch, 3]``.

        Example:
            >>> GridSpace(scale=2.0)(torch.tensor([[1.0, 0.0, 0.0], [8.0, 0.0, 0.0]]))
            tensor([[0.5000, 0.0000, 0.0000],
                    [1.1500, 0.0000, 0.0000]])
        """
        if self.scale is None:
            return points
        points = points / self.scale
        of_cube = self.norm == "max"
        norm = points.abs().amax(-1, keepdim=True) if of_cube else points.norm(dim=-1, keepdim=True)
        return torch.where(
            norm <= 1, points, (1 + self.rim - self.rim / norm.clamp(min=1)) / norm.clamp(min=1) * points
        )

    def inverse(self, coordinates: Tensor) -> Tensor:
        """Points of coordinates ``[*batch, 3]`` whose norm is below 1 plus the rim."""
        if self.scale is None:
            return coordinates
        of_cube = self.norm == "max"
        norm = coordinates.abs().amax(-1, keepdim=True) if of_cube else coordinates.norm(dim=-1, keepdim=True)
        farther = self.rim / (1 + self.rim - norm).clamp(min=1e-12)
        return self.scale * torch.where(norm <= 1, coordinates, coordinates / norm.clamp(min=1e-12) * farther)

    def numbers(self) -> NDArray[np.float64]:
        """What the kernels are told."""
        of_cube = float(self.norm == "max")
        return np.array([0.0, 0.0, 0.0, self.scale or 1.0, 0.0 if self.scale is None else self.rim, of_cube])


@dataclass(frozen=True)
class March:
    """What all rays of a batch have in common.

    Attributes:
        edges: Where steps begin and end, from the near bound on, in scene units, ``[steps + 1]``.
        shift: Added to raw values.
        interval: Length of a step in the density's units of length.
        least: Transmittance at which a ray ends.
    """

    edges: Tensor
    shift: float
    interval: float
    least: float = 1e-3


def equal_edges(diagonal: float, step: float, device: torch.device | str = "cpu") -> Tensor:
    """Edges of equal steps that cross a box along its diagonal, ``[steps + 1]``.

    Example:
        >>> equal_edges(1.0, 0.4)
        tensor([0.0000, 0.4000, 0.8000, 1.2000])
    """
    return step * torch.arange(math.ceil(diagonal / step) + 1, device=device)


def outward_edges(
    space: GridSpace, nodes: int, step_ratio: float, device: torch.device | str = "cpu", farthest: float = math.inf
) -> Tensor:
    """Edges of steps through a contracted space: equal up to two radii, then longer and longer, up to 128.

    Args:
        space: With a scale.
        nodes: Of a grid over all of space, along a side.
        step_ratio: Length of the equal steps, in voxels.
        device: Of the result.
        farthest: Distance, in scene units, from which on no edge is needed.

    Returns:
        From 0 on, in scene units; ``[2 n + 1]``, or fewer.

    Example:
        >>> len(outward_edges(GridSpace(1.0), 63, 0.5)) // 2, len(outward_edges(GridSpace(1.0), 320, 0.5)) // 2
        (106, 534)
        >>> outward_edges(GridSpace(1.0), 5, 0.5, farthest=1.5)
        tensor([0.0000, 0.2222, 0.4444, 0.6667, 0.8889, 1.1111, 1.3333, 1.5556])
    """
    assert space.scale is not None
    count = int(2 / (2 + 2 * space.rim) * nodes / step_ratio) + 1
    inner = torch.linspace(0, 2, count + 1, device=device)
    outer = 2 / torch.linspace(1, 1 / 64, count + 1, device=device)
    radii = farthest / space.scale
    share = radii / 2 if radii <= 2 else 1 + (1 - 2 / radii) * 64 / 63
    return space.scale * torch.cat([inner, outer[1:]])[: math.ceil(count * share) + 1]


def places(nears: Tensor, jitter: Tensor, edges: Tensor) -> Tensor:
    """Distances of all samples, ``[rays, steps]``, from near bounds and jitters ``[rays, 1]``."""
    return nears + edges[:-1] + jitter * edges.diff()


def march(
    rays: Tensor, bounds: Tensor, how: March, grid: VoxelGrid, box: Tensor, space: GridSpace, mask: AlphaMask
) -> Tensor:
    """What each sample weighs in its pixel.

    Args:
        rays: Origins and directions, ``[rays, 6]``.
        bounds: Near, far and the share of a step by which samples lie behind its start, ``[rays, 3]``.
        how: Steps and optics.
        grid: Raw values, of width 1.
        box: Corners of the grid, ``[2, 3]``.
        space: From scene points to the box's coordinates.
        mask: What is occupied.

    Returns:
        ``[rays, steps]``; only the grid's values get a gradient.
    """
    if runs_kernels(grid.values):
        return _March.apply(rays, bounds, how, grid, grid.values, box, space, mask)  # type: ignore[return-value]
    return march_by_torch(rays, bounds, how, grid.values, box, space, mask)


def march_by_torch(
    rays: Tensor, bounds: Tensor, how: March, values: Tensor, box: Tensor, space: GridSpace, mask: AlphaMask
) -> Tensor:
    """The same by torch's operators, from a grid's values ``[X, Y, Z, 1]``."""
    near, far, jitter = bounds.unsqueeze(-1).unbind(1)
    distances = places(near, jitter, how.edges)
    points = space(rays[:, None, :3] + distances[..., None] * rays[:, None, 3:])
    shares = (points - box[0]) / (box[1] - box[0])
    wanted = (distances < far) & ((shares >= 0) & (shares <= 1)).all(dim=-1) & mask(points)
    raw = interpolated(values, (2 * shares - 1).reshape(-1, 3)).view(distances.shape)
    depths = torch.where(wanted, how.interval * functional.softplus(raw + how.shift), 0)
    before = torch.exp(depths - depths.cumsum(dim=-1))
    # Also in the kernel the sample that makes a ray opaque is its last.
    return torch.where(before.detach() < how.least, 0, -before * torch.expm1(-depths))


class _March(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rays, bounds, how, grid, values, box, space, mask) -> Tensor:
        from s3im_methods.rays import voxel_march_kernels as kernels

        ctx.set_materialize_grads(False)
        depths = values.new_zeros(len(rays), len(how.edges) - 1)
        weights = torch.zeros_like(depths)
        rays, bounds = (tensor.detach().to(values.dtype).contiguous() for tensor in (rays, bounds))
        edges, box = how.edges.to(values.dtype), box.detach().to(values.dtype)
        given = (rays.numpy(), bounds.numpy(), edges.numpy(), space.numbers(), box.numpy(), values.detach().numpy())
        empty = (mask.clearances(), mask.box.to(values.dtype).numpy())
        optics = np.array([how.shift, how.interval, how.least])
        filled = depths.numpy(), weights.numpy()
        in_ranges(len(rays), lambda first, last: kernels.march(*given, *empty, optics, *filled, first, last))
        ctx.save_for_backward(rays, bounds, edges, box, depths, weights)
        ctx.interval, ctx.grid, ctx.space, ctx.shape = how.interval, grid, space, values.shape
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor | None) -> tuple[Tensor | None, ...]:
        from s3im_methods.rays import voxel_march_kernels as kernels

        nothing = (None,) * 4
        if gradient is None:
            return (*nothing, None, None, None, None)
        rays, bounds, edges, box, depths, weights = ctx.saved_tensors
        raw = torch.empty_like(depths)
        arrays = depths.numpy(), weights.numpy(), gradient.contiguous().numpy()
        in_ranges(
            len(rays),
            lambda first, last: kernels.march_backward(*arrays, ctx.interval, raw.numpy(), first, last),
        )
        ray, step = depths.nonzero(as_tuple=True)
        near, _, jitter = bounds[ray].unbind(-1)
        distances = near + edges[step] + jitter * edges.diff()[step]
        points = ctx.space(rays[ray, :3] + distances[:, None] * rays[ray, 3:])
        shares = ((points - box[0]) / (box[1] - box[0])).clamp(0, 1)
        found = node_gradient(2 * shares - 1, raw[ray, step][:, None], ctx.shape, ctx.grid.slots())
        return (*nothing, found, None, None, None)
