"""Are the camera poses of a scene poses?"""

from pathlib import Path

import numpy as np

from s3im_methods.data.checks.rotations import rotation_fault
from s3im_methods.data.checks.transforms import finite
from s3im_methods.data.wording import are, quote, some, which
from s3im_methods.errors import InputError


def check_poses(frames: list[dict], path: Path) -> None:
    """Refuse frames without a usable transform_matrix: camera to world, 4 x 4, OpenGL axes.

    Axes of any length are accepted: what reads the poses drops their length, see
    :mod:`s3im_methods.data.checks.rotations`.

    Args:
        frames: The frames, each an object with a file_path.
        path: The JSON file they come from, for the sentence.

    Raises:
        InputError: If a matrix is missing, malformed, not finite, singular, mirrored or sheared, or if all cameras
            stand at the same place.
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
    # What float64 keeps; whether float32 is enough is asked where the poses become that.
    if len(frames) > 1 and spread <= 1e-14 * np.abs(origins).max():
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
    last = [0, 0, 0, 1]
    if np.abs(numbers[3] - last).max() > 1e-6:
        turned = np.abs(numbers[:, 3] - last).max() <= 1e-6
        return "does not end in the row 0, 0, 0, 1" + (" but in that column, as if rows were columns" if turned else "")
    return rotation_fault(numbers[:3, :3])
