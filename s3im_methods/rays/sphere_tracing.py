"""Where rays meet the zero level of a signed distance field, in few evaluations.

Steps are as long as the distance says that nothing is met (Hart, "Sphere Tracing", 1996), times a factor for fields
that are not quite distances. Near the surface they are a little longer, so that the sign changes, and the secant method
finds the place. Only rays that are still on their way are evaluated.

Lengths are in one unit, that of the field.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from s3im_methods.rays.root_finding import refined_roots

SDF = Callable[[Tensor], Tensor]
"""From points ``[N, 3]`` to signed distances ``[N]``, negative inside."""

_DEEP_STEPS = 7
"""Most steps, each twice as long as the last, in which a ray gets out again of what it only grazes."""


@dataclass(frozen=True)
class Tracing:
    """How rays are followed."""

    near: float
    """Distance from the surface below which a step is as long as this, so that it crosses. Thinner parts, and grazing
    rays that enter less deeply, may be missed."""
    steps: int = 64
    """Most evaluations of a ray on its way; those that are then still on their way are lost."""
    refinements: int = 2
    """Evaluations by the secant method."""
    share: float = 0.95
    """Length of a step as a share of the distance: below 1 for fields that grow faster than along a line."""


@dataclass
class Lines:
    """The pieces of ``R`` rays that are followed."""

    origins: Tensor
    """``[R, 3]``."""
    directions: Tensor
    """Unit vectors, ``[R, 3]``."""
    nears: Tensor
    """Distances where they begin, ``[R]``."""
    fars: Tensor
    """Where they end, ``[R]``; a ray whose far is not beyond its near meets nothing."""

    def at(self, distances: Tensor) -> Tensor:
        """Points ``[R, 3]`` at distances ``[R]``."""
        return self.origins + self.directions * distances[:, None]

    def __getitem__(self, which: Tensor) -> "Lines":
        return Lines(self.origins[which], self.directions[which], self.nears[which], self.fars[which])


@dataclass
class Meetings:
    """Where ``R`` rays meet the surface."""

    distances: Tensor
    """Along the ray, ``[R]``; where a ray meets nothing, where it was seen to be closest."""
    found: Tensor
    """Which rays meet it, ``[R]``."""
    lost: Tensor
    """Which rays were still on their way after the last step, ``[R]``: it is not known what they meet."""
    closest: Tensor
    """The least distance from the surface that was seen on the way outside, ``[R]``; infinite if there was none."""


@torch.no_grad()
def trace(sdf: SDF, lines: Lines, settings: Tracing) -> Meetings:
    """Follow rays from their nears until the signed distance first falls from above 0 to 0 or below.

    A ray that begins inside passes on to where it enters for the next time, as NeuS's opacity has it.

    Example:
        >>> origins = torch.tensor([[0.0, 0.0, -3.0], [0.0, 2.0, -3.0]])
        >>> lines = Lines(origins, torch.tensor([[0.0, 0.0, 1.0]] * 2), torch.zeros(2), torch.full((2,), 6.0))
        >>> found = trace(lambda points: points.norm(dim=-1) - 1, lines, Tracing(near=0.01))
        >>> found.found.tolist(), round(found.distances[0].item(), 4)
        ([True, False], 2.0)
    """
    fars = lines.fars
    found = torch.zeros_like(fars, dtype=torch.bool)
    closest, distances = torch.full_like(fars, torch.inf), fars.clone()
    # Of the rays on their way: which they are, where they were and are, and the signed distances there.
    rays = (fars > lines.nears).nonzero()[:, 0]
    at = lines.nears[rays]
    before, value_before = at, torch.full_like(at, -1)
    # Of those that crossed: which they are, and the two places and values around the surface.
    crossed: list[tuple[Tensor, ...]] = []
    for _ in range(settings.steps):
        if not len(rays):
            break
        value = sdf(lines.origins[rays] + lines.directions[rays] * at[:, None]).to(at)
        enters = (value_before > 0) & (value <= 0)
        here = enters.nonzero()[:, 0]
        if len(here):
            crossed.append((rays[here], before[here], at[here], value_before[here], value[here]))
        here = ((value > 0) & (value < closest[rays])).nonzero()[:, 0]
        closest[rays[here]], distances[rays[here]] = value[here], at[here]
        here = (~enters & (at < fars[rays])).nonzero()[:, 0]
        rays, before, value_before = rays[here], at[here], value[here]
        step = (value_before.abs() * settings.share).clamp(min=settings.near)
        at = torch.minimum(before + step, fars[rays])
    lost = torch.zeros_like(found).index_fill(0, rays, True)
    if crossed:
        which, near, far, above, below = (torch.cat(parts) for parts in zip(*crossed, strict=True))
        of_crossed = lines[which]
        distances[which] = refined_roots(
            lambda places: sdf(of_crossed.at(places)), near, far, above, below, settings.refinements
        )
        found[which] = True
    return Meetings(distances, found, lost, closest)


@torch.no_grad()
def coverage(sdf: SDF, lines: Lines, meetings: Meetings, widths: Tensor, settings: Tracing) -> Tensor:
    """Which share of its pixel the surface covers that a ray meets or passes by, ``[R]``: silhouettes are smooth.

    The outline within a pixel is taken as straight, at the least distance from a ray that passes by, and as far aside
    of a ray that meets the surface as it goes deep. A pixel with more of the surface behind is covered.

    Args:
        sdf: The field's.
        lines: The rays.
        meetings: What :func:`trace` found on them.
        widths: Of the pixels at the distance of what is met, ``[R]``.
        settings: As for :func:`trace`.
    """
    covered = torch.where(meetings.found, 1.0, (0.5 - meetings.closest / widths).clamp(min=0)).to(widths)
    # Of the rays that have met the surface and are not deep in it yet: which, where, and how deep they have been.
    rays = meetings.found.nonzero()[:, 0]
    at, deepest = meetings.distances[rays], torch.zeros_like(widths[rays])
    left: list[tuple[Tensor, ...]] = []
    for doubled in range(_DEEP_STEPS):
        at = at + widths[rays] * 2**doubled
        depth = -sdf(lines.origins[rays] + lines.directions[rays] * at[:, None]).to(at)
        is_out = depth < 0
        left.append((rays[is_out], at[is_out], deepest[is_out]))
        deepest = torch.maximum(deepest, depth)
        goes_on = ~is_out & (deepest < widths[rays] / 2)
        rays, at, deepest = rays[goes_on], at[goes_on], deepest[goes_on]
        if not len(rays):
            break
    rays, at, deepest = (torch.cat(parts) for parts in zip(*left, strict=True))
    if len(rays):
        behind = trace(sdf, Lines(lines.origins[rays], lines.directions[rays], at, lines.fars[rays]), settings)
        grazing = ~(behind.found | behind.lost)
        rays, deepest = rays[grazing], deepest[grazing]
        covered[rays] = (0.5 + deepest / widths[rays]).clamp(max=1)
    return covered
