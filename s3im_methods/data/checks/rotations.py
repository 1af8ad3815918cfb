"""Is the upper 3 x 3 of a pose a rotation, and if not, which one is meant?"""

import numpy as np
from numpy.typing import NDArray

from s3im_methods.data.wording import some

_EXACT = 1e-5
"""Up to here a matrix is left as it is, to the last bit: float32 and text files of six digits stay below."""
_ROUNDED = 5e-3
"""Up to here the nearest rotation is taken without a word: text files of three digits stay below."""
_SKEWED = 2e-2
"""Beyond this the axes are sheared on purpose: two digits stay below, and it is more than a degree."""
# A rotation's columns span a volume of 1; one degree between two of them still spans 0.017.
_FLAT = 1e-3


def rotation_fault(matrix: NDArray) -> str | None:
    """Why no rotation can be meant, as the second half of a sentence, or None.

    Args:
        matrix: ``[3, 3]``, finite; its columns are a camera's axes, of any lengths.

    Example:
        >>> rotation_fault(2.5 * np.eye(3))
        >>> rotation_fault(np.array([[1, 0.3, 0], [0, 1, 0], [0, 0, 1]]))
        'is sheared (its axes are 16.7 degrees off right angles)'
    """
    lengths = np.linalg.norm(matrix, axis=0)
    if not lengths.min() > _FLAT * lengths.max():
        return "is singular (its first three columns span no space)"
    axes = matrix / lengths
    volume = np.linalg.det(axes)
    if abs(volume) < _FLAT:
        return "is singular (its first three columns span no space)"
    if volume < 0:
        return "is mirrored (its axes are not x right, y up, z backwards)"
    skew = _skew(axes)
    return f"is sheared (its axes are {_degrees(skew):.3g} degrees off right angles)" if skew > _SKEWED else None


def to_rotations(matrices: NDArray, place: str) -> tuple[NDArray[np.float64], list[str]]:
    """The rotations that are meant by matrices without a fault.

    A length of an axis other than 1 is dropped, and what is then left of a right angle goes to the nearest rotation.

    Args:
        matrices: ``[N, 3, 3]``.
        place: What they are the poses of, to follow "of".

    Returns:
        ``[N, 3, 3]``, those within 1e-5 of a rotation as they came, and what to tell the user, at most two sentences.
    """
    found = np.array(matrices, dtype=np.float64)
    off = np.abs(np.swapaxes(found, 1, 2) @ found - np.eye(3)).max(axis=(1, 2))
    inexact = np.flatnonzero(off > _EXACT)
    lengths = np.linalg.norm(found, axis=1)
    axes = found / lengths[:, None]
    skews = np.array([_skew(axes[index]) for index in inexact])
    for index in inexact:
        left, _, right = np.linalg.svd(axes[index])
        found[index] = left @ right
    scaled = np.flatnonzero(np.abs(lengths - 1).max(axis=1) > _ROUNDED)
    lines = []
    if len(scaled):
        low, high = lengths[scaled].min(), lengths[scaled].max()
        factor = f"{low:.4g}" if high - low <= _ROUNDED * high else f"{low:.4g} to {high:.4g}"
        lines.append(
            f"The rotations in {some(len(scaled), len(found), 'pose')} of {place} are scaled by {factor}: the factor "
            "is dropped, and the cameras stay where they are."
        )
    skewed = int((skews > _ROUNDED).sum())
    if skewed:
        lines.append(
            f"The axes in {some(skewed, len(found), 'pose')} of {place} are up to {_degrees(skews.max()):.2g} degrees "
            "off right angles: the nearest rotations are taken."
        )
    return found, lines


def _skew(axes: NDArray) -> float:
    return float(np.abs(axes.T @ axes - np.eye(3)).max())


def _degrees(skew: float) -> float:
    return float(np.degrees(np.arcsin(min(1.0, skew))))
