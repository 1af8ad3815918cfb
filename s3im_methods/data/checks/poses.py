"""Are the camera poses of a scene poses?"""

from pathlib import Path

import numpy as np

from s3im_methods.data.checks.transforms import finite
from s3im_methods.data.wording import are, quote, some, which
from s3im_methods.errors import InputError

# A rotation's columns span a volume of 1; one degree between two of them still spans 0.017.
_FLAT = 1e-3


def check_poses(frames: list[dict], path: Path) -> None:
    """Refuse frames without a usable transform_matrix: camera to world, 4 x 4, OpenGL axes.

    Uniform or slightly uneven scale is accepted as nerfstudio accepts it.

    Args:
        frames: The frames, each an object with a file_path.
        path: The JSON file they come from, for the sentence.

    Raises:
        InputError: If a matrix is missing, malformed, not finite, singular or mirrored, or if all cameras stand at the
            same place.
    """
    faults = [(frame["file_path"], fault) for frame in frames if (fault := pose_fault(frame.get("transform_matrix")))]
    if faults:
        name, fault = faults[0]
        count = some(len(faults), len(frames), "pose")
        raise InputError(
            f"{count} in {quote(path)} {are(len(faults))} unusable, {which(len(faults))} that of {quote(name)}, whose "
            f"transform_matrix {fault}: correct it or drop such frames."
        )
    origins = np.array([[row[3] for row in frame["transform_matrix"][:3]] for frame in frames], dtype=np.float64)
    spread = np.abs(origins - origins.mean(axis=0)).max()
    # nerfstudio divides by this spread, in float32.
    if len(frames) > 1 and spread <= 1e-6 * np.abs(origins).max():
        raise InputError(
            f"All {len(frames)} cameras in {quote(path)} stand at the same place, which leaves no depth to learn from: "
            "give real camera positions as transform_matrix, for instance from ns-process-data."
        )


def pose_fault(matrix: object) -> str | None:
    """What is wrong with a camera-to-world matrix, as the second half of a sentence, or None.

    Args:
        matrix: The JSON value; None where it is missing.

    Example:
        >>> pose_fault([[1, 0, 0, 5], [0, 1, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1]])
        >>> pose_fault([[1, 0, 0, 5], [0, 1, 0, 6], [0, 0, 0, 7], [0, 0, 0, 1]])
        'is singular (its first three columns span no space)'
    """
    if matrix is None:
        return "is missing"
    if not isinstance(matrix, list) or len(matrix) != 4:
        return "is not 4 rows of 4 numbers"
    if any(not isinstance(row, list) or len(row) != 4 for row in matrix):
        return "is not 4 rows of 4 numbers"
    numbers = np.empty((4, 4))
    for r, row in enumerate(matrix):
        for c, value in enumerate(row):
            number = finite(value)
            if number is None:
                return f"holds {quote(value)} in row {r + 1}, column {c + 1}"
            numbers[r, c] = number
    if np.abs(numbers[3] - [0, 0, 0, 1]).max() > 1e-6:
        return "does not end in the row 0, 0, 0, 1"
    lengths = np.linalg.norm(numbers[:3, :3], axis=0)
    volume = np.linalg.det(numbers[:3, :3] / lengths) if lengths.min() > _FLAT * lengths.max() else 0.0
    if abs(volume) < _FLAT:
        return "is singular (its first three columns span no space)"
    return None if volume > 0 else "is mirrored (its axes are not x right, y up, z backwards)"
