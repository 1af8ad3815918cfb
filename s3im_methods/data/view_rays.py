"""Rays of whole views, which remember the last lens.

nerfstudio undoes a lens's distortion by ten Newton steps for each view that is rendered, a tenth of a second for a
phone's photo. Films, evaluations and the viewer render many views by one lens.
"""

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import OrientedBox

from s3im_methods.data.tabulated_rays import MOST_PIXELS, TABULATED_TYPES, seen_from_the_origin


class ViewRays:
    """Rays of cameras; a lens's are kept until there is another lens."""

    def __init__(self) -> None:
        self._lens: tuple | None = None
        self._rays: RayBundle | None = None

    def of(self, camera: Cameras, box: OrientedBox | None = None) -> RayBundle:
        """What nerfstudio's ``camera.generate_rays(0, keep_shape=True, obb_box=box)`` gives, but for rounding.

        Args:
            camera: One camera, ``[1]``.
            box: Gives rays their bounds.

        Returns:
            Rays ``[H, W]``.
        """
        if not _can_be_kept(camera, box):
            return camera.generate_rays(camera_indices=0, keep_shape=True, obb_box=box)
        lens = _settings(camera)
        if self._rays is None or self._lens != lens:
            self._lens, self._rays = lens, seen_from_the_origin(camera[0:1])
        # A camera path's file may hold whole numbers.
        own, pose = self._rays, camera.camera_to_worlds[0].to(self._rays.directions)
        height, width = int(camera.height[0]), int(camera.width[0])
        directions = (own.directions @ pose[:, :3].T).view(height, width, 3)
        return RayBundle(
            origins=pose[:, 3].expand(height, width, 3),
            directions=directions,
            pixel_area=own.pixel_area.view(height, width, 1),
            camera_indices=torch.zeros(height, width, 1, dtype=torch.long, device=directions.device),
            times=None if camera.times is None else camera.times[0].expand(height, width, 1),
            metadata={
                **(camera.metadata or {}),
                "directions_norm": own.metadata["directions_norm"].view(height, width, 1),
            },
        )


def _can_be_kept(camera: Cameras, box: OrientedBox | None) -> bool:
    # Tensors of metadata are cut to rays; the viewer's cameras have a number, which rays take as it is.
    tensors = [value for value in (camera.metadata or {}).values() if isinstance(value, torch.Tensor | dict)]
    plain = box is None and not tensors and camera.shape == (1,)
    small = plain and int(camera.height[0]) * int(camera.width[0]) <= MOST_PIXELS
    return small and int(camera.camera_type[0]) in TABULATED_TYPES


def _settings(camera: Cameras) -> tuple:
    distortion = camera.distortion_params
    numbers = [camera.fx, camera.fy, camera.cx, camera.cy, camera.height, camera.width, camera.camera_type]
    listed = [float(number[0]) for number in numbers]
    return str(camera.device), *listed, *([] if distortion is None else distortion[0].tolist())
