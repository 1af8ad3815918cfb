"""Read a triangle mesh from a file, and refuse what cannot be measured."""

from pathlib import Path

import numpy as np
import trimesh

from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.glb import world_transform
from s3im_methods.metrics.ply_file import read_ply
from s3im_methods.metrics.surface import triangle_areas

_FORMATS = "PLY, OBJ, GLB, STL or OFF"


def load_surface(path: Path) -> trimesh.Trimesh:
    """Read a mesh as it lies in the file; of a file with several, all of them as one.

    Polygons become fans of triangles. A GLB of this package, which is turned so that z points up, is turned back to the
    axes of its data; other GLBs keep theirs.

    Args:
        path: A PLY, or a file in any other format that trimesh reads.

    Returns:
        The mesh, vertices neither merged nor reordered.

    Raises:
        InputError: If there is no such file, or it cannot be read, has no faces, has vertices that are not finite
            numbers, faces that name vertices which do not exist, or no area.
    """
    if not path.is_file():
        raise InputError(f"No mesh at {quote(path)}: give a {_FORMATS} file.")
    try:
        mesh = _from_ply(path) if path.suffix.lower() == ".ply" else _from_other(path)
    except Exception as error:  # trimesh's readers raise errors of any kind on a damaged file.
        raise InputError(f"{quote(path)} cannot be read as a mesh: give an undamaged {_FORMATS} file.") from error
    if mesh is None:
        raise InputError(f"{quote(path)} has no faces, only points or nothing: give a mesh of triangles.")
    wrong = np.asarray(~np.isfinite(mesh.vertices).all(axis=1))
    if wrong.any():
        raise InputError(
            f"{quote(path)} has {int(wrong.sum())} of {len(wrong)} vertices that are not finite numbers (the first is "
            f"vertex {int(wrong.argmax())}): remove them from the mesh."
        )
    if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
        raise InputError(f"{quote(path)} has faces that name vertices which it lacks: write the mesh again.")
    if triangle_areas(mesh.vertices, mesh.faces).sum() <= 0:
        raise InputError(f"{quote(path)} has faces, but none with an area: give a mesh of triangles.")
    return mesh


def _from_ply(path: Path) -> trimesh.Trimesh | None:
    # Trimesh calls a binary PLY with polygons of different sizes damaged.
    vertices, faces = read_ply(path)
    return trimesh.Trimesh(vertices, faces, process=False, validate=False) if len(faces) else None


def _from_other(path: Path) -> trimesh.Trimesh | None:
    loaded = trimesh.load(str(path), process=False)
    meshes = loaded.dump() if isinstance(loaded, trimesh.Scene) else [loaded]
    meshes = [part for part in meshes if isinstance(part, trimesh.Trimesh) and len(part.faces)]
    mesh = trimesh.util.concatenate(meshes) if len(meshes) > 1 else meshes[0] if meshes else None
    assert mesh is None or isinstance(mesh, trimesh.Trimesh)
    turned = world_transform(path) if path.suffix.lower() == ".glb" else None
    if mesh is not None and turned is not None:
        mesh.apply_transform(np.linalg.inv(turned))
    return mesh
