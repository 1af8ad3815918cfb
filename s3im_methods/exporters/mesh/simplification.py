"""Fewer triangles: what programs for games and the web want, and what makes a texture unfold in seconds."""

import numpy as np
from numpy.typing import NDArray

from s3im_methods.exporters.mesh.marching import Triangles


def simplified(mesh: Triangles, faces: int) -> Triangles:
    """A surface of about as many triangles as are wanted, which are large where it is flat.

    Edges are collapsed in the order of their quadric error (Garland and Heckbert, Surface Simplification Using Quadric
    Error Metrics, SIGGRAPH 1997), by Open3D.

    Args:
        mesh: A surface.
        faces: How many triangles it may have; at least 4.

    Returns:
        The surface; the same where it has no more.
    """
    if len(mesh.faces) <= faces:
        return mesh
    import open3d as o3d

    # Around the centre and of unit size, because the errors are squares of squares.
    centre, size = mesh.vertices.mean(axis=0), float(np.ptp(mesh.vertices, axis=0).max())
    dense = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector((mesh.vertices - centre) / size), o3d.utility.Vector3iVector(mesh.faces)
    )
    # Borders of cut-off meshes stay where they are.
    reduced = dense.simplify_quadric_decimation(faces, boundary_weight=10.0)
    reduced.remove_degenerate_triangles()
    reduced.remove_unreferenced_vertices()
    vertices: NDArray[np.float64] = np.asarray(reduced.vertices) * size + centre
    return Triangles(vertices, np.asarray(reduced.triangles).astype(mesh.faces.dtype))
