"""Which points of a surface the training cameras see, so that a mesh is judged only where there were images."""

import numpy as np
from nerfstudio.cameras.cameras import Cameras, CameraType
from numpy.typing import NDArray

from s3im_methods.data.depth.projection import to_pixels
from s3im_methods.errors import InputError


class Occluder:
    """A mesh that hides what lies behind it.

    Args:
        vertices: ``[V, 3]``.
        faces: ``[F, 3]``.
    """

    def __init__(self, vertices: NDArray, faces: NDArray) -> None:
        import open3d as o3d

        self._tensor = o3d.core.Tensor.from_numpy
        # The caster takes float32, in which a mesh far from the origin has no shape.
        self._centre = np.asarray(vertices, dtype=np.float64).mean(axis=0)
        self._caster = o3d.t.geometry.RaycastingScene()
        self._caster.add_triangles(
            self._tensor(np.ascontiguousarray(vertices - self._centre, dtype=np.float32)),
            self._tensor(np.ascontiguousarray(faces, dtype=np.uint32)),
        )

    def hides(self, points: NDArray, origin: NDArray, tolerance: float) -> NDArray[np.bool_]:
        """Whether the mesh lies between an eye and each point, more than ``tolerance`` in front of the point.

        Args:
            points: ``[N, 3]``.
            origin: The eye, ``[3]``.
            tolerance: Distance in the mesh's units.

        Returns:
            ``[N]``.
        """
        towards = points - origin
        distance = np.linalg.norm(towards, axis=-1)
        free = np.maximum(distance - tolerance, 0) / np.maximum(distance, 1e-12)
        rays = np.empty((len(points), 6), dtype=np.float32)
        # The whole ray has length 1 of its direction, so that one bound holds for all of them.
        rays[:, :3], rays[:, 3:] = origin - self._centre, towards * free[:, None]
        return self._caster.test_occlusions(self._tensor(rays), tnear=0.0, tfar=1.0).numpy() & (free > 0)


def check_perspective(cameras: Cameras) -> None:
    """Refuse cameras whose sight cannot be computed.

    Args:
        cameras: Of any kind.

    Raises:
        InputError: If a camera is not of the perspective kind.
    """
    if bool((cameras.camera_type != CameraType.PERSPECTIVE.value).any()):
        raise InputError(
            "Measuring only what cameras see needs perspective cameras, and the scene has others: leave out --scene."
        )


def seen_by(points: NDArray, cameras: Cameras, occluder: Occluder, tolerance: float) -> NDArray[np.int64]:
    """The first camera that has a point in its image, with nothing in front of it.

    Args:
        points: ``[N, 3]``, in the cameras' world and units.
        cameras: Perspective cameras, with or without lens distortion.
        occluder: What hides points.
        tolerance: How far behind the occluder a point may lie and still be seen.

    Returns:
        Index of the camera, ``[N]``; -1 where no camera sees the point.

    """
    found = np.full(len(points), -1, dtype=np.int64)
    for index in range(len(cameras)):
        camera = cameras[index]
        rest = np.flatnonzero(found < 0)
        column, row, depth = to_pixels(points[rest], camera)
        with np.errstate(invalid="ignore"):
            inside = (column >= 0) & (column < int(camera.width)) & (row >= 0) & (row < int(camera.height))
        rest = rest[inside & (depth > 0)]
        if len(rest):
            origin = camera.camera_to_worlds[:3, 3].double().cpu().numpy()
            found[rest[~occluder.hides(points[rest], origin, tolerance)]] = index
    return found
