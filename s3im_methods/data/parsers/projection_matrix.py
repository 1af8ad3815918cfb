"""Take a projection matrix apart: intrinsics, rotation and place of the camera."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Camera(NamedTuple):
    """A pinhole camera with OpenCV's axes: x right, y down, z forward.

    Attributes:
        intrinsics: ``[3, 3]``, upper triangular, with a positive diagonal and 1 in its corner.
        rotation: ``[3, 3]``, world to camera, of determinant 1.
        center: ``[3]``, where the camera stands in the world.
    """

    intrinsics: NDArray[np.float64]
    rotation: NDArray[np.float64]
    center: NDArray[np.float64]


def decompose_projection(projection: NDArray) -> Camera:
    """The camera whose ``intrinsics @ rotation @ (x - center)`` is ``projection @ (x, 1)`` up to a factor.

    The left part is factored into an upper triangular and an orthogonal matrix (RQ; Hartley and Zisserman, "Multiple
    View Geometry", section 6.2.4). Its signs are chosen so that focal lengths are positive and the rotation is one,
    which no factor of the projection, negative or not, changes.

    Args:
        projection: ``[3, 4]``.

    Raises:
        ValueError: If it is not finite, or its left part is singular.

    Example:
        >>> K = np.array([[100.0, 0, 32], [0, 90, 24], [0, 0, 1]])
        >>> camera = decompose_projection(-2 * K @ np.eye(3, 4))
        >>> np.allclose(camera.intrinsics, K), np.allclose(camera.rotation, np.eye(3)), np.allclose(camera.center, 0)
        (True, True, True)
    """
    matrix = np.asarray(projection, dtype=np.float64)
    left = matrix[:3, :3]
    if not np.isfinite(matrix).all() or np.linalg.matrix_rank(left) < 3:
        raise ValueError("the projection matrix is not finite or its left part is singular")
    center = -np.linalg.solve(left, matrix[:3, 3])
    if np.linalg.det(left) < 0:
        left = -left
    # RQ by QR: with the rows in reverse, a lower triangle becomes an upper one.
    q, r = np.linalg.qr(left[::-1].T)
    intrinsics, rotation = r.T[::-1, ::-1], q.T[::-1]
    signs = np.sign(np.diag(intrinsics))
    intrinsics, rotation = intrinsics * signs, signs[:, None] * rotation
    return Camera(intrinsics / intrinsics[2, 2], rotation, np.asarray(center, dtype=np.float64))
