"""What a surface method's settings are where the user gives none: the tables that methods share, and what a scene adds.

``ours`` is what measured best, ``nerfstudio`` is nerfstudio 1.1.5's; a method adds its own settings to them, and may
have further styles. Settings of the signed distance field begin with ``sdf_field.``.
"""

import math
from dataclasses import replace
from typing import Any, TypeVar

from s3im_methods.data.depth.source_config import SENSORS
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.models.presets import Presets, check_weights, chosen_preset, filled, refuse
from s3im_methods.models.surface.priors import default_weights

_WEIGHTS = (
    "eikonal_loss_mult",
    "fg_mask_loss_mult",
    "curvature_loss_mult",
    "hidden_loss_mult",
    "mono_depth_loss_mult",
    "mono_normal_loss_mult",
)

Config = TypeVar("Config")

NERFSTUDIO: dict[str, Any] = {
    "sphere_center": (0.0, 0.0, 0.0),
    "sphere_radius": 1.0,
    "unit_share": 1.0,
    "bounds": "box",
    "background_model": "none",
    "background_color": "black",
    "fg_mask_loss_mult": 0.01,
    "sdf_field.unlock_every": 0,
    "sdf_field.sdf_at": "start",
    "sdf_field.fit_initial_sphere": False,
    "sdf_field.inside_outside": True,
    "sdf_field.bias": 0.5,
}

_OURS: dict[str, Any] = {
    "fg_mask_loss_mult": 0.1,
    "sdf_field.unlock_every": 500,
    "sdf_field.sdf_at": "midpoint",
    "sdf_field.fit_initial_sphere": True,
    # NeuS's own s of 20. nerfstudio's NeuS-facto starts at 2981, where only a surface already found has a gradient.
    "sdf_field.beta_init": 0.3,
}

HASH_GRID: dict[str, Any] = {
    "sdf_field.use_grid_feature": True,
    "sdf_field.num_layers": 2,
    "sdf_field.num_layers_color": 2,
}
"""Small networks after a hash grid."""

PAPER_NETWORKS: dict[str, Any] = {
    "sdf_field.unlock_every": 0,
    "sdf_field.fit_initial_sphere": False,
    "sdf_field.use_grid_feature": False,
    "sdf_field.num_layers": 8,
    "sdf_field.num_layers_color": 4,
    "background_layers": 8,
    "background_width": 256,
}
"""Those of NeuS and UNISURF, which have no grid, with NeRF++'s background."""

OUR_OBJECT: dict[str, Any] = {
    **_OURS,
    "bounds": "sphere",
    "sdf_field.inside_outside": False,
    "sdf_field.bias": 0.5,
}

OUR_ROOM: dict[str, Any] = {
    **_OURS,
    "bounds": "near-far",
    "background_model": "none",
    "sdf_field.inside_outside": True,
    "sdf_field.bias": 0.6,
}


def with_preset(config: Config, presets: Presets, facts: SceneFacts) -> Config:
    """The settings with nothing left open: every None is what the preset, the data and other settings say.

    Args:
        config: As the user gave it, with the fields of
            :class:`~s3im_methods.models.surface.settings.SurfaceSettings` and of nerfstudio's surface models.
        presets: The method's.
        facts: Of the scene: its kind for auto, its spheres, whether it has masks, and where its depth comes from.

    Raises:
        InputError: If settings contradict each other or are out of range.
    """
    given: Any = config
    kind, preset = chosen_preset(given, presets, facts.scene_kind or "object")
    _complete(preset, given, kind, facts)
    # Of an object, a depth camera knows less than the photos' outlines say.
    has_depth = given.style == "ours" and kind == "room" and facts.depth_source in SENSORS
    depth = given.depth.decided(has_depth)
    wants_priors = given.style == "ours" and kind == "room" and given.monocular_priors == "auto"
    preset |= default_weights(wants_priors, depth.weight() > 0, facts)
    result = filled(replace(given, scene_kind=kind, depth=depth), preset)
    _check(result)
    return result


