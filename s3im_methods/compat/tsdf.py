"""``ns-export tsdf`` keeps nothing behind cameras.

nerfstudio tests ``voxel_depth > 0``, but that is the length of a vector and always positive
(``exporter/tsdf_utils.py``). A voxel behind the camera then projects to the pixel at the opposite side of the image
centre, and a mirrored copy of what the camera sees appears behind it (nerfstudio issue 2067). We pass each camera only
the voxels in front of it. On a CPU a compiled kernel does the same work, which was most of the command's time.
"""

import dataclasses
import functools
import sys
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from s3im_methods.kernels.available import fused_available

if TYPE_CHECKING:
    from nerfstudio.exporter.tsdf_utils import TSDF


def keep_voxels_in_front() -> None:
    """Let every TSDF of nerfstudio take only what is in front of each camera.

    Called when a pipeline of ours is built for evaluation or handed to an export: by then ns-export has imported
    nerfstudio's module, and other commands need not import what exporting needs.
    """
    module = sys.modules.get("nerfstudio.exporter.tsdf_utils")
    if module is None or hasattr(module.TSDF.integrate_tsdf, "__wrapped__"):
        return
    integrate = module.TSDF.integrate_tsdf

    @functools.wraps(integrate)
    def integrate_in_front(
        self: "TSDF",
        c2w: Tensor,
        K: Tensor,
        depth_images: Tensor,
        color_images: Tensor | None = None,
        mask_images: Tensor | None = None,
    ) -> None:
        if self.voxel_coords.device.type == "cpu" and mask_images is None and fused_available():
            from s3im_methods.exporters.ns_export.tsdf_kernel import integrate as integrate_views

            integrate_views(self, c2w, K, depth_images, color_images)
            return
        # One camera at a time, as nerfstudio updates the values too: the images of a batch differ in what is in front.
        for index in range(len(c2w)):
            one = slice(index, index + 1)
            images = [None if batch is None else batch[one] for batch in (color_images, mask_images)]
            front = in_front(self.voxel_coords, c2w[index])
            if front.all():
                integrate(self, c2w[one], K[one], depth_images[one], *images)
                continue
            part = dataclasses.replace(
                self,
                voxel_coords=self.voxel_coords[:, front],
                values=self.values[front],
                weights=self.weights[front],
                colors=self.colors[front],
            )
            integrate(part, c2w[one], K[one], depth_images[one], *images)
            self.values[front], self.weights[front], self.colors[front] = part.values, part.weights, part.colors

    module.TSDF.integrate_tsdf = integrate_in_front


def in_front(points: Tensor, c2w: Tensor) -> Tensor:
    """Which points a camera that looks along its negative z axis has in front of it.

    Args:
        points: ``[3, ...]``.
        c2w: The camera's pose, ``[4, 4]`` or ``[3, 4]``, in the points' units.

    Returns:
        ``[...]``, true or false.
    """
    forward = -c2w[:3, 2]
    return torch.tensordot(forward, points, dims=1) > forward @ c2w[:3, 3]
