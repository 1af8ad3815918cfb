"""Worse images: noise, blur and exposure that varies from image to image, as a capture by hand has them."""

import hashlib
import math
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from s3im_methods.errors import InputError

Kind = Literal["noise", "blur", "exposure"]

USUAL_STRENGTH: dict[Kind, float] = {"noise": 0.1, "blur": 2.0, "exposure": 0.5}
"""Standard deviation of the noise (colours go from 0 to 1), of the Gaussian blur in pixels, and of the exposure in
stops, that is factors of 2."""


@dataclass(frozen=True)
class Corruption:
    """What is done to each training image.

    Args:
        kind: Gaussian noise of each colour of each pixel, Gaussian blur, or a random exposure per image.
        strength: See :data:`USUAL_STRENGTH`.
    """

    kind: Kind
    strength: float

    @property
    def slug(self) -> str:
        """For names of folders.

        Example:
            >>> Corruption("noise", 0.1).slug
            'noise-0.1'
        """
        return f"{self.kind}-{self.strength:g}"


def parse_corruption(text: str) -> Corruption:
    """Read ``KIND`` or ``KIND:STRENGTH``.

    Raises:
        InputError: If there is no such kind, or the strength is no number above 0.

    Example:
        >>> parse_corruption("blur:1.5")
        Corruption(kind='blur', strength=1.5)
    """
    name, colon, strength = text.partition(":")
    if name not in get_args(Kind):
        raise InputError(f"No corruption '{text}': give none, noise, blur or exposure, or one with its strength.")
    kind = cast(Kind, name)
    if not colon:
        return Corruption(kind, USUAL_STRENGTH[kind])
    try:
        value = float(strength)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError(f"The strength in the corruption '{text}' is no number above 0: give one, as in noise:0.1.")
    return Corruption(kind, value)


def corrupt(image: NDArray[np.uint8], corruption: Corruption, name: str) -> NDArray[np.uint8]:
    """A worse copy of an image, the same for the same name.

    Args:
        image: ``[H, W]`` or ``[H, W, C]``; a second or fourth channel is alpha and stays as it is.
        corruption: What to do.
        name: The image's name, from which its random numbers follow.

    Returns:
        Of the same shape.
    """
    seed = int.from_bytes(hashlib.sha256(f"{name}\n{corruption.slug}".encode()).digest()[:8], "little")
    rng = np.random.default_rng(seed)
    layers = image if image.ndim == 3 else image[..., None]
    colours = layers[..., : layers.shape[-1] - (layers.shape[-1] in (2, 4))].astype(np.float64) / 255.0
    if corruption.kind == "noise":
        colours = colours + rng.normal(0.0, corruption.strength, colours.shape)
    elif corruption.kind == "blur":
        colours = gaussian_filter(colours, (corruption.strength, corruption.strength, 0.0), mode="nearest")
    else:
        colours = colours * 2.0 ** rng.normal(0.0, corruption.strength)
    result = layers.copy()
    result[..., : colours.shape[-1]] = np.rint(np.clip(colours, 0.0, 1.0) * 255.0).astype(np.uint8)
    return result.reshape(image.shape)
