"""What a model offers to take a surface from: a density, a signed distance or an occupancy, at any point."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from nerfstudio.cameras.rays import Frustums, RaySamples
from nerfstudio.fields.base_field import Field
from torch import Tensor

from s3im_methods.errors import InputError

# Length of a frustum in scene units, far below a voxel. With length 0 mip-NeRF's Gaussians are NaN.
_LENGTH = 1e-3


@dataclass(frozen=True)
class ScalarField:
    """A quantity whose level set is a surface.

    Attributes:
        value: From points in scene units, ``[N, 3]``, to values, ``[N]``.
        kind: "density" per scene unit, larger inside; "sdf", a signed distance in scene units, negative inside; or
            "occupancy", from 0 to 1, larger inside.
        bounds: Corners in scene units, ``[2, 3]``, outside which the model says nothing; None for everywhere.
    """

    value: Callable[[Tensor], Tensor]
    kind: Literal["density", "sdf", "occupancy"]
    bounds: Tensor | None = None

    @property
    def name(self) -> str:
        """The quantity, as a message has it after "the" or "has"."""
        return "signed distance" if self.kind == "sdf" else self.kind

    def check_level(self, level: float, flag: str) -> None:
        """Refuse a level that the quantity never has.

        Args:
            level: The value on the surface.
            flag: Where the user gave it.

        Raises:
            InputError: If there is no surface at such a level in any field of this kind.
        """
        least, most = {"density": (0.0, math.inf), "sdf": (-math.inf, math.inf), "occupancy": (0.0, 1.0)}[self.kind]
        if not least < level < most:
            wanted = {"density": "above 0", "sdf": "that is finite", "occupancy": "between 0 and 1"}[self.kind]
            article = "an" if self.kind == "occupancy" else "a"
            raise InputError(f"{flag} is {level:g}, and this method has {article} {self.name}: give a level {wanted}.")


def scalar_field(model: Any) -> ScalarField:
    """The field of a model.

    A model that has a signed distance offers ``surface_value(points)``: points ``[N, 3]`` in scene units to signed
    distances ``[N]`` or ``[N, 1]``, negative inside; with a ``surface_kind`` of "occupancy" it gives occupancies.
    nerfstudio's own surface methods have the distance in their field's ``forward_geonetwork``. Of others the density is
    taken: the field's ``density_at`` or nerfstudio's ``density_fn``.

    Args:
        model: In evaluation mode.

    Raises:
        InputError: If the model has neither, or shows a scene in motion.
    """
    if hasattr(model, "surface_value"):
        return ScalarField(_flat(model.surface_value), getattr(model, "surface_kind", "sdf"), _bounds(model))
    field = field_of(model)
    if hasattr(field, "forward_geonetwork"):
        return ScalarField(_flat(lambda points: field.forward_geonetwork(points)[:, 0]), "sdf", _bounds(model))
    if hasattr(field, "density_at"):
        return ScalarField(_flat(field.density_at), "density", _bounds(model))
    if hasattr(field, "density_fn"):
        # nerfstudio's density_fn takes samples without length, for which some fields give no density.
        usual = isinstance(field, Field) and type(field).density_fn is Field.density_fn
        density = (lambda points: _density(field, points)) if usual else field.density_fn
        return ScalarField(_flat(density), "density", _bounds(model))
    raise InputError(
        f"{type(model).__name__} has neither a density nor a signed distance to take a surface from: use "
        "--method depth-fusion."
    )


def field_of(model: Any) -> Any:
    """Find the field that gives a model its densities and colours, or None; vanilla NeRF's is the fine one.

    Args:
        model: In evaluation mode.

    Raises:
        InputError: If the scene moves, so that there is no one surface.
    """
    field = getattr(model, "field", None)
    # D-NeRF's and K-Planes' ways to depend on time; other methods learn a scene with times as one at rest.
    moves = getattr(model, "temporal_distortion", None) is not None or getattr(field, "has_time_planes", False)
    if moves and getattr(model, "scene_has_times", False):
        raise InputError(
            "This run shows a scene in motion, which has no single surface for a mesh: film it by s3im turntable or "
            "ns-render."
        )
    return getattr(model, "field_fine", None) if field is None else field


def samples_at(points: Tensor, directions: Tensor) -> RaySamples:
    """Make a short sample around each point, one on each ray.

    Args:
        points: In scene units, ``[N, 3]``.
        directions: Unit vectors in which they are seen, ``[N, 3]``.

    Returns:
        ``[N, 1]``.
    """
    points, directions = points[:, None], directions[:, None]
    one = torch.ones_like(points[..., :1])
    frustums = Frustums(points - 0.5 * _LENGTH * directions, directions, 0 * one, _LENGTH * one, one)
    return RaySamples(frustums=frustums, camera_indices=torch.zeros_like(one, dtype=torch.long))


def _density(field: Field, points: Tensor) -> Tensor:
    upwards = torch.zeros_like(points)
    upwards[:, 2] = 1
    found = field.get_density(samples_at(points, upwards))
    # That of nerfstudio's tensorf comes alone.
    return found[0] if isinstance(found, tuple) else found


def _flat(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    @torch.no_grad()
    def values(points: Tensor) -> Tensor:
        return function(points).reshape(-1).float()

    return values


def _bounds(model: Any) -> Tensor | None:
    # A model that intersects its rays with a box has learnt nothing outside it.
    box = getattr(getattr(model, "collider", None), "scene_box", None)
    if box is not None:
        return box.aabb.detach()
    # And nerfstudio's fields without a contraction answer with nothing there, if they have a box.
    field: Any = getattr(model, "field", None)
    box = getattr(field, "aabb", None) if getattr(field, "spatial_distortion", False) is None else None
    return None if box is None else box.detach()
