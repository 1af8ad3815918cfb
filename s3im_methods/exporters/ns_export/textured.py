"""Textures of ``ns-export``: only texels on the mesh are coloured, and surfaces are asked for their colour directly.

nerfstudio renders every texel of the image, by a ray through the surface that is two edges of a triangle long, and
writes the mesh line by line (``exporter/texture_utils.py``, ``export_textured_mesh``).
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.rays import RayBundle
from numpy.typing import NDArray

from s3im_methods.console import say
from s3im_methods.exporters.mesh.appearance import surface_colours
from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.exporters.mesh.mesh_files import write_textured
from s3im_methods.exporters.mesh.texture import make_texture
from s3im_methods.exporters.mesh.world_frame import WorldFrame


def write_textured_mesh(mesh: Any, model: Any, path: Path, side: int, plain: bool) -> None:
    """Unfold a mesh, colour it and write it, with its material and its image beside it.

    Args:
        mesh: nerfstudio's, in scene units.
        model: In evaluation mode.
        path: Of the OBJ.
        side: Of the image, in pixels.
        plain: Whether its colours are the field's, and not another output of the model.

    Raises:
        InputError: If the image is so small that no texel's centre lies on the mesh.
    """
    vertices, faces, normals = (part.detach().cpu().numpy() for part in (mesh.vertices, mesh.faces, mesh.normals))
    # Vertices of triangles without area have none.
    normals = np.nan_to_num(normals.astype(np.float64))
    surface = Triangles(vertices.astype(np.float64), faces.astype(np.int64))
    paint = _Paint(model, surface, mesh.vertices.device, plain and hasattr(model, "surface_value"))
    say(f"Unfolding and colouring a mesh of {len(vertices)} vertices and {len(faces)} faces.")
    texture = make_texture(surface, normals, paint, side, "--num-pixels-per-side")
    write_textured(path, surface, normals, texture)
    say(f"Wrote {path}, in scene units, and its image of {side} x {side} pixels beside it.")


class _Paint:
    """Colours of points of a mesh.

    Args:
        model: In evaluation mode.
        surface: The mesh, scene units.
        device: Where the model is.
        directly: Whether the field is asked at the points, which have to be on its surface; else rays are rendered.
    """

    def __init__(self, model: Any, surface: Triangles, device: torch.device | str, directly: bool) -> None:
        self.model, self.device, self.directly = model, getattr(model, "device", device), directly
        edges = surface.vertices[surface.faces[:, 1]] - surface.vertices[surface.faces[:, 0]]
        self.length = 2 * float(np.linalg.norm(edges, axis=-1).mean())

    def __call__(self, points: NDArray, normals: NDArray) -> NDArray[np.uint8]:
        if self.directly:
            return surface_colours(self.model, points, normals, _SCENE, self.device)
        return self._rendered(points, normals)

    @torch.no_grad()
    def _rendered(self, points: NDArray, normals: NDArray) -> NDArray[np.uint8]:
        """What rays show that go through the surface, half of the length before it and half behind it."""
        at, towards = (torch.from_numpy(each.astype(np.float32)).to(self.device)[None] for each in (points, -normals))
        one = torch.ones_like(at[..., :1])
        rays = RayBundle(
            origins=at - 0.5 * self.length * towards,
            directions=towards,
            pixel_area=one,
            camera_indices=torch.zeros_like(one, dtype=torch.long),
            nears=torch.zeros_like(one),
            fars=self.length * one,
            metadata={"directions_norm": one},
        )
        colours = self.model.get_rgba_image(self.model.get_outputs_for_camera_ray_bundle(rays), "rgb")[0, :, :3]
        return (colours.clamp(0, 1) * 255 + 0.5).to(torch.uint8).cpu().numpy()


_SCENE = WorldFrame(np.eye(3), np.zeros(3), 1.0)
