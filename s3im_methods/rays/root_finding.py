"""Where rays first meet a surface: even steps to the first change of sign, then the secant method (UNISURF, Oechsle et
al., ICCV 2021; Niemeyer et al., "Differentiable Volumetric Rendering", CVPR 2020)."""

from collections.abc import Callable

import torch
from nerfstudio.cameras.rays import RaySamples
from torch import Tensor

_FLAT = 1e-12
"""Keeps the secant's quotient finite where nothing changes along it."""


@torch.no_grad()
def first_roots(values_at: Callable[[Tensor], Tensor], places: Tensor, secant_steps: int) -> tuple[Tensor, Tensor]:
    """Where along each ray a value first falls from above 0 to 0 or below.

    A ray that begins inside, at a value that is not above 0, has no such place: nothing of what lies behind is seen.

    Args:
        values_at: From distances along rays, ``[R, N]``, to values there, ``[R, N]``.
        places: Distances of the march, ascending, ``[R, M]``; M of 2 or more.
        secant_steps: Evaluations per ray that refine the place between two steps of the march.

    Returns:
        The distances ``[R, 1]``, and which rays have one, ``[R, 1]``; the distance of a ray without one is the last
        place.

    Example:
        >>> wall = lambda t: 1.25 - t
        >>> first_roots(wall, torch.tensor([[0.0, 1.0, 2.0], [0.0, 0.5, 1.0], [2.0, 3.0, 4.0]]), secant_steps=1)
        (tensor([[1.2500],
                [1.0000],
                [4.0000]]), tensor([[ True],
                [False],
                [False]]))
    """
    values = values_at(places).float()
    falls = (values[:, :-1] > 0) & (values[:, 1:] <= 0)
    found = falls.any(dim=-1, keepdim=True) & (values[:, :1] > 0)
    step = falls.int().argmax(dim=-1, keepdim=True)
    near, far = places.gather(-1, step), places.gather(-1, step + 1)
    above, below = values.gather(-1, step), values.gather(-1, step + 1)
    refined = refined_roots(values_at, near, far, above, below, secant_steps)
    return torch.where(found, refined, places[:, -1:]), found


def refined_roots(
    values_at: Callable[[Tensor], Tensor], near: Tensor, far: Tensor, above: Tensor, below: Tensor, steps: int
) -> Tensor:
    """Where values fall through 0 between two places, by the secant method.

    Args:
        values_at: From distances along rays to values there, both of the shape of the others.
        near: Distances of values above 0, any shape.
        far: Distances of values of 0 or below, the same shape, as are the rest.
        above: The values at ``near``.
        below: Those at ``far``.
        steps: Evaluations.
    """
    for _ in range(steps):
        between = _secant(near, far, above, below)
        value = values_at(between).to(above)
        inside = value <= 0
        # Halving the value of an end that stays (Illinois) keeps it from staying for ever.
        above, below = torch.where(inside, above / 2, value), torch.where(inside, value, below / 2)
        near, far = torch.where(inside, near, between), torch.where(inside, between, far)
    return _secant(near, far, above, below)


def surface_roots(march: RaySamples, sdf: Callable[[Tensor], Tensor], secant_steps: int) -> tuple[Tensor, Tensor]:
    """The same for a signed distance, at the edges of bins ``[R, S]`` along rays.

    Args:
        march: The bins.
        sdf: From scene points ``[N, 3]`` to signed distances ``[N]``.
        secant_steps: As above.

    Returns:
        As above, distances in scene units.
    """
    bins = march.frustums
    origins, directions = bins.origins[:, :1], bins.directions[:, :1]

    def along(distances: Tensor) -> Tensor:
        return sdf((origins + directions * distances[..., None]).view(-1, 3)).view(distances.shape)

    return first_roots(along, torch.cat([bins.starts[..., 0], bins.ends[:, -1]], dim=-1), secant_steps)


def _secant(near: Tensor, far: Tensor, above: Tensor, below: Tensor) -> Tensor:
    return near + (far - near) * (above / (above - below).clamp(min=_FLAT)).clamp(0, 1)
