"""Refuse, before the work, what an ``ns-export`` command cannot do or would pass over in silence."""

import math
from typing import Any

from s3im_methods.errors import InputError
from s3im_methods.exporters.ns_export.command import flag, is_given

_LEAST = {
    **{"num_points": 1, "num_rays_per_batch": 1, "downscale_factor": 1, "batch_size": 1, "num_pixels_per_side": 1},
    **{"px_per_uv_triangle": 2, "target_num_faces": 4},
}
_OBB = ("obb_center", "obb_rotation", "obb_scale")
_TEXTURE = ("px_per_uv_triangle", "unwrap_method", "num_pixels_per_side", "target_num_faces")
_BOX = ("bounding_box_min", "bounding_box_max")
# Under a flag's value, other flags that nerfstudio does not read.
_IDLE: list[tuple[str, Any, tuple[str, ...]]] = [
    ("texture_method", "tsdf", _TEXTURE),
    ("texture_method", "point_cloud", _TEXTURE),
    ("unwrap_method", "xatlas", ("px_per_uv_triangle",)),
    ("unwrap_method", "custom", ("num_pixels_per_side",)),
    ("remove_outliers", False, ("std_ratio",)),
    ("normal_method", "open3d", ("normal_output_name",)),
    ("use_bounding_box", False, _BOX),
    ("refine_mesh_using_initial_aabb_estimate", False, ("refinement_epsilon",)),
]


def check_flags(command: Any, model_config: Any) -> None:
    """Look at the flags alone.

    Args:
        command: A running ``ns-export`` command.
        model_config: Of the run's model.

    Raises:
        InputError: If a value is out of range, a box is empty, or a flag has no effect.
    """
    _check_kind(command, model_config)
    for name, least in _LEAST.items():
        value = getattr(command, name, None)
        if value is not None and value < least:
            raise InputError(f"{flag(name)} is {value}: give {least} or more.")
    if not 0 < getattr(command, "std_ratio", 1.0) < math.inf:
        raise InputError(f"--std-ratio is {command.std_ratio:g}: give a number above 0.")
    if not 0 <= getattr(command, "refinement_epsilon", 0.0) < math.inf:
        raise InputError(f"--refinement-epsilon is {command.refinement_epsilon:g}: give 0 or more.")
    if not math.isfinite(getattr(command, "isosurface_threshold", 0.0)):
        raise InputError(f"--isosurface-threshold is {command.isosurface_threshold:g}: give a finite number.")
    _check_resolution(command)
    _check_boxes(command)
    for name, value, idle in _IDLE:
        for other in idle:
            if getattr(command, name, None) == value and hasattr(command, other) and is_given(command, other):
                raise InputError(f"{flag(other)} has no effect with {flag(name)} {value}: leave it out.")


def _check_kind(command: Any, model_config: Any) -> None:
    kind = type(command).__name__
    if kind == "ExportGaussianSplat":
        raise InputError(
            "ns-export gaussian-splat needs splatfacto, and this run has no Gaussians: use ns-export pointcloud or "
            "s3im export-mesh."
        )
    if kind == "ExportMarchingCubesMesh" and not hasattr(model_config, "sdf_field"):
        raise InputError(
            "ns-export marching-cubes needs a method with a signed distance, for instance s3im-neus-facto: use s3im "
            "export-mesh, which makes meshes of densities too."
        )
    if getattr(command, "simplify_mesh", False):
        raise InputError(
            "--simplify-mesh has no effect in nerfstudio: leave it out, and give --target-num-faces, which simplifies "
            "the textured mesh."
        )


def _check_resolution(command: Any) -> None:
    resolution = getattr(command, "resolution", None)
    if resolution is None:
        return
    if type(command).__name__ == "ExportMarchingCubesMesh":
        if resolution < 512 or resolution % 512:
            raise InputError(
                f"--resolution is {resolution}: give a multiple of 512, or use s3im export-mesh, which takes any."
            )
        return
    sides = [resolution] * 3 if isinstance(resolution, int) else list(resolution)
    if len(sides) != 3 or min(sides) < 2:
        given = " ".join(map(str, sides if len(sides) != 3 or not isinstance(resolution, int) else [resolution]))
        raise InputError(f"--resolution is {given}: give one number, or three for x, y and z, of 2 or more.")


def _check_boxes(command: Any) -> None:
    for name in (*_OBB, *_BOX):
        corner = getattr(command, name, None)
        if corner is not None and not all(map(math.isfinite, corner)):
            raise InputError(f"{flag(name)} is {' '.join(f'{v:g}' for v in corner)}: give three finite numbers.")
    if all(hasattr(command, name) for name in _BOX):
        for axis, low, high in zip("xyz", command.bounding_box_min, command.bounding_box_max, strict=True):
            if not low < high:
                raise InputError(
                    f"The box is empty: along {axis} it runs from {low:.4g} to {high:.4g}. Give another "
                    "--bounding-box-min or --bounding-box-max."
                )
    lacking = [flag(name) for name in _OBB if hasattr(command, name) and getattr(command, name) is None]
    if 0 < len(lacking) < len(_OBB):
        raise InputError(f"An oriented box needs all of its flags: give {' and '.join(lacking)} too.")
    scale = getattr(command, "obb_scale", None)
    if scale is not None and not min(scale) > 0:
        raise InputError(f"--obb-scale is {' '.join(f'{v:g}' for v in scale)}: give three sides above 0.")
