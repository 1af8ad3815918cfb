"""Bring a depth map to its image's size without mixing the depths of different surfaces."""

import numpy as np

from s3im_methods.errors import InputError


def fit_size(values: np.ndarray, size: tuple[int, int], depth_name: str, image_name: str) -> np.ndarray:
    """Resize by taking, for each pixel of the image, the stored pixel that its centre falls into.

    Args:
        values: ``[h, w]``.
        size: Height and width of the image, in pixels.
        depth_name: The file, for the sentence.
        image_name: Its image, for the sentence.

    Returns:
        ``[height, width]``, of the same type.

    Raises:
        InputError: If the two differ in their aspect by more than rounding to whole pixels explains.
    """
    (height, width), (stored_height, stored_width) = size, values.shape
    if (height, width) == (stored_height, stored_width):
        return values
    ratio = stored_width * height / (stored_height * width)
    # One pixel of the smallest side is what rounding can do.
    if abs(ratio - 1.0) > 1.01 / min(height, width, stored_height, stored_width):
        raise InputError(
            f"The depth map {depth_name} has {stored_width} x {stored_height} pixels where its image {image_name} has "
            f"{width} x {height}, which is another shape: give depth of the image's aspect, uncropped."
        )
    rows = ((np.arange(height) + 0.5) * stored_height / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * stored_width / width).astype(np.int64)
    return values[rows[:, None], columns[None, :]]
