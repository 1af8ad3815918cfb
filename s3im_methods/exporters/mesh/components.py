"""The largest parts of a surface."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.metrics.surface import triangle_areas


def largest_components(mesh: Triangles, count: int) -> tuple[Triangles, int]:
    """Keep the parts with the largest area; a part is what hangs together by its vertices.

    Args:
        mesh: A surface.
        count: How many parts to keep; 0 for all.

    Returns:
        What is left, and how many parts there were.
    """
    ends = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]]]).T
    size = len(mesh.vertices)
    graph = coo_matrix((np.ones(ends.shape[1], dtype=np.int8), (ends[0], ends[1])), shape=(size, size))
    total, part = connected_components(graph, directed=False)
    if count == 0 or count >= total:
        return mesh, int(total)
    part_of_face = part[mesh.faces[:, 0]]
    area = np.bincount(part_of_face, triangle_areas(mesh.vertices, mesh.faces), minlength=total)
    kept = np.isin(part_of_face, np.argsort(area)[::-1][:count])
    used, faces = np.unique(mesh.faces[kept], return_inverse=True)
    return Triangles(mesh.vertices[used], faces.reshape(-1, 3)), int(total)
