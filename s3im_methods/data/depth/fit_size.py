"""Bring a map of depth or normals to its image's size without mixing the values of different surfaces."""

import numpy as np

from s3im_methods.errors import InputError


def fit_size(
    values: np.ndarray, size: tuple[int, int], name: str, image_name: str, noun: str = "depth map"
) -> np.ndarray:
    """Resize by taking, for each pixel of the image, the stored pixel that its centre falls into.

    Args:
        values: ``[h, w, ...]``.
        size: Height and width of the image, in pixels.
        name: The file, for the sentence.
        image_name: Its image, for the sentence.
        noun: What the file is, for the sentence.

    Returns:
        ``[height, width, ...]``, of the same type.

    Raises:
        InputError: If the two differ in their aspect by more than rounding to whole pixels explains.
    """
    (height, width), (stored_height, stored_width) = size, values.shape[:2]
    if (height, width) == (stored_height, stored_width):
        return values
    ratio = stored_width * height / (stored_height * width)
    # One pixel of the smallest side is what rounding can do.
    if abs(ratio - 1.0) > 1.01 / min(height, width, stored_height, stored_width):
        turned = (height, width) == (stored_width, stored_height)
        remedy = "it seems to be transposed, so swap its axes" if turned else "give one that shows the whole image"
        raise InputError(
            f"The {noun} {name} has {stored_width} x {stored_height} pixels, but its image {image_name} has "
            f"{width} x {height}: {remedy}."
        )
    rows = ((np.arange(height) + 0.5) * stored_height / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * stored_width / width).astype(np.int64)
    return values[rows[:, None], columns[None, :]]
