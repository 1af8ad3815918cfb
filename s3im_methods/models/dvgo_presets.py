"""What S3IM-DVGO's settings are where the user gives none: one table for each style and kind of scene.

``original`` is DVGO's code (Sun et al., CVPR 2022) for objects, and for rooms the settings that S3IM's authors
published for Replica; ``ours`` is what measured best.
"""

from dataclasses import replace
from typing import Any

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.models.depth_supervision import DEPTH_MAPS
from s3im_methods.models.presets import Presets, check_weights, chosen_preset, filled, refuse

# The original compares the opacity of a voxel of the finer grid, and we that of a step of half a voxel of the coarser.
_OF_A_STEP = 0.5 * 2 ** (1 / 3)

_BOX: dict[str, Any] = {
    "mask_by": "alpha",
    "space": "box",
    "box_scale": 1.0,
    "rim": 0.2,
    "contraction_norm": "max",
    "near_plane": 0.0,
    "near_reach": 0.0,
}
_CONTRACTION: dict[str, Any] = {
    "background_color": "random",
    "space": "contraction",
    "box_scale": 1.0,
    "rim": 0.2,
    "near_plane": 0.05,
    "near_reach": 0.0,
    "coarse_steps": 0,
    "coarse_rate": 1.0,
    "coarse_view_counts": False,
    "coarse_alpha_init": 1e-6,
    "coarse_step_ratio": 0.5,
    "keep_coarse": False,
    "mask_by": "alpha",
    "mask_threshold": 1e-3,
}

PRESETS: Presets = {
    ("original", "object"): {
        **_BOX,
        "background_color": "white",
        "coarse_steps": 5000,
        "coarse_alpha_init": 1e-6,
        "coarse_rate": 1.0,
        "coarse_view_counts": True,
        "alpha_init": 1e-2,
        "keep_coarse": False,
        "mask_threshold": 1e-3,
        "mask_refresh_threshold": _OF_A_STEP * 1e-4,
        "scaling_steps": (1000, 2000, 3000, 4000),
        "scaling_restarts": True,
        "scaling_shift": 1.0,
        "step_ratio": 0.5,
        "coarse_step_ratio": 0.5,
        "jitter": False,
        "color_weight_threshold": 1e-4,
        # At first no sample of the coarse stage weighs as much.
        "coarse_color_weight_threshold": 0.0,
        "threshold_ramp": (),
        "tv_density": 0.0,
        "tv_color": 0.0,
        "entropy_mult": 1e-3,
        "point_color_mult": 1e-2,
        "distortion_mult": 0.0,
    },
    ("ours", "object"): {
        **_BOX,
        "background_color": "white",
        "coarse_steps": 60,
        "coarse_alpha_init": 1e-2,
        "coarse_rate": 2.0,
        "coarse_view_counts": True,
        "alpha_init": 1e-2,
        "keep_coarse": True,
        "mask_threshold": 0.1,
        "mask_refresh_threshold": 5e-3,
        "scaling_steps": (100, 220),
        "scaling_restarts": False,
        "scaling_shift": 0.0,
        "step_ratio": 0.75,
        "coarse_step_ratio": 1.0,
        "jitter": True,
        "color_weight_threshold": 2e-3,
        "coarse_color_weight_threshold": 2e-3,
        "threshold_ramp": (),
        "tv_density": 0.0,
        "tv_color": 0.0,
        "entropy_mult": 0.0,
        "point_color_mult": 0.0,
        "distortion_mult": 0.0,
    },
    ("original", "room"): {
        **_CONTRACTION,
        "contraction_norm": "euclidean",
        "alpha_init": 1e-4,
        "scaling_steps": (1000, 2000, 3000, 4000, 5000, 6000, 7000),
        "scaling_restarts": True,
        "scaling_shift": 1.0,
        "step_ratio": 0.5,
        "jitter": False,
        "mask_refresh_threshold": _OF_A_STEP * 1e-4,
        "color_weight_threshold": 1e-4,
        "coarse_color_weight_threshold": 0.0,
        "threshold_ramp": (0.05, 0.1, 0.25, 1 / 3, 0.5, 1.0),
        "tv_density": 1e-6,
        "tv_color": 1e-7,
        "entropy_mult": 1e-3,
        "point_color_mult": 1e-2,
        "distortion_mult": 1e-2,
    },
    ("ours", "room"): {
        **_CONTRACTION,
        "contraction_norm": "max",
        "rim": 0.5,
        "box_scale": 1.5,
        "coarse_steps": 50,
        "coarse_alpha_init": 1e-2,
        "coarse_rate": 2.0,
        "coarse_step_ratio": 1.0,
        "keep_coarse": True,
        "mask_by": "weight",
        "mask_threshold": 0.05,
        "mask_refresh_threshold": 0.03,
        "alpha_init": 1e-2,
        "scaling_steps": (150, 300, 500),
        "scaling_restarts": False,
        "scaling_shift": 0.0,
        "step_ratio": 1.0,
        "jitter": True,
        "color_weight_threshold": 2e-3,
        "coarse_color_weight_threshold": 2e-3,
        "threshold_ramp": (),
        "tv_density": 0.0,
        "tv_color": 0.0,
        "entropy_mult": 0.0,
        "point_color_mult": 0.0,
        "distortion_mult": 0.1,
        "near_reach": 1.0,
    },
}

