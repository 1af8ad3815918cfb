"""Cut rays to the sphere that holds the foreground; what lies outside it belongs to the background.

Here and in the background's field and sampler: the sphere has centre ``c`` and radius ``R``, and ``r = |x - c|``, all
in scene units. Directions have length 1, as nerfstudio makes them.
"""

import math

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.model_components.scene_colliders import SphereCollider
from torch import Tensor

from s3im_methods.errors import InputError


def check_sphere(center: Tensor, radius: float) -> None:
    """Refuse what is no sphere.

    Args:
        center: ``c``, ``[3]``.
        radius: ``R``.

    Raises:
        InputError: If the centre is not three finite numbers or the radius not a positive one.
    """
    if center.shape != (3,) or not center.isfinite().all():
        raise InputError(
            f"The sphere that holds the foreground has the center {center.tolist()}: give three finite numbers, "
            "in scene units."
        )
    if not (math.isfinite(radius) and radius > 0):
        raise InputError(
            f"The sphere that holds the foreground has the radius {radius}: give a positive number, in scene units."
        )


def closest_approach(rays: RayBundle, center: Tensor) -> tuple[Tensor, Tensor]:
    """Where the lines of rays come closest to a point.

    Args:
        rays: Rays ``[*batch]``.
        center: The point, ``[3]``.

    Returns:
        The distance along the ray, negative behind its origin, and the square of the distance from the point, both
        ``[*batch, 1]``.
    """
    origins = rays.origins - center
    along = -(origins * rays.directions).sum(dim=-1, keepdim=True)
    # |o|^2 - (o.d)^2 would lose half of the digits for a camera far away.
    return along, (origins + along * rays.directions).square().sum(dim=-1, keepdim=True)


def half_chord(squared_distance: Tensor, radius: float) -> Tensor:
    """Half the length of the part of a line within a sphere, 0 if there is none.

    Args:
        squared_distance: The square of the line's distance from the centre, any shape.
        radius: The sphere's radius.
    """
    return (radius * radius - squared_distance).clamp(min=0).sqrt()


class SphereBounds(SphereCollider):
    """Nears and fars where rays enter and leave a sphere, finite for every ray.

    A ray that misses the sphere gets an empty interval at its closest approach, which is what a chord shrinks to; one
    with the sphere behind it gets an empty interval at the near plane. So ``fars > nears`` says which rays see the
    foreground, and the fars say where the background begins. nerfstudio's own collider makes both 0 for a miss. As
    there, the near plane is 0 in evaluation, so that a viewer's camera may come close.

    Nears and fars carry no gradient: that of a chord's length is infinite at the sphere's outline.

    Args:
        center: ``c``, ``[3]``.
        radius: ``R``.
        near_plane: Distance from the camera before which training takes no samples, scene units.

    Raises:
        InputError: If the centre is not three finite numbers or the radius not a positive one.

    Example:
        >>> rays = RayBundle(
        ...     origins=torch.tensor([[0.0, 0.0, -3.0], [0.0, 2.0, -3.0]]),
        ...     directions=torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]),
        ...     pixel_area=torch.ones(2, 1),
        ... )
        >>> bounded = SphereBounds(torch.zeros(3), radius=1.0)(rays)
        >>> bounded.nears.flatten().tolist(), bounded.fars.flatten().tolist()
        ([2.0, 3.0], [4.0, 3.0])
    """

    def __init__(self, center: Tensor, radius: float, near_plane: float = 0.0) -> None:
        check_sphere(center, radius)
        super().__init__(center, radius, near_plane)

    @torch.no_grad()
    def set_nears_and_fars(self, ray_bundle: RayBundle) -> RayBundle:
        """Set the nears and fars ``[*batch, 1]`` of rays ``[*batch]``, and return the rays."""
        self.center = self.center.to(ray_bundle.origins)
        middle, squared_distance = closest_approach(ray_bundle, self.center)
        half = half_chord(squared_distance, self.radius)
        near_plane = self.near_plane if self.training else 0.0
        nears = (middle - half).clamp(min=near_plane)
        ray_bundle.nears = nears
        ray_bundle.fars = torch.maximum(middle + half, nears)
        return ray_bundle
