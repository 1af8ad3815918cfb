"""Which source of depth a scene offers and the settings ask for."""

from typing import Literal

from s3im_methods.data.depth.listing import DepthListing
from s3im_methods.data.depth.source_config import SENSORS, DepthSourceConfig
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

Chosen = Literal["sensor", "monocular", "sparse", "composite", "none"]

_FLAG = "--pipeline.datamanager.depth"


def which_source(listing: DepthListing, config: DepthSourceConfig) -> Chosen:
    """Settle ``auto`` and ``auto-or-none``, and refuse a source that the scene lacks.

    Args:
        listing: The scene's files.
        config: The settings.

    Raises:
        InputError: If the scene has no depth at all, or none of the kind asked for; it says how to add it.
    """
    where = quote(listing.source) if listing.frames is not None else "the scene"
    monocular = f"{config.monocular_key} per frame (or {_FLAG}.monocular-folder)"
    has_sensor, has_monocular = "sensor" in listing.offers, "monocular" in listing.offers
    reference = listing.has_points or has_sensor or config.alignment == "none"
    if config.source in ("auto", "auto-or-none"):
        if has_sensor:
            return "composite" if has_monocular else "sensor"
        if has_monocular and reference:
            return "monocular"
        if listing.has_points:
            return "sparse"
        if config.source == "auto-or-none":
            return "none"
        if not has_monocular:
            _refuse_parser(listing, "depth", f"train without depth by {_FLAG}.source none")
            raise InputError(
                f"There is no depth in {where}: add depth_file_path to its frames (16-bit PNG in millimetres, or .npy "
                f"in metres), or {monocular} together with a point cloud as ply_file_path, or that point cloud alone, "
                f"or train without depth by {_FLAG}.source none."
            )
    wants_sensor = config.source in SENSORS
    wants_monocular = config.source in ("monocular", "composite", "auto")
    another = f"choose another {_FLAG}.source"
    if wants_sensor and not has_sensor:
        _refuse_parser(listing, "sensor depth", another)
        raise InputError(f"There is no sensor depth in {where}: add depth_file_path to its frames, or {another}.")
    if wants_monocular and not has_monocular:
        _refuse_parser(listing, "monocular depth", another)
        raise InputError(f"There is no monocular depth in {where}: add {monocular}, or {another}.")
    if wants_monocular and not reference:
        raise InputError(
            f"The monocular depth in {where} has nothing to be aligned to: add ply_file_path (as ns-process-data does) "
            f"or depth_file_path, or set {_FLAG}.alignment none if its files hold metres."
        )
    if config.source == "sparse" and not listing.has_points:
        _refuse_parser(listing, "depth of a reconstruction's points", another)
        raise InputError(
            f"There are no sparse points in {where}: add a point cloud as ply_file_path, as ns-process-data does, or "
            f"{another}."
        )
    return "monocular" if config.source == "auto" else config.source


def _refuse_parser(listing: DepthListing, what: str, otherwise: str) -> None:
    """Where the scene has no transforms.json, nothing can be added to its frames."""
    if listing.frames is None:
        raise InputError(
            f"The scene's data parser finds no {what}: {otherwise}, or make a scene for nerfstudio-data by "
            "ns-process-data. For an existing COLMAP model give it --skip-colmap and --colmap-model-path."
        )
