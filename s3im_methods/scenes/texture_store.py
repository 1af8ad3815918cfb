"""All textures of a scene in one buffer of linear colours, with mip levels, looked up for many surfaces at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from s3im_methods.scenes.geometry import Texture


def srgb_to_linear(colour: NDArray) -> NDArray[np.float32]:
    """8-bit sRGB to linear [0, 1] (IEC 61966-2-1)."""
    c = np.arange(256) / 255.0
    table = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return table[colour]


def linear_to_srgb(colour: NDArray) -> NDArray[np.uint8]:
    """Linear [0, 1] to 8-bit sRGB (IEC 61966-2-1), rounded to nearest.

    Example:
        >>> linear_to_srgb(srgb_to_linear(np.array([0, 7, 128, 255])))
        array([  0,   7, 128, 255], dtype=uint8)
    """
    c = np.clip(colour, 0.0, 1.0)
    encoded = np.where(c <= 0.0031308, c * 12.92, 1.055 * np.maximum(c, 1e-8) ** (1 / 2.4) - 0.055)
    return np.round(encoded * 255.0).astype(np.uint8)


class TextureStore:
    """Mip-mapped bilinear lookup (Williams, SIGGRAPH 1983) over a list of textures.

    Args:
        textures: One sRGB image per surface.
        areas: Area in square metres that each image covers; with it a footprint in metres picks the level.
    """

    def __init__(self, textures: Sequence[Texture], areas: Sequence[float]) -> None:
        # Boxes share one array among their faces; it is stored once.
        images = {id(texture): texture for texture in textures}
        place = {key: k for k, key in enumerate(images)}
        self._image = np.array([place[id(texture)] for texture in textures])
        levels = [_mip_levels(srgb_to_linear(texture)) for texture in images.values()]
        depth = max(len(chain) for chain in levels)
        # A short chain repeats its coarsest level, so that [surface, level] is a plain table.
        chains = [chain + [chain[-1]] * (depth - len(chain)) for chain in levels]
        flat = [image for chain in chains for image in chain]
        shape = np.array([image.shape[:2] for image in flat]).reshape(len(images), depth, 2)
        size = shape[..., 0] * shape[..., 1]
        self._height, self._width = shape[..., 0].copy(), shape[..., 1].copy()
        self._start = np.concatenate([[0], size.ravel().cumsum()[:-1]]).reshape(size.shape)
        self._texels = np.concatenate([image.reshape(-1, 3) for image in flat])
        self._log_density = 0.5 * np.log2(size[self._image, 0] / np.asarray(areas)).astype(np.float32)
        self.mean = np.stack([chain[-1].reshape(3) for chain in chains])[self._image]
        """Mean linear colour of each texture, [S, 3]."""

    def lookup(self, surface: NDArray, uv: NDArray, footprint: NDArray) -> NDArray[np.float32]:
        """Linear colours [N, 3].

        Args:
            surface: [N], index of the texture.
            uv: [N, 2], texture coordinates in [0, 1].
            footprint: [N], extent of the sample on the surface in metres.
        """
        level = np.rint(np.log2(np.maximum(footprint, 1e-9)) + self._log_density[surface]).astype(np.int64)
        level = level.clip(0, self._width.shape[1] - 1)
        image = self._image[surface]
        width, height, start = (table[image, level] for table in (self._width, self._height, self._start))
        x0, x1, fx = _neighbours(uv[:, 0], width)
        y0, y1, fy = _neighbours(uv[:, 1], height)
        top, bottom = start + y0 * width, start + y1 * width
        upper = _mix(self._texels[top + x0], self._texels[top + x1], fx)
        lower = _mix(self._texels[bottom + x0], self._texels[bottom + x1], fx)
        return _mix(upper, lower, fy)


def _mix(a: NDArray, b: NDArray, share: NDArray) -> NDArray:
    b -= a
    b *= share[:, None]
    b += a
    return b


def _neighbours(coordinate: NDArray, size: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """The two texel indices around a coordinate in [0, 1] and the share of the second; clamped at the edges."""
    position = np.clip(coordinate.astype(np.float32) * size - np.float32(0.5), 0, size - 1).astype(np.float32)
    first = position.astype(np.int64)
    return first, np.minimum(first + 1, size - 1), position - first


def _mip_levels(image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    levels = [image]
    while max(levels[-1].shape[:2]) > 1:
        levels.append(_halved(_halved(levels[-1]).swapaxes(0, 1)).swapaxes(0, 1))
    return levels


def _halved(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Area average of n rows into ceil(n / 2) equal rows, exact for odd n too.

    Example:
        >>> _halved(np.array([[0.0], [3.0], [6.0]], dtype=np.float32)).ravel()
        array([1., 5.], dtype=float32)
    """
    n = len(image)
    if n == 1:
        return image
    if n % 2 == 0:
        return 0.5 * (image[0::2] + image[1::2])
    m = n // 2 + 1
    # Row i covers [2i - i/m, 2i + 2 - (i + 1)/m]: a share of row 2i - 1, the whole of row 2i, a share of row 2i + 1.
    share = (np.arange(1, m, dtype=np.float32) / m).reshape(-1, *[1] * (image.ndim - 1))
    total = image[0::2].copy()
    total[1:] += share * image[1::2]
    total[:-1] += (1 - share) * image[1::2]
    return total * np.float32(m / n)
