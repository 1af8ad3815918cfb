"""What a model offers to take a surface from: a density, a signed distance or an occupancy, at any point."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from s3im_methods.errors import InputError


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
    distances ``[N]`` or ``[N, 1]``, negative inside; with a ``surface_kind`` of "occupancy" it gives occupancies. Of
    others the density is taken: the field's ``density_at`` or nerfstudio's ``density_fn``.

    Args:
        model: In evaluation mode.

    Raises:
        InputError: If the model has neither.
    """
    field = getattr(model, "field", None)
    if hasattr(model, "surface_value"):
        return ScalarField(_flat(model.surface_value), getattr(model, "surface_kind", "sdf"), _bounds(model))
    for name in ("density_at", "density_fn"):
        if field is not None and hasattr(field, name):
            return ScalarField(_flat(getattr(field, name)), "density", _bounds(model))
    raise InputError(
        f"{type(model).__name__} has neither a density nor a signed distance to take a surface from: use "
        "--method depth-fusion."
    )


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
    # And nerfstudio's fields without a contraction answer with nothing there.
    field: Any = getattr(model, "field", None)
    return field.aabb.detach() if getattr(field, "spatial_distortion", False) is None else None
