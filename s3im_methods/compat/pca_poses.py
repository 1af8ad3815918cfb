"""``--orientation-method pca`` turns all cameras over together; nerfstudio mirrors two of them.

If the cameras are upside down after the turn, ``camera_utils.auto_orient_and_center_poses`` has to negate two rows of
every pose. It negates all of the second and third pose instead: ``oriented_poses[1:3, :]``. Its transform is right, and
we apply it. No issue of nerfstudio's reports it.
"""

import functools
from typing import Any

from nerfstudio.cameras import camera_utils
from torch import Tensor


def turn_all_poses() -> None:
    """Let nerfstudio's parsers, and all others that ask it, turn every pose by the transform that they are told."""
    orient = camera_utils.auto_orient_and_center_poses
    if hasattr(orient, "__wrapped__"):
        return

    @functools.wraps(orient)
    def by_the_transform(poses: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        _, transform = orient(poses, *args, **kwargs)
        return transform @ poses, transform

    camera_utils.auto_orient_and_center_poses = by_the_transform  # type: ignore[assignment]
