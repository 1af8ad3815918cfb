"""Writes a scene in the layout of IDR, NeuS and MonoSDF, which ``idr-data`` and the codes of those papers read.

Symbols: K holds the intrinsics, R and t take world points to a camera with OpenCV's axes (x right, y down, z forward).
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from s3im_methods.scenes.cameras import Camera
from s3im_methods.scenes.render import View

IDR_README = """This scene was made by `s3im scene --layout idr`; its numbers are exact but for rounding.

cameras_sphere.npz  world_mat_k (world to pixels of image k, the top left pixel's centre at (0, 0)), scale_mat_k (unit
                    sphere to world) and the inverses of both, 4 x 4
image/*.png         8-bit sRGB, composited over white
mask/*.png          8-bit, 255 on the object (objects only)
depths/*.npy        float32 [h, w], metres along the viewing axis, 0 for nothing
normals/*.npy       float32 [3, h, w], (n + 1) / 2 in the camera's axes (x right, y down, z forward), 0.5 for nothing
mesh.ply            the mesh that the rays met, in the world

Read it with `ns-train METHOD --data FOLDER idr-data`, or with NeuS, VolSDF, neurecon or MonoSDF.
"""

# The unit sphere is this much larger than what holds the mesh.
_SPHERE_MARGIN = 1.1


def write_idr_view(stage: Path, number: int, view: View, camera: Camera, is_object: bool) -> None:
    """Write one view's files.

    Args:
        stage: The scene's folder.
        number: The view's number, which is its name.
        view: What the camera sees.
        camera: The camera.
        is_object: Whether there is a mask to write.
    """
    for folder in ("image", "depths", "normals", *(["mask"] if is_object else [])):
        (stage / folder).mkdir(exist_ok=True)
    name = f"{number:03d}"
    share = view.alpha[..., None] / 255.0
    Image.fromarray(np.round(share * view.colour + 255.0 * (1.0 - share)).astype(np.uint8)).save(
        stage / "image" / f"{name}.png"
    )
    if is_object:
        Image.fromarray(np.where(view.alpha > 127, 255, 0).astype(np.uint8)).save(stage / "mask" / f"{name}.png")
    np.save(stage / "depths" / f"{name}.npy", view.depth)
    local = view.normal @ (camera.pose[:3, :3] * np.array([1.0, -1, -1]))
    np.save(stage / "normals" / f"{name}.npy", ((local + 1) / 2).transpose(2, 0, 1).astype(np.float32))


def write_idr_cameras(path: Path, cameras: list[Camera], vertices: NDArray) -> None:
    """Write ``cameras_sphere.npz``.

    Args:
        path: The file.
        cameras: One for each view.
        vertices: Of the mesh, ``[V, 3]``, which the unit sphere has to hold.
    """
    low, high = vertices.min(0), vertices.max(0)
    scale = np.eye(4)
    scale[:3, 3] = (low + high) / 2
    scale[:3, :3] *= _SPHERE_MARGIN * np.linalg.norm(vertices - scale[:3, 3], axis=1).max()
    arrays = {}
    for number, camera in enumerate(cameras):
        intrinsics = np.diag([camera.focal, camera.focal, 1.0, 1.0])
        intrinsics[:2, 2] = camera.width / 2 - 0.5, camera.height / 2 - 0.5
        world = intrinsics @ np.linalg.inv(camera.pose @ np.diag([1.0, -1, -1, 1]))
        for kind, matrix in (("world_mat", world), ("scale_mat", scale)):
            arrays |= {f"{kind}_{number}": matrix, f"{kind}_inv_{number}": np.linalg.inv(matrix)}
    np.savez(path, **arrays)
