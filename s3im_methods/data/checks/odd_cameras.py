"""Cameras that can be trained with, yet look like a mistake: lenses that see too much, and one that stands far away."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from nerfstudio.cameras.camera_utils import radial_and_tangential_undistort
from nerfstudio.cameras.cameras import Cameras, CameraType
from numpy.typing import NDArray
from torch import Tensor

from s3im_methods.data.wording import has, quote, some, which

# A flat picture hardly reaches so far; what is given as a share of the image's side looks like 127 degrees and more.
_WIDEST = 150.0
# A principal point in pixels is further from the border than this share of the side, one as a share of it is not.
_BORDER = 0.02
_STRETCHED = 2.0
_PANORAMA = 0.02
_FAR = 100.0
# In pixels.
_MISSED = 1.0


def odd_lenses(cameras: Cameras, images: list[Path], source: Path) -> list[str]:
    """What of the intrinsics looks like another unit or a wrong fit.

    Args:
        cameras: ``N`` cameras with finite intrinsics.
        images: Their images.
        source: The scene, for the sentences.

    Returns:
        A sentence each.
    """
    kind = cameras.camera_type.flatten()
    flat = kind == CameraType.PERSPECTIVE.value
    lines = []
    size = torch.cat([cameras.width, cameras.height], dim=-1).double()
    focal = torch.cat([cameras.fx, cameras.fy], dim=-1).double()
    centre = torch.cat([cameras.cx, cameras.cy], dim=-1).double()
    wide = flat & (torch.rad2deg(2 * torch.atan(size / (2 * focal))) > _WIDEST).any(-1)
    lines += _line(
        wide,
        images,
        source,
        lambda k: (
            f"focal lengths of {_pair(focal[k])} pixels in images of {_pair(size[k])}, which see more than "
            f"{_WIDEST:g} degrees"
        ),
        "give them in pixels of these images",
    )
    # By nerfstudio's rule a panorama's rays go all around where these hold.
    whole = torch.stack([size[:, 0] / 2, size[:, 1]], dim=-1)
    off = torch.cat([focal / whole - 1, (centre - size / 2) / size], dim=-1).abs().amax(-1)
    lines += _line(
        (kind == CameraType.EQUIRECTANGULAR.value) & (off > _PANORAMA),
        images,
        source,
        lambda k: (
            f"focal lengths of {_pair(focal[k])} and a principal point of {_pair(centre[k])}, where a panorama of "
            f"{_pair(size[k])} has {_pair(whole[k])} and {_pair(size[k] / 2)}"
        ),
        "give these, unless it shows a part of the sphere only",
    )
    ratio = focal[:, 0] / focal[:, 1]
    lines += _line(
        flat & ~wide & ((ratio > _STRETCHED) | (ratio < 1 / _STRETCHED)),
        images,
        source,
        lambda k: f"focal lengths of {_pair(focal[k])} pixels along x and y",
        "correct one of them, unless the pixels are so far from square",
    )
    outside = flat & ((centre / size - 0.5).abs() > 0.5 - _BORDER).any(-1)
    lines += _line(
        outside,
        images,
        source,
        lambda k: f"a principal point of {_pair(centre[k])} at or beyond the border of images of {_pair(size[k])}",
        "give it in pixels from the upper left corner, unless they are cut out of larger images",
    )
    lens = cameras.distortion_params
    if lens is not None and lens.shape[-1] == 6 and bool(lens.any()):
        bent = (flat | (kind == CameraType.FISHEYE.value)) & ~wide & ~outside
        lines += _line(
            bent & (_left_over(centre, focal, size, lens) > _MISSED),
            images,
            source,
            lambda k: "a lens distortion that cannot be undone out to the image's corners, whose rays are wrong",
            "correct k1, k2, k3, k4, p1 and p2, or leave the corners out by masks",
        )
    return lines


def odd_places(origins: NDArray, images: list[Path], source: Path) -> list[str]:
    """A sentence where a few cameras stand so far away that nothing is left of the distances between the others.

    Args:
        origins: Where the cameras stand, ``[N, 3]``, not all at one place.
        images: Their images.
        source: The scene, for the sentence.

    Example:
        >>> places = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0], [900, 0, 0]])
        >>> print(odd_places(places, [Path(f"{k}.png") for k in range(5)], Path("s"))[0])
        1 of 5 cameras of 's' stands over 100 times as far from the others as these from each other, namely that of \
'4.png': drop it if its pose is wrong, because all are scaled to fit it in.
    """
    apart = np.linalg.norm(origins - np.median(origins, axis=0), axis=1)
    usual = float(np.median(apart))
    if usual == 0:
        same = int((apart == 0).sum())
        return [
            f"{some(same, len(origins), 'camera')} of {quote(source)} {'stands' if same == 1 else 'stand'} at the same "
            "place, so that only the others tell depth: take pictures from more places."
        ]
    far = np.flatnonzero(apart > _FAR * usual).tolist()
    if not far:
        return []
    one = len(far) == 1
    return [
        f"{some(len(far), len(origins), 'camera')} of {quote(source)} {'stands' if one else 'stand'} over {_FAR:g} "
        f"times as far from the others as these from each other, {which(len(far))} that of {quote(images[far[0]])}: "
        f"drop {'it if its pose is' if one else 'them if their poses are'} wrong, because all are scaled to fit "
        f"{'it' if one else 'them'} in."
    ]


def _line(odd: Tensor, images: list[Path], source: Path, what: Callable[[int], str], remedy: str) -> list[str]:
    found = odd.nonzero().flatten().tolist()
    if not found:
        return []
    count, first = some(len(found), len(images), "camera"), found[0]
    return [
        f"{count} of {quote(source)} {has(len(found))} {what(first)}, {which(len(found))} that of "
        f"{quote(images[first])}: {remedy}."
    ]


def _left_over(centre: Tensor, focal: Tensor, size: Tensor, lens: Tensor) -> Tensor:
    """By how many pixels a corner's ray misses it, at most, ``[N]``."""
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64, device=size.device)
    seen = (corners * size[:, None] - centre[:, None]) / focal[:, None]
    terms = lens.double()[:, None].expand(-1, 4, -1)
    flat = radial_and_tangential_undistort(seen, terms)
    k1, k2, k3, k4, p1, p2 = terms.unbind(-1)
    x, y = flat.unbind(-1)
    r = x * x + y * y
    grown = 1 + r * (k1 + r * (k2 + r * (k3 + r * k4)))
    again = torch.stack(
        [x * grown + 2 * p1 * x * y + p2 * (r + 2 * x * x), y * grown + 2 * p2 * x * y + p1 * (r + 2 * y * y)], dim=-1
    )
    missed = ((again - seen) * focal[:, None]).norm(dim=-1)
    # Beyond a fold the iteration may find another point that is mapped to the same pixel.
    turned = 1 + r * (3 * k1 + r * (5 * k2 + r * (7 * k3 + r * 9 * k4))) <= 0
    return torch.where(turned | ~missed.isfinite(), torch.inf, missed).amax(-1)


def _pair(values: Tensor, between: str = " x ") -> str:
    return between.join(f"{value:.6g}" for value in values.tolist())
