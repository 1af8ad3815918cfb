"""What S3IM-NeuS-facto's settings are where the user gives none: one table for each style, and what a scene adds to it.

``nerfstudio`` is nerfstudio 1.1.5's neus-facto; ``ours`` is what measured best. Settings of the signed distance field
begin with ``sdf_field.``.
"""

import math
from dataclasses import replace
from typing import Any

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.errors import InputError
from s3im_methods.models.neus_facto_config import S3IMNeuSFactoModelConfig

_FLAG = "--pipeline.model"
_SENSORS = ("sensor", "composite")
_WEIGHTS = (
    "eikonal_loss_mult",
    "fg_mask_loss_mult",
    "curvature_loss_mult",
    "interlevel_loss_mult",
    "mono_depth_loss_mult",
    "mono_normal_loss_mult",
)

_NERFSTUDIO: dict[str, Any] = {
    "sphere_center": (0.0, 0.0, 0.0),
    "sphere_radius": 1.0,
    "unit_share": 1.0,
    "bounds": "box",
    "background_model": "none",
    "background_color": "black",
    "fg_mask_loss_mult": 0.01,
    "cos_anneal_steps": 50000,
    "sdf_field.unlock_every": 0,
    "proposal_schedule": "every-step",
    "sdf_field.sdf_at": "start",
    "sdf_field.fit_initial_sphere": False,
    "sdf_field.inside_outside": True,
    "sdf_field.bias": 0.5,
    "sdf_field.beta_init": 0.8,
}

_OURS: dict[str, Any] = {
    "fg_mask_loss_mult": 0.1,
    "cos_anneal_steps": 5000,
    "sdf_field.unlock_every": 500,
    "proposal_schedule": "nerfacto",
    "sdf_field.sdf_at": "midpoint",
    "sdf_field.fit_initial_sphere": True,
    # NeuS's own s of 20; nerfstudio starts at 2981, so sharp that only a surface already found has a gradient.
    "sdf_field.beta_init": 0.3,
}

PRESETS: dict[tuple[str, str], dict[str, Any]] = {
    ("nerfstudio", "object"): _NERFSTUDIO,
    ("nerfstudio", "room"): _NERFSTUDIO,
    ("ours", "object"): {
        **_OURS,
        "bounds": "sphere",
        "sdf_field.inside_outside": False,
        "sdf_field.bias": 0.5,
    },
    ("ours", "room"): {
        **_OURS,
        "bounds": "near-far",
        "background_model": "none",
        "sdf_field.inside_outside": True,
        "sdf_field.bias": 0.6,
    },
}


def with_preset(config: S3IMNeuSFactoModelConfig, facts: SceneFacts) -> S3IMNeuSFactoModelConfig:
    """The settings with every None replaced by what the preset says.

    Args:
        config: As the user gave it.
        facts: Of the scene: its kind for auto, whether it has masks, and where its depth comes from.

    Raises:
        InputError: If settings contradict each other or are out of range.
    """
    kind = (facts.scene_kind or "object") if config.scene_kind == "auto" else config.scene_kind
    if (config.style, kind) not in PRESETS:
        raise InputError(f"There is no preset for {_FLAG}.style {config.style} and {_FLAG}.scene-kind {kind}.")
    preset = _completed(dict(PRESETS[config.style, kind]), config, kind, facts)
    of_field = {name.removeprefix("sdf_field."): name for name in preset if name.startswith("sdf_field.")}
    sdf_field = replace(config.sdf_field, **_missing(config.sdf_field, {k: preset[v] for k, v in of_field.items()}))
    of_model = {name: value for name, value in preset.items() if name not in of_field.values()}
    # Of an object, a depth camera knows less than the photos' outlines say.
    has_depth = config.style == "ours" and kind == "room" and facts.depth_source in _SENSORS
    depth = config.depth.decided(has_depth)
    result = replace(config, scene_kind=kind, sdf_field=sdf_field, depth=depth, **_missing(config, of_model))
    _check(result)
    return result


def _completed(
    preset: dict[str, Any], config: S3IMNeuSFactoModelConfig, kind: str, facts: SceneFacts
) -> dict[str, Any]:
    """The preset with what follows from other settings and from the data."""
    masked = facts.has_foreground_mask
    preset.setdefault("background_model", "none" if masked else "nerf++")
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
    return preset


def _missing(config: Any, preset: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in preset.items() if getattr(config, name) is None}


def _check(config: S3IMNeuSFactoModelConfig) -> None:
    def refuse(name: str, value: object, what: str) -> None:
        raise InputError(f"{_FLAG}.{name.replace('_', '-')} is {value}: {what}.")

    if config.sphere_radius is not None and not 0 < config.sphere_radius < math.inf:
        refuse("sphere_radius", config.sphere_radius, "give a length above 0, in scene units")
    if config.sphere_center is not None and not all(map(math.isfinite, config.sphere_center)):
        refuse("sphere_center", config.sphere_center, "give three finite numbers, in scene units")
    assert config.unit_share is not None
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
    for name in _WEIGHTS:
        if not 0 <= getattr(config, name) < math.inf:
            refuse(name, getattr(config, name), "give a weight of 0 or above")
    if config.proposal_update_every < 1:
        refuse("proposal_update_every", config.proposal_update_every, "give a number of steps, 1 or more")
    for name in ("near_plane", "far_plane"):
        value = getattr(config, name)
        if value is not None and not value > 0:
            refuse(name, value, "give a distance above 0")
    if config.far_plane is not None and config.far_plane <= config.near_plane:
        refuse("far_plane", config.far_plane, f"give a distance beyond the near-plane of {config.near_plane}")
    sdf_field = config.sdf_field
    if sdf_field.unlock_every and not 1 <= sdf_field.first_levels <= sdf_field.num_levels:
        refuse("sdf_field.first_levels", sdf_field.first_levels, f"give 1 to {sdf_field.num_levels} levels")
