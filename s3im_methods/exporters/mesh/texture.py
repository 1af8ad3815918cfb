"""A texture for a mesh: its surface unfolded by xatlas, every texel coloured by the model."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from s3im_methods.exporters.mesh.marching import Triangles

_FACES_AT_ONCE = 1 << 16

Paint = Callable[[NDArray, NDArray], NDArray[np.uint8]]
"""From points and unit normals, ``[N, 3]`` each, to sRGB, ``[N, 3]``."""


@dataclass(frozen=True)
class Textured:
    """A mesh with one image.

    Attributes:
        source: Vertex of the plain mesh that each vertex is a copy of, ``[V]``.
        faces: ``[F, 3]``.
        uv: ``[V, 2]`` in [0, 1]; (0, 0) is the image's bottom left corner.
        image: sRGB, ``[S, S, 3]``.
    """

    source: NDArray[np.int64]
    faces: NDArray[np.int64]
    uv: NDArray[np.float64]
    image: NDArray[np.uint8]


def make_texture(mesh: Triangles, normals: NDArray, paint: Paint, side: int) -> Textured:
    """Unfold and paint.

    Args:
        mesh: A surface.
        normals: At its vertices, ``[V, 3]``.
        paint: What colours points of the surface.
        side: Of the image, in pixels.
    """
    import xatlas

    source, faces, uv = xatlas.parametrize(mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32))
    source, faces = source.astype(np.int64), faces.astype(np.int64)
    corners = uv[faces] * side
    image, covered = np.zeros((side, side, 3), np.uint8), np.zeros((side, side), dtype=bool)
    for start in range(0, len(faces), _FACES_AT_ONCE):
        face, column, row, weights = _texels(corners[start : start + _FACES_AT_ONCE], side)
        vertices = source[faces[face + start]]
        points = np.einsum("nk,nkd->nd", weights, mesh.vertices[vertices])
        towards = np.einsum("nk,nkd->nd", weights, normals[vertices])
        towards /= np.maximum(np.linalg.norm(towards, axis=-1, keepdims=True), 1e-12)
        # The image's first row is at the top.
        image[side - 1 - row, column] = paint(points, towards)
        covered[side - 1 - row, column] = True
    # Between the islands the nearest colour, so that no background bleeds in when the image is filtered.
    nearest = ndimage.distance_transform_edt(~covered, return_distances=False, return_indices=True)
    assert isinstance(nearest, np.ndarray)
    return Textured(source, faces, uv.astype(np.float64), image[tuple(nearest)])


def _texels(corners: NDArray, side: int) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Texels whose centres lie in triangles.

    Args:
        corners: ``[F, 3, 2]``, in texels.
        side: Of the image.

    Returns:
        Index of the triangle, column and row of the texel, ``[N]`` each, and weights of the corners, ``[N, 3]``.
    """
    low = np.clip(np.floor(corners.min(axis=1)), 0, side - 1).astype(np.int64)
    high = np.clip(np.ceil(corners.max(axis=1)), 1, side).astype(np.int64)
    width, height = np.maximum(high - low, 1).T
    count = width * height
    face = np.repeat(np.arange(len(corners)), count)
    within = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
    column, row = low[face, 0] + within % width[face], low[face, 1] + within // width[face]
    a, b, c = (corners[face, corner] for corner in range(3))
    centre = np.stack([column, row], axis=-1) + 0.5
    double_area = _cross(b - a, c - a)
    safe = np.where(double_area == 0, 1.0, double_area)
    second, third = _cross(centre - a, c - a) / safe, _cross(b - a, centre - a) / safe
    weights = np.stack([1 - second - third, second, third], axis=-1)
    inside = (weights >= -1e-9).all(axis=-1) & (double_area != 0)
    return face[inside], column[inside], row[inside], weights[inside].clip(0, 1)


def _cross(a: NDArray, b: NDArray) -> NDArray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
