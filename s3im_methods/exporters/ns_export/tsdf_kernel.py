"""The TSDF of ``ns-export tsdf`` on a CPU: depth and colours of several cameras in one pass over the voxels.

nerfstudio writes some twenty arrays of the size of the volume for each camera (``TSDF.integrate_tsdf``); here nothing
but the volume itself is written. The arithmetic is the same.
"""

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from s3im_methods.kernels.compiled import compiled
from s3im_methods.kernels.threads import in_ranges

if TYPE_CHECKING:
    from nerfstudio.exporter.tsdf_utils import TSDF

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)

jit = compiled()


def integrate(tsdf: "TSDF", c2w: Tensor, intrinsics: Tensor, depth: Tensor, colours: Tensor | None) -> None:
    """Add views to a volume, each only to the voxels in front of its camera.

    Args:
        tsdf: On a CPU.
        c2w: The cameras' poses, ``[B, 4, 4]``.
        intrinsics: ``[B, 3, 3]``.
        depth: Distances along the rays, ``[B, 1, H, W]``; 0 where nothing is known.
        colours: ``[B, 3, H, W]``.
    """
    given = [c2w.inverse(), intrinsics, depth[:, 0], depth.new_zeros(0, 3, 1, 1) if colours is None else colours]
    views = [values.detach().float().contiguous().numpy() for values in given]
    volume = [tsdf.voxel_coords.reshape(3, -1), tsdf.values.view(-1), tsdf.weights.view(-1), tsdf.colors.view(-1, 3)]
    arrays = [values.numpy() for values in volume]
    truncation = np.float32(tsdf.truncation)
    in_ranges(arrays[0].shape[1], lambda first, last: _integrate(*views, truncation, *arrays, first, last))


@jit
def _integrate(to_camera, intrinsics, depth, colours, truncation, points, values, weights, shown, first, last):
    """Update voxels ``first`` to ``last`` of flattened arrays."""
    cameras, height, width = depth.shape
    for voxel in range(first, last):
        x, y, z = points[0, voxel], points[1, voxel], points[2, voxel]
        value, weight = values[voxel], weights[voxel]
        red, green, blue = shown[voxel, 0], shown[voxel, 1], shown[voxel, 2]
        for camera in range(cameras):
            pose, k = to_camera[camera], intrinsics[camera]
            right = pose[0, 0] * x + pose[0, 1] * y + pose[0, 2] * z + pose[0, 3]
            down = -(pose[1, 0] * x + pose[1, 1] * y + pose[1, 2] * z + pose[1, 3])
            ahead = -(pose[2, 0] * x + pose[2, 1] * y + pose[2, 2] * z + pose[2, 3])
            if not ahead > _ZERO:
                continue
            across, along = right / ahead, down / ahead
            # The nearest pixel; a pixel's centre is half a pixel from its edges.
            column = np.rint(k[0, 0] * across + k[0, 1] * along + k[0, 2] - _HALF)
            row = np.rint(k[1, 0] * across + k[1, 1] * along + k[1, 2] - _HALF)
            if not (column >= _ZERO and column < width and row >= _ZERO and row < height):
                continue
            i, j = np.int64(row), np.int64(column)
            seen = depth[camera, i, j]
            distance = seen - np.sqrt(right * right + down * down + ahead * ahead)
            if not (seen > _ZERO and distance > -truncation):
                continue
            total = weight + _ONE
            value = (value * weight + min(max(distance / truncation, -_ONE), _ONE)) / total
            if len(colours):
                red = (red * weight + colours[camera, 0, i, j]) / total
                green = (green * weight + colours[camera, 1, i, j]) / total
                blue = (blue * weight + colours[camera, 2, i, j]) / total
            # As nerfstudio has it, so that a later view counts as much as all before it.
            weight = min(total, _ONE)
        values[voxel], weights[voxel] = value, weight
        shown[voxel, 0], shown[voxel, 1], shown[voxel, 2] = red, green, blue
