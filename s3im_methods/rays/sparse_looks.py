"""Signed distances at many edges along rays, of which few are looked up: those that a surface may be near to.

If distances grow no faster than along a line, two of them say that no surface is near to what lies between
(:func:`~s3im_methods.rays.known_distances.least_distance`). There they are interpolated. So a ray in the clear takes a
quarter of the looks, and so does what a solid hides.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from s3im_methods.rays.known_distances import least_distance

_STRIDE = 4
"""Of so many edges one is looked up on every ray."""
_STEEPEST = 1.1
"""A field's distances grow a little faster than along a line."""


@torch.no_grad()
def sparse_distances(distances_at: Callable[[Tensor, Tensor], Tensor], edges: Tensor, reach: Tensor | float) -> Tensor:
    """Signed distances at edges along rays, or nearly so where all of a ray's part is farther than ``reach`` from 0.

    Which edges are looked up depends on their ray alone.

    Args:
        distances_at: From the numbers of rays, ``[N]``, and distances along them, ``[N]``, to signed distances ``[N]``.
        edges: Ascending, ``[R, n + 1]``. A ray whose edges are all at one place is not looked at.
        reach: Scene units, ``[1]``.

    Returns:
        ``[R, n + 1]``. A ray that is not looked at has distances that are in the clear.

    Example:
        >>> looks = []
        >>> def wall(rays, places):
        ...     looks.append(len(places))
        ...     return 1.9 - places
        >>> edges = torch.linspace(0, 2, 17)[None]
        >>> found = sparse_distances(wall, edges, reach=0.05)
        >>> torch.allclose(found, 1.9 - edges, atol=1e-6), looks
        (True, [5, 3])
    """
    lengths = edges[:, -1:] - edges[:, :1]
    # That of a place as far from the surface as the ray is long is of no ray that is asked.
    sdf = (2 * reach + lengths).expand(edges.shape).contiguous()
    rays = (lengths[:, 0] > 0).nonzero()[:, 0]
    if not len(rays):
        return sdf
    # Parts of a stride each, ``[R, P, stride + 1]``; the last place is there as often as the last part needs.
    count, parts = edges.shape[1], -(-(edges.shape[1] - 1) // _STRIDE)
    places = torch.cat([edges, edges[:, -1:].expand(-1, parts * _STRIDE + 1 - count)], dim=1)[rays]
    coarse = places[:, ::_STRIDE]
    found = distances_at(rays.repeat_interleave(parts + 1), coarse.reshape(-1)).to(edges).view(coarse.shape)
    # Behind a solid nobody sees anything.
    hidden = (found[:, :-1] < -reach).cummax(dim=1).values
    asked = (least_distance(_STEEPEST * coarse, found) <= reach) & ~hidden
    inner = places[:, :-1].view(len(rays), parts, _STRIDE)
    start, length = coarse[:, :-1, None], coarse.diff(dim=1)[..., None]
    shares = ((inner - start) / length.clamp(min=torch.finfo(edges.dtype).tiny)).clamp(0, 1)
    values = torch.lerp(found[:, :-1, None], found[:, 1:, None], shares)
    row, part = asked.nonzero(as_tuple=True)
    if len(row):
        wanted = inner[row, part, 1:]
        of_rays = rays[row].repeat_interleave(_STRIDE - 1)
        values[row, part, 1:] = distances_at(of_rays, wanted.reshape(-1)).to(edges).view(wanted.shape)
    sdf[rays] = torch.cat([values.flatten(1), found[:, -1:]], dim=1)[:, :count]
    return sdf
