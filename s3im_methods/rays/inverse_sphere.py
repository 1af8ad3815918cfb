"""Samples outside a sphere at equal steps of 1/r (NeRF++, Zhang et al., 2020, sec. 4).

``c``, ``R`` and ``r`` are those of ``sphere_bounds.py``. nerfstudio's ``LinearDisparitySampler`` steps in the inverse
of the distance from the camera, which is 1/r only for a camera at the centre, and its jitter leaves up to half a bin
uncovered at the start.
"""

import math
from collections.abc import Callable

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.model_components.ray_samplers import Sampler
from torch import Tensor

from s3im_methods.errors import InputError
from s3im_methods.rays.sphere_bounds import check_sphere, closest_approach, half_chord


class InverseSphereSampler(Sampler):
    """Samples from where a ray leaves the sphere outwards, their bins of equal width in 1/r.

    The point at radius ``r`` lies at ``t(r) = -o.d + sqrt((o.d)^2 - |o|^2 + r^2)``, ``o`` the origin seen from the
    centre; that is NeRF++'s rotation formula, simplified. A ray that misses the sphere is sampled from its closest
    approach, and one with the sphere behind it from its near: from there on 1/r only falls. What stands between a
    camera outside the sphere and that point is not rendered.

    The bins join without a gap and reach from the exit to the far plane. In training all edges of a ray but the first
    and the last are moved by the same random share, up to half a bin either way. Edges carry no gradient.

    Args:
        num_samples: Samples per ray.
        center: ``c``, ``[3]``.
        radius: ``R``.
        far_plane: The ``r`` at which the samples end, scene units.

    Raises:
        InputError: If the sphere is none, or the far plane is not finite and beyond it.
    """

    center: Tensor

    def __init__(self, num_samples: int, center: Tensor, radius: float, far_plane: float) -> None:
        super().__init__(num_samples)
        check_sphere(center, radius)
        if not radius < far_plane < math.inf:
            raise InputError(
                f"The background ends at {far_plane} from the center of the foreground's sphere of radius {radius}: "
                "give it a far plane beyond the sphere, and a finite one."
            )
        self.register_buffer("center", center, persistent=False)
        self.radius = radius
        self.far_plane = far_plane

    def generate_ray_samples(self, ray_bundle: RayBundle) -> RaySamples:  # type: ignore[override]
        """Sample.

        Args:
            ray_bundle: Rays ``[*batch]``. No sample lies before their nears; their fars are not read.

        Returns:
            Samples ``[*batch, num_samples]``.
        """
        assert ray_bundle.nears is not None and self.num_samples is not None
        with torch.no_grad():
            distance = self._distances(ray_bundle, ray_bundle.nears)
            edges = self._edges(ray_bundle.nears, self.num_samples)
            distances = distance(edges)
        return ray_bundle.get_ray_samples(
            bin_starts=distances[..., :-1, None],
            bin_ends=distances[..., 1:, None],
            spacing_starts=edges[..., :-1, None],
            spacing_ends=edges[..., 1:, None],
            spacing_to_euclidean_fn=distance,
        )

    def _distances(self, rays: RayBundle, nears: Tensor) -> Callable[[Tensor], Tensor]:
        middle, squared_distance = closest_approach(rays, self.center)
        first = torch.maximum(nears - middle, half_chord(squared_distance, self.radius))
        r_first = (squared_distance + first * first).sqrt()
        last_share = (r_first / self.far_plane).clamp(max=1)

        def distance(share: Tensor) -> Tensor:
            r = r_first / (1 - share + share * last_share)
            # r^2 minus the squared distance, without rounding away the start of a ray that grazes the sphere.
            return middle + (first * first + (r - r_first) * (r + r_first)).sqrt()

        return distance

    def _edges(self, nears: Tensor, count: int) -> Tensor:
        edges = torch.arange(count + 1, device=nears.device, dtype=nears.dtype).expand(*nears.shape[:-1], -1)
        if self.training:
            inner = edges[..., 1:-1] + torch.rand_like(nears) - 0.5
            edges = torch.cat([edges[..., :1], inner, edges[..., -1:]], dim=-1)
        return edges / count
