"""What surface methods make of a scene, seen by a camera that they were not trained on.

    python docs/figures/surface_methods.py PICTURE CONFIG MESH [CONFIG MESH ...]

Of one run: truth, render, normals and mesh. Of several runs: the mesh of each. MESH is what ``s3im export-mesh`` wrote.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import open3d as o3d
import torch
from nerfstudio.cameras.cameras import Cameras
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from s3im_methods.cli.load_run import load_run
from s3im_methods.exporters.mesh.training_split import training_split
from s3im_methods.exporters.mesh.world_frame import world_frame
from s3im_methods.metrics.surface_file import load_surface

VIEW = 1
SIDE, GAP, LINE = 300, 6, 22
BACKGROUND, INK, GREY = 250, (40, 40, 40), 200.0
# The mesh is drawn this many times larger, then shrunk.
FINER = 2


def of_mesh(path: Path, camera: Cameras, to_world: Any) -> NDArray[np.uint8]:
    """The mesh as clay lit from the camera, ``[H, W, 3]``.

    Args:
        path: The mesh, in world units.
        camera: One camera, scene units.
        to_world: From points in scene units to the world.
    """
    mesh = load_surface(path)
    caster = o3d.t.geometry.RaycastingScene()
    vertices, faces = np.asarray(mesh.vertices, dtype=np.float32), np.asarray(mesh.faces, dtype=np.uint32)
    caster.add_triangles(o3d.core.Tensor.from_numpy(vertices), o3d.core.Tensor.from_numpy(faces))
    rays = camera.generate_rays(camera_indices=0, keep_shape=True)
    origins = to_world(rays.origins.reshape(-1, 3).double().numpy())
    directions = to_world((rays.origins + rays.directions).reshape(-1, 3).double().numpy()) - origins
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    answer = caster.cast_rays(o3d.core.Tensor.from_numpy(np.hstack([origins, directions]).astype(np.float32)))
    slant = np.abs(np.einsum("nd,nd->n", answer["primitive_normals"].numpy(), directions))
    shade = np.where(np.isfinite(answer["t_hit"].numpy()), GREY * (0.3 + 0.7 * slant), BACKGROUND)
    return np.repeat(shade.reshape(*rays.shape, 1), 3, axis=-1).astype(np.uint8)


def of_run(config: Path, mesh: Path, only_mesh: bool) -> dict[str, NDArray[np.uint8]]:
    """Pictures ``[H, W, 3]`` by their captions: of the mesh alone, by the method's name, or of all there is."""
    settings, pipeline, _ = load_run(config, test_mode="test")
    model: Any = pipeline.model
    data: Any = pipeline.datamanager.eval_dataset
    camera, fine = (data.cameras[VIEW : VIEW + 1] for _ in range(2))
    fine.rescale_output_resolution(FINER * SIDE / float(fine.width.max()))
    clay = of_mesh(mesh, fine, world_frame(training_split(pipeline.datamanager)).to_world)
    if only_mesh:
        return {settings.method_name: clay}
    with torch.no_grad():
        found = model.get_outputs_for_camera(camera)
    truth = model.renderer_rgb.blend_background(data.get_image_float32(VIEW))
    tiles = {"truth": truth, "render": found["rgb"], "normals": found["normals"]}
    return {name: (255 * tile.clamp(0, 1)).byte().numpy() for name, tile in tiles.items()} | {"mesh": clay}


def draw(tiles: dict[str, NDArray]) -> Image.Image:
    """Tiles in a row, with their captions."""
    canvas = Image.new("RGB", (len(tiles) * (SIDE + GAP) + GAP, LINE + SIDE + GAP), (BACKGROUND,) * 3)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=14)
    for column, (caption, tile) in enumerate(tiles.items()):
        left = GAP + column * (SIDE + GAP)
        pen.text((left, 3), caption, fill=INK, font=font)
        canvas.paste(Image.fromarray(tile).resize((SIDE, SIDE), Image.Resampling.LANCZOS), (left, LINE))
    return canvas


if __name__ == "__main__":
    picture, *rest = map(Path, sys.argv[1:])
    runs = list(zip(rest[::2], rest[1::2], strict=True))
    shown: dict[str, NDArray] = {}
    for config, mesh in runs:
        shown |= of_run(config, mesh, only_mesh=len(runs) > 1)
    draw(shown).save(picture, quality=88)
