"""Project points into a view: depth at the pixels that they fall into, none elsewhere."""

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType

from s3im_methods.errors import InputError

_POINTS_PER_CELL = 4
# Within a cell, what lies this much behind its nearest point is taken to be hidden by that surface.
_DEEPER = 1.15


def project_points(points: np.ndarray, camera: Cameras, known_visible: bool) -> np.ndarray:
    """The depth of points at the pixels that they fall into: z-depth, for fisheye cameras distance.

    Where it is not known which points the view sees, those that lie well behind others of their neighbourhood are left
    out: the image is divided into cells of about four points each, and a point 15 % deeper than its cell's nearest is
    taken to be hidden.

    Args:
        points: ``[P, 3]``, scene units.
        camera: One perspective or fisheye camera, with or without lens distortion.
        known_visible: Whether the view is known to see all of them.

    Returns:
        ``[H, W]``, float32, scene units, 0 where no point falls.

    Raises:
        InputError: If the camera is of another kind.
    """
    kind = CameraType(int(camera.camera_type))
    if kind not in (CameraType.PERSPECTIVE, CameraType.FISHEYE):
        raise InputError(
            f"Sparse points can only be projected into perspective and fisheye cameras, and the scene has one of type "
            f"{kind.name}: set --pipeline.datamanager.depth.source to sensor or none."
        )
    height, width = int(camera.height), int(camera.width)
    column, row, depth = to_pixels(points, camera)
    inside = (depth > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    column, row, depth = column[inside].astype(np.int64), row[inside].astype(np.int64), depth[inside]
    if not known_visible and len(depth):
        kept = _in_front(column, row, depth, height, width)
        column, row, depth = column[kept], row[kept], depth[kept]
    image = np.full((height, width), np.inf)
    np.minimum.at(image, (row, column), depth)
    return np.where(np.isfinite(image), image, 0.0).astype(np.float32)


def to_pixels(points: np.ndarray, camera: Cameras) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where a camera shows points.

    Args:
        points: ``[P, 3]``, in the camera's world.
        camera: One perspective or fisheye camera, with or without lens distortion.

    Returns:
        Column and row in pixels (the first pixel spans 0 to 1), not finite off the lens; and z-depth, for fisheye
        cameras distance, in the world's units, not positive behind a perspective camera and off the lens; each ``[P]``.
    """
    pose = camera.camera_to_worlds.double().cpu().numpy()
    local = (points - pose[:3, 3]) @ pose[:3, :3] * [1.0, -1.0, -1.0]
    with np.errstate(all="ignore"):
        if int(camera.camera_type) == CameraType.FISHEYE.value:
            x, y, depth = _equidistant(local)
        else:
            x, y, depth = local[:, 0] / local[:, 2], local[:, 1] / local[:, 2], local[:, 2]
        if camera.distortion_params is not None and bool(torch.any(camera.distortion_params != 0)):
            x, y = _distorted(x, y, camera.distortion_params.double().cpu().numpy())
        column = float(camera.fx) * x + float(camera.cx)
        row = float(camera.fy) * y + float(camera.cy)
    return column, row, np.where(np.isfinite(column) & np.isfinite(row), depth, -1.0)


def _equidistant(local: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where a fisheye lens without distortion puts a point, as far from the centre as its angle; and its distance."""
    radius = np.hypot(local[:, 0], local[:, 1])
    # On the axis there is no direction to go: none is needed ahead, and none can be told behind.
    factor = np.where(radius > 0, np.arctan2(radius, local[:, 2]) / radius, np.where(local[:, 2] > 0, 0.0, np.nan))
    return local[:, 0] * factor, local[:, 1] * factor, np.linalg.norm(local, axis=1)


def _distorted(x: np.ndarray, y: np.ndarray, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where OpenCV's radial and tangential model puts a point; NaN beyond the radius where it folds back.

    Of the coordinates of :func:`_equidistant` it makes OpenCV's fisheye model.
    """
    k1, k2, k3, k4, p1, p2 = params
    square = x * x + y * y
    radial = 1 + square * (k1 + square * (k2 + square * (k3 + square * k4)))
    grows = 1 + square * (3 * k1 + square * (5 * k2 + square * (7 * k3 + square * 9 * k4)))
    across = x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x)
    down = y * radial + 2 * p2 * x * y + p1 * (square + 2 * y * y)
    return np.where(grows > 0, across, np.nan), np.where(grows > 0, down, np.nan)


def _in_front(column: np.ndarray, row: np.ndarray, depth: np.ndarray, height: int, width: int) -> np.ndarray:
    side = max(1.0, np.sqrt(height * width * _POINTS_PER_CELL / len(depth)))
    cells_across = int(np.ceil(width / side))
    cell = (row / side).astype(np.int64) * cells_across + (column / side).astype(np.int64)
    nearest = np.full(int(cell.max()) + 1, np.inf)
    np.minimum.at(nearest, cell, depth)
    return depth <= _DEEPER * nearest[cell]
