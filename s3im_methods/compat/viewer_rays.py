"""The viewer computes the rays of its pictures once per lens.

To lay a picture's depth over the scene, the viewer computes the rays a second time (``viewer/render_state_machine.py``,
``_render_img``). On a CPU this is an eighth of a picture's time. The lens stays the same until the window's size or the
field of view changes.
"""

import copy
import functools
import threading
from typing import Any

from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle

from s3im_methods.data.view_rays import ViewRays

# Each browser has a thread of its own.
_kept = threading.local()


class ViewerCamera(Cameras):
    """A camera whose rays come from what is kept of its lens."""

    def generate_rays(self, camera_indices: Any, *arguments: Any, **settings: Any) -> RayBundle:
        """Rays as nerfstudio computes them, but for rounding."""
        plain = copy.copy(self)
        plain.__class__ = Cameras  # type: ignore[assignment]
        if camera_indices != 0 or arguments or settings.keys() - {"obb_box"}:
            return plain.generate_rays(camera_indices, *arguments, **settings)
        if not hasattr(_kept, "rays"):
            _kept.rays = ViewRays()
        return _kept.rays.of(plain, settings.get("obb_box"))


def keep_rays_of_pictures(module: Any) -> None:
    """Let the viewer's cameras be :class:`ViewerCamera`.

    Args:
        module: ``nerfstudio.viewer.render_state_machine``.
    """
    own = getattr(module, "get_camera", None)
    if own is None or hasattr(own, "__wrapped__"):
        return

    @functools.wraps(own)
    def get_camera(*arguments: Any, **settings: Any) -> Cameras:
        camera = own(*arguments, **settings)
        camera.__class__ = ViewerCamera
        return camera

    module.get_camera = get_camera
