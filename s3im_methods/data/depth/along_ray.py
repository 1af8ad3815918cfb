"""Between depth along the viewing axis, distance along the ray, and what nerfstudio's models expect."""

import numpy as np
from nerfstudio.cameras.cameras import Cameras, CameraType

# Rays that get less far along the viewing axis than this have no z-depth.
_SIDEWAYS = 1e-3


def ray_norms(camera: Cameras) -> np.ndarray:
    """How long nerfstudio's ray directions are before it normalises them; for a perspective camera, distance / z.

    Args:
        camera: One camera, for instance ``cameras[3]``.

    Returns:
        ``[H, W]``, float32; 1 everywhere for cameras that are not of the perspective kind.
    """
    rays = camera.reshape((1,)).generate_rays(camera_indices=0)
    assert rays.metadata is not None
    return rays.metadata["directions_norm"][..., 0].cpu().numpy()


def to_model_depth(metres: np.ndarray, camera: Cameras, is_distance: bool) -> np.ndarray:
    """Depth that becomes the distance along the ray when it is multiplied by ``directions_norm``.

    That is what nerfstudio's depth losses do with depth which is not marked as euclidean. For perspective cameras it is
    z-depth; for others it is the distance itself.

    Args:
        metres: ``[H, W]``, 0 for none.
        camera: The view, one camera of that size.
        is_distance: Whether ``metres`` is measured along the ray instead of along the viewing axis.

    Returns:
        ``[H, W]``, float32; 0 for none, and where a z-depth cannot be (beside and behind a wide camera).
    """
    perspective = int(camera.camera_type) == CameraType.PERSPECTIVE.value
    if perspective != is_distance:
        return metres.astype(np.float32)
    if perspective:
        return (metres / ray_norms(camera)).astype(np.float32)
    forward = _forward(camera)
    return np.where(forward > _SIDEWAYS, metres / np.maximum(forward, _SIDEWAYS), 0.0).astype(np.float32)


def distance_to_z(distance: np.ndarray, camera: Cameras) -> np.ndarray:
    """Depth along the viewing axis, of the distance along the ray.

    Args:
        distance: ``[H, W]``, any unit, 0 for none.
        camera: The view, one camera of that size.

    Returns:
        ``[H, W]``, float32, the same unit; 0 for none, and beside and behind a wide camera.
    """
    forward = _forward(camera)
    return np.where(forward > _SIDEWAYS, distance * forward, 0.0).astype(np.float32)


def _forward(camera: Cameras) -> np.ndarray:
    """How far a ray of length 1 gets along the viewing axis, ``[H, W]``."""
    axis = camera.camera_to_worlds.reshape(3, 4)[:, 2]
    return -(camera.reshape((1,)).generate_rays(camera_indices=0).directions @ axis).cpu().numpy()
