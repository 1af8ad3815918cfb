"""The tables that a sampler draws from, built once per set of masks, and the refusal of images they leave empty."""

from collections.abc import Iterable, Sequence
from functools import cache

import torch
from torch import Tensor

from s3im_methods.errors import InputError
from s3im_methods.samplers.patches import patch_corners
from s3im_methods.samplers.pixel_runs import PixelRuns, runs_of
from s3im_methods.samplers.wide_cameras import crop_circle

_FLAG = "--pipeline.datamanager.pixel-sampler"


def build_tables(
    sizes: Sequence[tuple[int, int]],
    masks: Iterable[Tensor] | None,
    names: Sequence[str],
    patch_size: int | None,
    crop_radius: float | None = None,
) -> dict[int, PixelRuns]:
    """Tabulate the pixels that may be drawn, and the corners of the patches that may.

    Args:
        sizes: Each image's height and width, in pixels.
        masks: Each image's mask, ``[H, W, 1]``, nonzero where valid; they may be read one by one. None where all is.
        names: What to call each image in an error message.
        patch_size: The patch's side, in pixels; None where no patches are asked for.
        crop_radius: Radius of a fisheye image's crop circle, in pixels.

    Returns:
        For 1 and for ``patch_size`` the top left corners of the squares of that side that are valid throughout.

    Raises:
        InputError: If an image has no valid pixel, or no room for a patch.
    """
    sides = (1,) if patch_size is None else (1, patch_size)

    def runs_by_side(allowed: Tensor) -> list[Tensor]:
        if crop_radius is not None:
            allowed = allowed & crop_circle(allowed.shape[0], allowed.shape[1], crop_radius)
        return [runs_of(patch_corners(allowed, side)) for side in sides]

    @cache
    def runs_without_mask(size: tuple[int, int]) -> list[Tensor]:
        return runs_by_side(torch.ones(size, dtype=torch.bool))

    per_image = []
    for size, name, mask in zip(sizes, names, [None] * len(sizes) if masks is None else masks, strict=True):
        runs = runs_without_mask(size) if mask is None else runs_by_side(mask[..., 0].bool().cpu())
        for side, of_side in zip(sides, runs, strict=True):
            if len(of_side) == 0:
                raise InputError(_refusal(name, size, side, crop_radius))
        per_image.append(runs)
    return {
        side: PixelRuns(list(of_side), [(height - side + 1, width - side + 1) for height, width in sizes])
        for side, of_side in zip(sides, zip(*per_image, strict=True), strict=True)
    }


def _refusal(name: str, size: tuple[int, int], side: int, crop_radius: float | None) -> str:
    height, width = size
    limit = "its mask" if crop_radius is None else f"its mask, or the fisheye crop radius of {crop_radius:g} pixels,"
    if side == 1:
        return (
            f"Image {name} has no pixel to train on, because {limit} leaves none: mark valid pixels in white, take the "
            f"image out of the scene, or set {_FLAG}.ignore-mask True."
        )
    if side > min(size):
        return (
            f"A patch of {side} x {side} pixels does not fit into image {name} of {width} x {height} pixels (width x "
            f"height): lower {_FLAG}.patch-size, or set {_FLAG}.patch-share 0."
        )
    return (
        f"Image {name} has no room for a patch of {side} x {side} pixels, because {limit} leaves no such square: lower "
        f"{_FLAG}.patch-size, set {_FLAG}.patch-share 0, or enlarge the mask's white area."
    )
