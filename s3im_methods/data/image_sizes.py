"""Sizes in pixels: one rule for images, masks, cameras and all that is measured in pixels, at any resolution.

A side is scaled and rounded down. Where an image's own size is known, it counts, and its camera follows.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataParser, DataParserConfig, DataparserOutputs
from PIL import Image
from torch import Tensor

from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

RADIUS_KEY = "fisheye_crop_radius"
"""Of the cameras' metadata: the radius of a fisheye image's usable circle, in pixels."""

_FLAG = "--pipeline.datamanager.camera-res-scale-factor"


# Of a picture in most formats.
_LARGEST_SIDE = 65535


def scaled_side(side: int, factor: float) -> int:
    """A side of an image at another resolution.

    Args:
        side: In pixels.
        factor: What the resolution is multiplied by.

    Example:
        >>> scaled_side(271, 0.5), scaled_side(180, 0.7), scaled_side(3, 0.33)
        (135, 126, 0)
    """
    # The small number undoes rounding: 180 * 0.7 is 125.99999999999999.
    return math.floor(side * factor + 1e-6)


def check_factor(factor: float) -> None:
    """Refuse what is no factor of a resolution.

    Args:
        factor: The setting ``camera_res_scale_factor``.

    Raises:
        InputError: If it is not a positive number.
    """
    if not (math.isfinite(factor) and factor > 0):
        raise InputError(f"{_FLAG} is {factor:g}: give a number above 0, 1 for the images as they are.")


def whole_downscale_factor(config: DataParserConfig) -> None:
    """Make a data parser's downscale factor a whole number, by which its folders are named.

    ``ns-render dataset`` sets it to a number with a fraction, so that the parser looks for ``images_2.0``.

    Args:
        config: The data parser's configuration, changed in place.

    Raises:
        InputError: If it is no whole number.
    """
    factor = getattr(config, "downscale_factor", None)
    if not isinstance(factor, float):
        return
    if not (factor >= 1 and factor.is_integer()):
        raise InputError(f"--downscale-factor is {factor:g}: give a whole number, by which a folder is named.")
    config.downscale_factor = int(factor)  # type: ignore[attr-defined]


def scaled_cameras(cameras: Cameras, factor: float, images: Sequence[Path] = ()) -> Cameras:
    """Cameras of images whose resolution is multiplied by a factor.

    Focal lengths and principal points are multiplied by what width and height really grow by, which rounding to whole
    pixels makes differ from the factor.

    Args:
        cameras: ``N`` cameras.
        factor: What the resolution is multiplied by.
        images: Their images, for the sentence.

    Returns:
        New cameras; the same where the factor is 1.

    Raises:
        InputError: If the factor is not a positive number, or leaves an image without a pixel.
    """
    check_factor(factor)
    if factor == 1.0:
        return cameras
    width, height = (_scaled_sides(sides, factor) for sides in (cameras.width, cameras.height))
    empty = (torch.minimum(width, height) < 1).flatten().nonzero().flatten().tolist()
    if empty:
        name = f" {quote(images[empty[0]])}" if images else ""
        sides = f"{int(cameras.width[empty[0]])} x {int(cameras.height[empty[0]])}"
        raise InputError(f"{_FLAG} {factor:g} leaves no pixel of the image{name} of {sides} pixels: raise it.")
    largest = int(torch.maximum(width, height).max())
    if largest > _LARGEST_SIDE:
        raise InputError(f"{_FLAG} {factor:g} makes images whose longer side has {largest} pixels: give 1 or less.")
    by_width, by_height = width / cameras.width, height / cameras.height
    return replace(
        cameras,
        width=width,
        height=height,
        fx=cameras.fx * by_width,
        cx=cameras.cx * by_width,
        fy=cameras.fy * by_height,
        cy=cameras.cy * by_height,
        metadata=_with_radius(cameras.metadata, factor),
    )


def _scaled_sides(sides: Tensor, factor: float) -> Tensor:
    values, place = sides.unique(return_inverse=True)
    scaled = [scaled_side(side, factor) for side in values.tolist()]
    return torch.tensor(scaled, dtype=sides.dtype, device=sides.device)[place]


def _with_radius(metadata: dict | None, factor: float) -> dict | None:
    if not metadata or metadata.get(RADIUS_KEY) is None:
        return metadata
    return {**metadata, RADIUS_KEY: metadata[RADIUS_KEY] * factor}


def with_own_sizes(outputs: DataparserOutputs, dataparser: DataParser) -> DataparserOutputs:
    """A split whose cameras have the sizes of its downscaled images, where these were rounded another way.

    Tools that write downscaled copies round up, down or to the nearest, and nerfstudio's parsers do not look. A crop
    radius, which they leave as it was, is divided by the factor.

    Args:
        outputs: The split, as parsed.
        dataparser: What parsed it.

    Returns:
        The split; the same where no image is downscaled. An image that differs by more than rounding explains, or that
        cannot be read, is left for the checks of the scene to refuse.
    """
    # By one of these names, of which the last is what the user asked for.
    chosen = [getattr(dataparser, name, None) for name in ("downscale_factor", "_downscale_factor")]
    factor = next((one for one in [*chosen, getattr(dataparser.config, "downscale_factor", None)] if one), 1)
    if factor <= 1:
        return outputs
    cameras = outputs.cameras
    sizes = [
        _own_size(path, (int(width), int(height)))
        for path, width, height in zip(outputs.image_filenames, cameras.width, cameras.height, strict=True)
    ]
    width, height = torch.tensor(sizes, device=cameras.device).T[..., None]
    metadata = _with_radius(cameras.metadata, 1 / factor)
    return replace(outputs, cameras=replace(cameras, width=width, height=height, metadata=metadata))


def _own_size(path: Path, expected: tuple[int, int]) -> tuple[int, int]:
    try:
        with Image.open(path) as file:
            found = file.size
    except (OSError, ValueError):
        return expected
    return found if are_near(found, expected, 2) else expected


def are_near(size: tuple[int, int], other: tuple[int, int], downscale_factor: int) -> bool:
    """Whether two sizes are the same, or may be for downscaled copies, which tools round in different ways.

    Args:
        size: In pixels.
        other: Another, in pixels.
        downscale_factor: By what the images were downscaled; 1 for originals.

    Example:
        >>> are_near((136, 240), (135, 240), 2), are_near((136, 240), (135, 240), 1)
        (True, False)
    """
    most = 1 if downscale_factor > 1 else 0
    return all(abs(a - b) <= most for a, b in zip(size, other, strict=True))
