"""Point clouds in the coordinates that the data had before nerfstudio read it, normals included.

``ns-export pointcloud --save-world-frame`` turns the points and leaves the normals as they are
(``scripts/exporter.py``), and computes and writes in float32 whatever the coordinates are.
"""

import functools
from typing import Any

import numpy as np
from nerfstudio.utils.io import load_from_json

from s3im_methods.console import say
from s3im_methods.data.depth.listing import METADATA_KEY
from s3im_methods.exporters.mesh.precision import needs_double
from s3im_methods.exporters.mesh.training_split import training_split
from s3im_methods.exporters.mesh.world_frame import WorldFrame, world_frame


def original_frame(manager: Any) -> WorldFrame:
    """nerfstudio's original coordinates: of the poses in the file, before its ``applied_transform`` where it has one,
    which a line says.

    Args:
        manager: The run's data manager.
    """
    outputs = training_split(manager)
    frames = outputs.metadata.get(METADATA_KEY)
    applied = {} if frames is None else load_from_json(frames.source)
    if "applied_transform" not in applied and "applied_scale" not in applied:
        return world_frame(outputs)
    say(
        "The points are in the coordinates before applied_transform and applied_scale of transforms.json. s3im export "
        "--pointcloud gives them in the coordinates of that file's poses, like s3im export-mesh."
    )
    transform = outputs.dataparser_transform.double().numpy()
    return WorldFrame(transform[:3, :3], transform[:3, 3], float(outputs.dataparser_scale))


def move_to_world(cloud: Any, frame: WorldFrame) -> None:
    """Move the points and turn the normals of a point cloud of Open3D.

    Args:
        cloud: In scene units.
        frame: Of the world.
    """
    import open3d as o3d

    points = frame.to_world(np.asarray(cloud.points))
    if cloud.has_normals():
        # Rows times the rotation: what a transposed one does to columns.
        cloud.normals = o3d.utility.Vector3dVector(np.asarray(cloud.normals) @ frame.rotation)
    cloud.points = o3d.utility.Vector3dVector(points)
    if needs_double(points):
        _write_double(o3d.t.geometry.PointCloud, o3d.core.Dtype.Float64)


def _write_double(kind: Any, dtype: Any) -> None:
    # nerfstudio converts the cloud before it writes it, by default to float32.
    kind.from_legacy = staticmethod(functools.partial(kind.from_legacy, dtype=dtype))
