"""What S3IM-TensoRF's settings are where the user gives none: one table for each style, and what a scene adds to it.

``original`` is the code of TensoRF (Chen et al., ECCV 2022) with the settings that S3IM's authors published for
Replica's rooms, and of the lego scene for objects; ``nerfstudio`` is nerfstudio 1.1.5's tensorf; ``ours`` is what
measured best.
"""

from dataclasses import replace
from typing import Any

from nerfstudio.models.base_model import ModelConfig

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.models.presets import Presets, check_weights, chosen_preset, filled, refuse

_ORIGINAL: dict[str, Any] = {
    "space": "box",
    "box_scale": 1.0,
    "near_plane": 0.0,
    "far_plane": 1000.0,
    "sampling": "steps",
    "density_activation": "softplus",
    "density_shift": -10.0,
    "distance_scale": 25.0,
    "color_weight_threshold": 1e-4,
    "resolution_by_axis": True,
    "encoding_octaves": "original",
    "alpha_mask_steps": (2000, 4000),
    "shrink_box_steps": (2000,),
    "filter_rays_step": 4000,
    "tv_density": 0.0,
    "tv_color": 0.0,
    "tv_decay": 0.1,
    "l1_density": 0.0,
    "l1_density_rest": 0.0,
    "upsampling_restarts": "all",
}

_NERFSTUDIO: dict[str, Any] = {
    **_ORIGINAL,
    "background_color": "white",
    "sampling": "uniform-pdf",
    "density_activation": "relu",
    "density_shift": 0.0,
    "distance_scale": 1.0,
    "color_weight_threshold": 0.0,
    "resolution_by_axis": False,
    "encoding_octaves": "nerfstudio",
    "alpha_mask_steps": (),
    "shrink_box_steps": (),
    "filter_rays_step": -1,
    "upsampling_restarts": "encodings",
}

_OURS: dict[str, Any] = {
    **_ORIGINAL,
    # At the original's -10 nothing weighs enough at first to get a colour, and a room never leaves that fog.
    "density_shift": -4.0,
    "sampling": "uniform-pdf",
    "alpha_mask_steps": (),
    "shrink_box_steps": (),
    "filter_rays_step": -1,
    "upsampling_restarts": "none",
}

_USUAL_RANGE = ModelConfig().collider_params

PRESETS: Presets = {
    ("original", "room"): {
        **_ORIGINAL,
        "background_color": "coin",
        # The original takes the data's own box times 1.2.
        "box_scale": 1.8,
        "near_plane": 0.05,
        "tv_density": 1e-3,
        "tv_color": 1e-4,
    },
    ("original", "object"): {
        **_ORIGINAL,
        "background_color": "white",
        "l1_density": 8e-5,
        "l1_density_rest": 4e-5,
    },
    ("nerfstudio", "room"): _NERFSTUDIO,
    ("nerfstudio", "object"): _NERFSTUDIO,
    ("ours", "room"): {
        **_OURS,
        "background_color": "last_sample",
        "space": "contraction",
        "near_plane": 0.05,
        "tv_density": 1e-3,
        "tv_color": 1e-4,
    },
    ("ours", "object"): {
        **_OURS,
        "background_color": "white",
        "l1_density": 8e-5,
        "l1_density_rest": 4e-5,
    },
}


def with_preset(config: Any, facts: SceneFacts) -> Any:
    """The settings with every None replaced by what the preset says.

    Args:
        config: With the fields of :class:`~s3im_methods.models.tensorf_settings.TensoRFSettings` and of nerfstudio's
            TensoRF.
        facts: Of the scene: what of them is about cut-out objects.

    Raises:
        InputError: If settings contradict each other or are out of range.
    """
    box_scale = facts.object_box_scale
    kind, preset = chosen_preset(config, PRESETS, "room" if box_scale is None else "object")
    if facts.has_transparent_background and preset["background_color"] == "last_sample":
        # That would be before black, where the method collapses without S3IM.
        preset["background_color"] = "white"
    if kind == "object" and box_scale is not None:
        preset["box_scale"] *= box_scale
    if config.tensorf_encoding == "cp":
        # No planes, no total variation, unless the user asks for it and is told.
        preset |= {"tv_density": 0.0, "tv_color": 0.0}
        if config.style == "original":
            # Of its settings for CP, whatever the scene; its VM has other weights.
            preset |= {"l1_density": 1e-5, "l1_density_rest": 1e-5}
    result = filled(replace(config, scene_kind=kind), preset)
    if config.style != "nerfstudio":
        # The port's regularisers give way to those with weights of their own.
        result.regularization = "none"
    if config.style != "nerfstudio" and kind == "room" and config.collider_params in (None, _USUAL_RANGE):
        # What is left to these is the range of colours in pictures of depth.
        result.collider_params = {"near_plane": 0.0, "far_plane": 4.0}
    _check(result)
    return result


def _check(config: Any) -> None:
    if config.space == "contraction" and config.sampling == "steps":
        refuse("sampling", "steps", "equal steps need a bounded scene, so set --pipeline.model.space box")
    if config.space == "contraction" and config.shrink_box_steps:
        refuse("shrink_box_steps", config.shrink_box_steps, "only a scene with --pipeline.model.space box has a box")
    stray = set(config.shrink_box_steps or ()) - set(config.alpha_mask_steps or ())
    if stray:
        refuse("shrink_box_steps", config.shrink_box_steps, "each of them must be one of alpha-mask-steps too")
    if config.shrink_box_steps and not config.resolution_by_axis:
        refuse("shrink_box_steps", config.shrink_box_steps, "a box that shrinks needs resolution-by-axis True")
    for name in ("step_ratio", "distance_scale", "box_scale", "tv_decay"):
        if not getattr(config, name) > 0:
            refuse(name, getattr(config, name), "give a number above 0")
    for name in ("regularization_decay_steps", "max_steps"):
        if getattr(config, name) < 1:
            refuse(name, getattr(config, name), "give 1 or more")
    check_weights(config, ("tv_density", "tv_color", "l1_density", "l1_density_rest"))
    if list(config.upsampling_iters) != sorted(set(config.upsampling_iters)):
        refuse("upsampling_iters", config.upsampling_iters, "give steps in rising order, each once")
    if config.tensorf_encoding == "cp" and (config.tv_density or config.tv_color):
        refuse("tensorf_encoding", "cp", "CP has no planes, so set tv-density and tv-color to 0")
    if config.tensorf_encoding == "cp" and config.regularization == "tv":
        refuse("regularization", "tv", "CP has no planes, so give l1 or none")
