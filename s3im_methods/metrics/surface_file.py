"""Read a triangle mesh from a file, and refuse what cannot be measured."""

from pathlib import Path

import numpy as np
import trimesh

from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError
from s3im_methods.metrics.surface import triangle_areas

_FORMATS = "PLY, OBJ, GLB, STL or OFF"


def load_surface(path: Path) -> trimesh.Trimesh:
    """Read a mesh as it lies in the file; of a file with several, all of them as one.

    Args:
        path: A file in any format that trimesh reads.

    Returns:
        The mesh, vertices neither merged nor reordered.

    Raises:
        InputError: If there is no such file, or it cannot be read, has no faces, has vertices that are not finite
            numbers, faces that name vertices which do not exist, or no area.
    """
    if not path.is_file():
        raise InputError(f"No mesh at {quote(path)}: give a {_FORMATS} file.")
    try:
        loaded = trimesh.load(str(path), process=False)
        meshes = loaded.dump() if isinstance(loaded, trimesh.Scene) else [loaded]
        meshes = [part for part in meshes if isinstance(part, trimesh.Trimesh) and len(part.faces)]
        mesh = trimesh.util.concatenate(meshes) if len(meshes) > 1 else meshes[0] if meshes else None
    except Exception as error:  # trimesh's readers raise errors of any kind on a damaged file.
        raise InputError(f"{quote(path)} cannot be read as a mesh: give an undamaged {_FORMATS} file.") from error
    if mesh is None:
        raise InputError(f"{quote(path)} has no faces, only points or nothing: give a mesh of triangles.")
    assert isinstance(mesh, trimesh.Trimesh)
    wrong = np.asarray(~np.isfinite(mesh.vertices).all(axis=1))
    if wrong.any():
        raise InputError(
            f"{quote(path)} has {int(wrong.sum())} of {len(wrong)} vertices that are not finite numbers (the first is "
            f"vertex {int(wrong.argmax())}): remove them from the mesh."
        )
    if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
        raise InputError(f"{quote(path)} has faces that name vertices which it lacks: write the mesh anew.")
    if triangle_areas(mesh.vertices, mesh.faces).sum() <= 0:
        raise InputError(f"{quote(path)} has faces, but none with an area: give a mesh of triangles.")
    return mesh
