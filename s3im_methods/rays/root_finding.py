"""Where rays first meet a surface: even steps to the first change of sign, then the secant method (UNISURF, Oechsle et
al., ICCV 2021; Niemeyer et al., "Differentiable Volumetric Rendering", CVPR 2020)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from nerfstudio.cameras.rays import RaySamples
from torch import Tensor

from s3im_methods.rays.known_distances import KnownDistances, least_distance
from s3im_methods.rays.sparse_looks import sparse_distances

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
    step, found = _first_falls(values)
    refined = refined_roots(values_at, *_ends(places, values, step), secant_steps)
    return torch.where(found, refined, places[:, -1:]), found


def _first_falls(values: Tensor) -> tuple[Tensor, Tensor]:
    """Before which step values ``[R, M]`` first fall through 0, ``[R, 1]``, and which rows have such a step."""
    falls = (values[:, :-1] > 0) & (values[:, 1:] <= 0)
    return falls.int().argmax(dim=-1, keepdim=True), falls.any(dim=-1, keepdim=True) & (values[:, :1] > 0)


def _ends(places: Tensor, values: Tensor, step: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Places and values before and after a step."""
    return tuple(of.gather(-1, step + after) for of in (places, values) for after in (0, 1))  # type: ignore[return-value]


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


@dataclass
class March:
    """What is known along rays whose surface was looked for."""

    places: Tensor
    """Distances along the ray, ascending, the root among them, ``[R, M + 1]``."""
    values: Tensor
    """Signed distances there, or nearly so where no surface is near, ``[R, M + 1]``."""
    roots: Tensor
    """As :func:`first_roots` has them, ``[R, 1]``."""
    found: Tensor
    """Which rays have one, ``[R, 1]``."""

    def known(self, places: Tensor, reach: Tensor | float, fine: Tensor | float) -> tuple[Tensor, Tensor]:
        """Signed distances at other places ``[R, S]``, interpolated, and which of them need a look of their own.

        Args:
            places: Within those of the march.
            reach: Farther distances than this need none, nor do places beside a root.
            fine: Nor do places in intervals shorter than this.
        """
        after = torch.searchsorted(self.places, places.contiguous(), right=True).clamp(1, self.places.shape[1] - 1)
        start, end, low, high = _ends(self.places, self.values, after - 1)
        values = torch.lerp(low, high, ((places - start) / (end - start)).nan_to_num(0.0, 0.0, 0.0).clamp(0, 1))
        is_near = least_distance(self.places, self.values).gather(-1, after - 1) <= reach
        return values, is_near & (low != 0) & (high != 0) & (end - start > fine)


@torch.no_grad()
def sparse_march(march: RaySamples, sdf: Callable[[Tensor], Tensor], secant_steps: int, reach: Tensor | float) -> March:
    """:func:`surface_roots` with few looks: where the surface may be near, and on rays that meet it.

    Args:
        march: The bins.
        sdf: From scene points ``[N, 3]`` to signed distances ``[N]``.
        secant_steps: As above.
        reach: Which distances from the surface count as near, scene units.
    """
    bins = march.frustums
    places = torch.cat([bins.starts[..., 0], bins.ends[:, -1]], dim=-1)
    origins, directions = bins.origins[:, 0], bins.directions[:, 0]

    def at(rays: Tensor, distances: Tensor) -> Tensor:
        return sdf(torch.addcmul(origins[rays], directions[rays], distances[:, None])).float()

    values = sparse_distances(at, places, reach)
    step, found = _first_falls(values)
    roots, rays = places[:, -1:].clone(), found[:, 0].nonzero()[:, 0]
    if len(rays):
        ends = _ends(places[rays], values[rays], step[rays])
        along = lambda distances: at(rays, distances[:, 0])[:, None]  # noqa: E731
        roots[rays] = refined_roots(along, *ends, secant_steps)
    # The root is one more place, whose value is 0; a ray without one has its last place twice.
    at_root = torch.where(found, step + 1, places.shape[1])
    numbers = torch.arange(places.shape[1] + 1, device=places.device)
    from_ = (numbers - (numbers > at_root).int()).clamp(max=places.shape[1] - 1)
    places, values = places.gather(-1, from_), values.gather(-1, from_)
    is_root = found & (numbers == at_root)
    return March(torch.where(is_root, roots, places), torch.where(is_root, 0, values), roots, found)


@torch.no_grad()
def known_by(
    march: March, samples: RaySamples, sdf: Callable[[Tensor], Tensor], reach: Tensor | float, fine: Tensor | float
) -> RaySamples:
    """The samples ``[R, S]``, with their signed distances noted, of which the march knows most.

    Args:
        march: Along the same rays.
        samples: Between its first and its last place.
        sdf: From scene points ``[N, 3]`` to signed distances ``[N]``.
        reach: Which distances count as near, scene units.
        fine: Length of intervals of the march between which distances are known well enough, scene units.
    """
    bins = samples.frustums
    middles = ((bins.starts + bins.ends) / 2)[..., 0]
    values, unsure = march.known(middles, reach, fine)
    rows, columns = unsure.nonzero(as_tuple=True)
    if len(rows):
        points = torch.addcmul(bins.origins[rows, 0], bins.directions[rows, 0], middles[rows, columns, None])
        values[rows, columns] = sdf(points).to(values)
    return KnownDistances(values, values.abs()).noted(samples)


def _secant(near: Tensor, far: Tensor, above: Tensor, below: Tensor) -> Tensor:
    return near + (far - near) * (above / (above - below).clamp(min=_FLAT)).clamp(0, 1)
