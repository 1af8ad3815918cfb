"""Marching cubes (Lewiner et al., 2003, by scikit-image) over blocks, joined without seams."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from s3im_methods.exporters.mesh.grid import Grid
from s3im_methods.exporters.mesh.sparse_blocks import BLOCK, Blocks


@dataclass(frozen=True)
class Triangles:
    """A surface.

    Attributes:
        vertices: ``[V, 3]``.
        faces: ``[F, 3]``, counter-clockwise seen from outside.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]


def join_blocks(blocks: Blocks, grid: Grid) -> Triangles:
    """The surface between negative and positive values; none where a value is not known.

    Args:
        blocks: Values at their nodes; those that blocks share are the same in all of them, and none is 0.
        grid: Where the nodes lie.
    """
    vertices: list[NDArray] = [np.zeros((0, 3))]
    keys, faces, count = [np.zeros(0, np.int64)], [np.zeros((0, 3), np.int64)], 0
    for place in sorted(blocks):
        found = _block_surface(blocks[place])
        if found is None:
            continue
        local, corners = found
        first = BLOCK * np.array(place)
        vertices.append(local + first)
        keys.append(_keys(local, first, grid))
        faces.append(corners + count)
        count += len(local)
    # Vertices of neighbouring blocks on one edge of the grid have one key.
    _, kept, new = np.unique(np.concatenate(keys), return_index=True, return_inverse=True)
    joined = new.reshape(-1)[np.concatenate(faces)]
    return _used(Triangles(grid.points(np.concatenate(vertices)[kept]), joined))


def _block_surface(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
    unknown = np.isnan(values)
    if not ((values < 0).any() and (values > 0).any()):
        return None
    # scikit-image calls it ascent when the triangles are counter-clockwise seen from the lower values.
    filled = np.where(unknown, np.float32(-1), values)
    vertices, faces, _, _ = marching_cubes(filled, 0.0, gradient_direction="ascent")
    faces = faces.astype(np.int64)
    if unknown.any():
        # Each triangle lies in one cell; all eight nodes of that cell must be known.
        complete = np.ones(np.array(values.shape) - 1, dtype=bool)
        for corner in np.ndindex(2, 2, 2):
            shifted = tuple(slice(start, start + size) for start, size in zip(corner, complete.shape, strict=True))
            complete &= ~unknown[shifted]
        cell = np.floor(vertices[faces].mean(axis=1)).astype(np.int64)
        cell = np.minimum(cell, np.array(complete.shape) - 1)
        faces = faces[complete[tuple(cell.T)]]
    return vertices, faces


def _keys(local: NDArray[np.float32], first: NDArray, grid: Grid) -> NDArray[np.int64]:
    """A number for each vertex ``[V]``: the node before it, and along which axes it lies past that node.

    Along one axis: on an edge of the grid. Along all three: amid a cell, of which there is at most one.
    """
    before = np.floor(local)
    past = (local > before) @ np.array([1, 2, 4])
    nodes = np.array(grid.cells) + 1
    x, y, z = (before.astype(np.int64) + first).T
    return ((x * nodes[1] + y) * nodes[2] + z) * 8 + past


def _used(mesh: Triangles) -> Triangles:
    used, faces = np.unique(mesh.faces, return_inverse=True)
    return Triangles(mesh.vertices[used], faces.reshape(-1, 3))