def _complete(preset: dict[str, Any], config: Any, kind: str, facts: SceneFacts) -> None:
    """Add to a preset what follows from other settings and from the data."""
    preset.setdefault("hidden_loss_mult", 0.0)
    preset.setdefault("background_layers", 4)
    preset.setdefault("background_width", 128)
    preset.setdefault("background_model", "none" if facts.has_foreground_mask else "nerf++")
    model = config.background_model or preset["background_model"]
    if config.overwrite_near_far_plane:
        preset["bounds"] = "near-far"
    elif model == "nerf++":
        preset["bounds"] = "sphere"
    bounds = config.bounds or preset["bounds"]
    preset.setdefault("unit_share", 1 / 3 if bounds == "near-far" and kind == "room" else 1.0)
    plain = "last_sample" if bounds == "near-far" and kind == "room" else "white"
    # What a background model renders is added to what the surface leaves, so that it needs black behind it.
    preset.setdefault("background_color", plain if model == "none" else "black")
    sphere = facts.object_sphere if kind == "object" else facts.room_sphere
    preset.setdefault("sphere_center", (0.0, 0.0, 0.0) if sphere is None else sphere.center)
    preset.setdefault("sphere_radius", 1.0 if sphere is None else sphere.radius)


def _check(config: Any) -> None:
    if not 0 < config.sphere_radius < math.inf:
        refuse("sphere_radius", config.sphere_radius, "give a length above 0, in scene units")
    if not all(map(math.isfinite, config.sphere_center)):
        refuse("sphere_center", config.sphere_center, "give three finite numbers, in scene units")
    if not 0 < config.unit_share < math.inf:
        refuse("unit_share", config.unit_share, "give a share above 0")
    if config.bounds == "sphere" and config.unit_share != 1:
        refuse("unit_share", config.unit_share, "with --pipeline.model.bounds sphere it has to be 1")
    if config.background_model != "none" and config.background_color != "black":
        refuse(
            "background_color",
            config.background_color,
            f"with --pipeline.model.background-model {config.background_model} it has to be black, because both "
            "would be seen at once",
        )
    if config.background_model == "nerf++" and config.bounds != "sphere":
        refuse("background_model", "nerf++", "it begins where the sphere ends, so set --pipeline.model.bounds sphere")
    if config.background_model == "nerf++" and not config.sphere_radius < config.far_plane_bg < math.inf:
        refuse(
            "far_plane_bg",
            config.far_plane_bg,
            f"give a finite distance above the sphere's radius of {config.sphere_radius:.3g}, where the background of "
            "nerf++ begins",
        )
    check_weights(config, _WEIGHTS)
    if config.mono_decay_steps < 0:
        refuse("mono_decay_steps", config.mono_decay_steps, "give a number of steps, or 0 for no decay")
    for name in ("near_plane", "far_plane"):
        value = getattr(config, name)
        if value is not None and not value > 0:
            refuse(name, value, "give a distance above 0")
    if config.far_plane is not None and config.far_plane <= config.near_plane:
        refuse("far_plane", config.far_plane, f"give a distance beyond the near-plane of {config.near_plane}")
    sdf_field = config.sdf_field
    if not math.isfinite(sdf_field.beta_init):
        refuse("sdf_field.beta_init", sdf_field.beta_init, "give a finite number")
    if not 0 < sdf_field.bias < math.inf:
        refuse("sdf_field.bias", sdf_field.bias, "give a radius above 0, at which the surface begins")
    if not 0 <= sdf_field.band < math.inf:
        refuse("sdf_field.band", sdf_field.band, "give a width, or 0 to evaluate all samples")
    if sdf_field.unlock_every < 0:
        refuse("sdf_field.unlock_every", sdf_field.unlock_every, "give a number of steps, or 0 for all levels at once")
    if sdf_field.unlock_every and not 1 <= sdf_field.first_levels <= sdf_field.num_levels:
        refuse("sdf_field.first_levels", sdf_field.first_levels, f"give 1 to {sdf_field.num_levels} levels")