_WEIGHTS = (
    "tv_density",
    "tv_color",
    "entropy_mult",
    "point_color_mult",
    "distortion_mult",
    "opacity_loss_mult",
    "coarse_loss_factor",
)
_SHARES = (
    "least_transmittance",
    "color_weight_threshold",
    "coarse_color_weight_threshold",
    "mask_refresh_threshold",
)
_ABOVE_ZERO = ("box_scale", "rim", "coarse_rate")
# Below a hundredth of a voxel a ray has thousands of samples, above ten it steps over what the grid holds.
_STEPS = 0.01, 10.0


def with_preset(config: Any, facts: SceneFacts) -> Any:
    """The settings with every None replaced by what the preset says.

    Args:
        config: :class:`~s3im_methods.models.s3im_dvgo.S3IMDVGOModelConfig`.
        facts: Of the scene: what of them is about cut-out objects.

    Raises:
        InputError: If settings contradict each other or are out of range.
    """
    in_a_room = facts.object_sphere is None or facts.scene_kind == "room"
    kind, preset = chosen_preset(config, PRESETS, "room" if in_a_room else "object")
    if facts.has_transparent_background:
        preset["background_color"] = "white"
    elif config.style == "ours" and kind == "object":
        # Nothing else tells fog of the background's colour from empty space.
        preset["entropy_mult"] = 5e-3
    has_depth = config.style == "ours" and kind == "room" and facts.depth_source in DEPTH_MAPS
    depth = config.depth.bounded_where(has_depth)
    if has_depth and depth.weight() > 0:
        # Depth maps say that there is no fog.
        preset["near_reach"] = 0.0
    result = filled(replace(config, scene_kind=kind, depth=depth), preset)
    # The colours of the coarse stage are no pictures yet.
    result.s3im = replace(result.s3im, start_step=max(result.s3im.start_step, result.coarse_steps))
    _check(result)
    return result


def rescaled_alpha_init(config: Any) -> float:
    """Opacity of one step of the coarse stage at its start, where no density was learned.

    Example:
        >>> from s3im_methods.models.s3im_dvgo import S3IMDVGOModelConfig
        >>> settings = S3IMDVGOModelConfig(coarse_resolution=48, coarse_alpha_init=1e-2, coarse_step_ratio=1.0)
        >>> round(rescaled_alpha_init(settings), 4)
        0.0329
    """
    interval = config.coarse_step_ratio * config.resolution / config.coarse_resolution
    return 1 - (1 - config.coarse_alpha_init) ** interval


def _check(config: Any) -> None:
    check_weights(config, _WEIGHTS)
    for name in _ABOVE_ZERO:
        if not 0 < getattr(config, name) < float("inf"):
            refuse(name, getattr(config, name), "give a number above 0")
    for name in ("step_ratio", "coarse_step_ratio"):
        if not _STEPS[0] <= getattr(config, name) <= _STEPS[1]:
            refuse(name, getattr(config, name), f"give {_STEPS[0]:g} to {_STEPS[1]:g} voxels")
    if not 0 <= config.near_plane < float("inf"):
        refuse("near_plane", config.near_plane, "give a distance of 0 or more, in scene units")
    for name in _SHARES:
        if not 0 <= getattr(config, name) < 1:
            refuse(name, getattr(config, name), "give a share of 0 or more, below 1")
    if not all(0 <= factor <= 1 for factor in config.threshold_ramp):
        refuse("threshold_ramp", config.threshold_ramp, "give factors of 0 to 1")
    for name, least in (("network_width", 1), ("network_layers", 1), ("direction_octaves", 0)):
        if getattr(config, name) < least:
            refuse(name, getattr(config, name), f"give {least} or more")
    for name in ("alpha_init", "coarse_alpha_init", "floor_alpha", "mask_threshold"):
        if not 0 < getattr(config, name) < 1:
            refuse(name, getattr(config, name), "give an opacity between 0 and 1")
    for name in ("resolution", "coarse_resolution"):
        if getattr(config, name) < 4:
            refuse(name, getattr(config, name), "give at least 4")
    if config.features < 3:
        refuse("features", config.features, "give at least 3, of which the first three are the colour")
    if not 0 <= config.near_reach < float("inf"):
        refuse("near_reach", config.near_reach, "give a distance, or 0 for full rate everywhere")
    if config.appearance_embed_dim < 0:
        refuse("appearance_embed_dim", config.appearance_embed_dim, "give 0 for none, or a length above 0")
    if config.coarse_steps < 0:
        refuse("coarse_steps", config.coarse_steps, "give 0 or more")
    if list(config.scaling_steps) != sorted(set(config.scaling_steps)) or min(config.scaling_steps, default=1) < 1:
        refuse("scaling_steps", config.scaling_steps, "give steps above 0 in rising order, each once")
    first_side = config.resolution / 2 ** (len(config.scaling_steps) / 3)
    if first_side < 4:
        refuse("scaling_steps", config.scaling_steps, "so many doublings begin with fewer than 4 voxels a side")
    least = rescaled_alpha_init(config)
    if config.coarse_steps and config.mask_by == "alpha" and config.mask_threshold <= least:
        refuse(
            "mask_threshold",
            config.mask_threshold,
            f"space that nobody has seen is {least:.2g} opaque at that resolution, so nothing would be left out. Give "
            "a higher threshold, or a lower coarse-alpha-init",
        )
