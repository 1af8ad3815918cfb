"""Write a mesh with its colours and normals, or with its texture."""

from pathlib import Path
from typing import Literal

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial, SimpleMaterial

from s3im_methods import outputs
from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.exporters.mesh.texture import Textured

MeshFormat = Literal["ply", "obj", "glb"]


def write_mesh(path: Path, mesh: Triangles, normals: NDArray, colours: NDArray[np.uint8]) -> None:
    """Write vertices, faces, normals and colours.

    Args:
        path: Ends in .ply, .obj or .glb.
        mesh: The surface.
        normals: At its vertices, ``[V, 3]``.
        colours: At its vertices, sRGB, ``[V, 3]``.
    """
    written = trimesh.Trimesh(
        mesh.vertices, mesh.faces, vertex_normals=normals, vertex_colors=colours, process=False, validate=False
    )
    _write(path, written)


def write_textured(path: Path, mesh: Triangles, normals: NDArray, texture: Textured) -> None:
    """Write vertices, faces, normals and texture; beside an OBJ lie its material and its image.

    Args:
        path: Ends in .obj or .glb.
        mesh: The surface that the texture is for.
        normals: At its vertices, ``[V, 3]``.
        texture: Of ``mesh``.
    """
    image = Image.fromarray(texture.image)
    if path.suffix == ".glb":
        material = PBRMaterial(baseColorTexture=image, metallicFactor=0.0, roughnessFactor=1.0)
    else:
        material = SimpleMaterial(image=image)
    written = trimesh.Trimesh(
        mesh.vertices[texture.source],
        texture.faces,
        vertex_normals=normals[texture.source],
        visual=TextureVisuals(uv=texture.uv, material=material),
        process=False,
        validate=False,
    )
    _write(path, written)


def _write(path: Path, mesh: trimesh.Trimesh) -> None:
    with outputs.written(path) as file:
        if path.suffix == ".ply":
            mesh.export(file, vertex_normal=True)
        elif path.suffix == ".glb":
            mesh.export(file, include_normals=True)
        else:
            mesh.export(file, include_normals=True, mtl_name=f"{path.stem}.mtl")
