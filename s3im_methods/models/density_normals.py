"""Normals of the surface that a density field shows, for the viewer and for exports."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def density_normals(density_fn: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """Unit vectors along which the density falls fastest.

    Args:
        density_fn: Density ``[*batch, 1]`` of points ``[*batch, 3]``.
        points: Points in world coordinates, ``[*batch, 3]``.

    Returns:
        Normals, ``[*batch, 3]``; zero where the density does not change. Nothing is kept for a backward pass.

    Example:
        >>> ball = lambda points: (-points.square().sum(-1, keepdim=True)).exp()
        >>> density_normals(ball, torch.tensor([[0.0, 3.0, 4.0]]))
        tensor([[0.0000, 0.6000, 0.8000]])
    """
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        density = density_fn(points)
        # The logarithm has the same direction. tinycudann computes gradients in half precision and times 128, where
        # those of a density above 511 overflow.
        height = torch.where(density > 0, density, 1.0).log()
        (gradient,) = torch.autograd.grad(height.sum(), points)
    # Empty space far from a surface has gradients far below the default epsilon, and directions all the same.
    return -functional.normalize(gradient, dim=-1, eps=1e-30)


@torch.no_grad()
def difference_normals(density_fn: Callable[[Tensor], Tensor], points: Tensor, step: Tensor | float) -> Tensor:
    """Unit vectors along which the density falls fastest, by central differences.

    For fields whose density has no gradient with respect to the points.

    Args:
        density_fn: Density ``[*batch, 1]`` of points ``[*batch, 3]``.
        points: Points in world coordinates, ``[*batch, 3]``.
        step: Distance from a point to where the density is taken, in world units.

    Returns:
        Normals, ``[*batch, 3]``; zero where the density does not change.
    """
    offsets = step * torch.eye(3, dtype=points.dtype, device=points.device)
    around = torch.stack([points[..., None, :] + offsets, points[..., None, :] - offsets])
    ahead, behind = density_fn(around)[..., 0]
    return functional.normalize(behind - ahead, dim=-1, eps=1e-30)
