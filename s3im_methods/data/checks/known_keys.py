"""The keys of transforms.json that are read, those that say nothing about training, and those that would change it.

Of nerfstudio (``nerfstudio-data``, ns-process-data), instant-ngp (its loader and colmap2nerf.py), and what writes these
formats: Polycam, Record3D, KIRI, RealityCapture and Metashape through ns-process-data, COLMAP, Kapture and sdfstudio.
"""

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

_INTRINSICS = ("fl_x", "fl_y", "cx", "cy", "w", "h", "k1", "k2", "k3", "k4", "p1", "p2", "distortion_params")
_READ_AT_TOP = (
    *_INTRINSICS,
    *("frames", "camera_model", "is_fisheye", "orientation_override", "fisheye_crop_radius", "ply_file_path"),
    *("train_filenames", "val_filenames", "test_filenames", "applied_transform", "applied_scale"),
    *("depth_unit_scale_factor", "integer_depth_scale", "depth_scale", "png_depth_scale"),
    *("depth_unit", "depth_units", "depth_is_euclidean", "is_euclidean_depth"),
)
_READ_IN_FRAMES = (
    *_INTRINSICS,
    *("file_path", "transform_matrix", "camera_model", "mask_path", "depth_file_path", "normal_file_path"),
    *("mono_depth_file_path", "confidence_file_path", "depth_unit_scale_factor", "integer_depth_scale"),
    *("depth_scale", "png_depth_scale", "depth_unit", "depth_units", "depth_is_euclidean", "is_euclidean_depth"),
)
# Known, and without a say in how a scene is trained here.
_SILENT = frozenset(
    (
        # instant-ngp: where its own unit cube lies, by what it renders, and fields of view beside focal lengths.
        *(
            "aabb_scale",
            "aabb",
            "scale",
            "offset",
            "render_aabb",
            "render_aabb_to_local",
            "up",
            "from_na",
            "fix_premult",
        ),
        *(
            "camera_angle_x",
            "camera_angle_y",
            "x_fov",
            "y_fov",
            "fov",
            "sharpness",
            "sharpen",
            "n_extra_learnable_dims",
        ),
        *(
            "white_transparent",
            "black_transparent",
            "enable_depth_loading",
            "enable_ray_loading",
            "hdr",
            "wants_importance",
        ),
        # Who wrote a frame, when and of what.
        *("colmap_im_id", "colmap_image_id", "image_id", "camera_id", "cam_id", "id", "index", "frame_index", "name"),
        *("timestamp", "timestamps", "timestamp_ms", "capture_time", "source", "original_fn", "original_file_path"),
        *("file_size", "size", "md5", "sha256", "seed", "comment", "description", "version", "generator", "license"),
        *("near_far", "near", "far", "scene_box", "bounds", "rotation", "exif", "iso", "shutter", "exposure_time"),
        *(
            "blur_score",
            "blur",
            "mean_luminance",
            "neighbors",
            "manual_keyframe",
            "is_test",
            "split",
            "label",
            "labels",
        ),
        *("depth_confidence_path", "semantic_path", "instance_path", "segmentation_path", "scale_mat_world_to_dtu_mm"),
        *("worldtogt", "scale_mat", "cameras", "model_id", "scene", "scene_id", "scene_name", "units", "points"),
        *("mono_depth_path", "mono_normal_path", "sensor_depth_path", "rgb_path", "camtoworld", "intrinsics"),
        *("has_mono_prior", "has_sensor_depth", "has_foreground_mask", "pairs", "height", "width", "sky_mask_path"),
    )
)
# Known, and they would change rays; what they say where they say nothing.
_NOT_HONOURED: Mapping[str, str] = {
    "k5": "nerfstudio has fewer radial terms",
    "k6": "nerfstudio has fewer radial terms",
    "p3": "nerfstudio has fewer tangential terms",
    "p4": "nerfstudio has fewer tangential terms",
    "b1": "nerfstudio has no such term",
    "b2": "nerfstudio's cameras have no skew",
    "skew": "nerfstudio's cameras have no skew",
    "s1": "nerfstudio has no thin prism terms",
    "s2": "nerfstudio has no thin prism terms",
    "rolling_shutter": "every image counts as taken at one moment",
    "rolling_shutter_time": "every image counts as taken at one moment",
    "time": "the scene counts as standing still",
    "motionblur_amount": "every image counts as sharp",
    "transform_matrix_start": "every image counts as taken at one moment",
    "transform_matrix_end": "every image counts as taken at one moment",
}
_NEAR = 0.8


def unread_lines(
    meta: Mapping[str, Any], frames: list[dict], place: str, unread: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """What the file says that is not read, as far as that may matter.

    Args:
        meta: What it holds.
        frames: Its frames.
        place: The file, for the sentence.
        unread: Keys of nerfstudio's that this data parser does not read, each with what holds in its place.

    Returns:
        One sentence for keys that would change training, and one for keys that look misspelt; empty where all is well.
    """
    found: dict[str, list[Any]] = {}
    for frame in frames:
        for key, value in frame.items():
            found.setdefault(key, []).append(value)
    groups = [(meta, _READ_AT_TOP, ""), (found, _READ_IN_FRAMES, " of its frames")]
    unmet, misspelt = [], []
    for holder, read, where in groups:
        for key, value in holder.items():
            values = value if holder is found else [value]
            if reason := {**_NOT_HONOURED, **unread}.get(key):
                if any(_says_something(key, values)):
                    unmet.append(f"`{key}`{where} ({reason})")
            elif key not in read and key not in _SILENT and (near := _nearest(key, read)) and near not in holder:
                misspelt.append(f"`{key}`{where} is not read: did you mean `{near}`?")
    lines = []
    if unmet:
        lines.append(f"{place} gives {', '.join(unmet)}: this is ignored.")
    if misspelt:
        lines.append(f"In {place} {' '.join(misspelt)}")
    return lines


def _says_something(key: str, values: list[Any]) -> Iterable[bool]:
    if key in ("time", "transform_matrix_start", "transform_matrix_end"):
        return [len({repr(value) for value in values}) > 1]
    return (value not in (0, 0.0, None, False, [], "") and any(_flat(value)) for value in values)


def _flat(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _nearest(key: str, read: tuple[str, ...]) -> str | None:
    # Of two letters, every one is near to some other.
    close = difflib.get_close_matches(key.lower(), [name for name in read if len(name) > 2], 1, _NEAR)
    return close[0] if close else None
