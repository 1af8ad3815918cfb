"""A texture for a mesh: its surface laid flat, every texel coloured by the model."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from s3im_methods.console import warn
from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.progress import task

_CANDIDATES_AT_ONCE = 1 << 20

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


def make_texture(mesh: Triangles, normals: NDArray, paint: Paint, side: int, flag: str = "--texture-size") -> Textured:
    """Unfold and paint; a line if the image is so small that triangles show the colours of others.

    Args:
        mesh: A surface.
        normals: At its vertices, ``[V, 3]``.
        paint: What colours points of the surface.
        side: Of the image, in pixels.
        flag: The one that gives the side, for the sentences.

    Raises:
        InputError: If no texel's centre lies on the mesh.
    """
    from s3im_methods.exporters.mesh.unfolding import unfold

    with task("Unfolding the mesh"):
        source, faces, uv = unfold(mesh, side)
    image, covered = np.zeros((side, side, 3), np.uint8), np.zeros((side, side), dtype=bool)
    for texels in covered_texels(uv[faces] * side, side):
        vertices = source[faces[texels.face]]
        points = np.einsum("nk,nkd->nd", texels.weights, mesh.vertices[vertices])
        towards = np.einsum("nk,nkd->nd", texels.weights, normals[vertices])
        towards /= np.maximum(np.linalg.norm(towards, axis=-1, keepdims=True), 1e-12)
        # The image's first row is at the top.
        image[side - 1 - texels.row, texels.column] = paint(points, towards)
        covered[side - 1 - texels.row, texels.column] = True
    count = np.count_nonzero(covered)
    if count == 0:
        raise InputError(f"No texel of the texture lies on the mesh: give a larger {flag}.")
    if count < len(faces):
        warn(
            f"The texture has only {count} texels for {len(faces)} triangles, so some show the colours of others: give "
            f"a {flag} above {side}, or a mesh of fewer triangles."
        )
    # Between the islands the nearest colour, so that no background bleeds in when the image is filtered.
    return Textured(source, faces, uv, image[nearest_covered(covered)])


@dataclass(frozen=True)
class Texels:
    """Texels whose centres lie in triangles.

    Attributes:
        face: Index of the triangle, ``[N]``.
        column: Of the texel, counted along the first coordinate, ``[N]``.
        row: Of the texel, counted along the second, ``[N]``.
        weights: Of the triangle's corners at the texel's centre, ``[N, 3]``.
    """

    face: NDArray[np.int64]
    column: NDArray[np.int64]
    row: NDArray[np.int64]
    weights: NDArray[np.float64]


def covered_texels(corners: NDArray, side: int) -> Iterator[Texels]:
    """The texels of a square image that triangles cover, some triangles at a time so that the memory is bounded.

    Args:
        corners: ``[F, 3, 2]``, in texels; a texel's centre is half a texel from its edges.
        side: Of the image.

    Yields:
        All texels of the next triangles, which lie next to each other in ``corners``.
    """
    # Of its bounding box those in the triangle are kept.
    low, size = texel_boxes(corners, side)
    batch = np.cumsum(size.prod(axis=1)) // _CANDIDATES_AT_ONCE
    bounds = np.append(np.flatnonzero(np.diff(batch, prepend=-1)), len(corners))
    for start, end in itertools.pairwise(bounds):
        part = slice(start, end)
        yield _texels_in_boxes(corners[part], low[part], size[part], start)


def texel_boxes(corners: NDArray, side: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First column and row of the texels around triangles, and how many columns and rows there are, ``[F, 2]`` each.

    Args:
        corners: ``[F, 3, 2]``, in texels.
        side: Of the image.
    """
    low = np.clip(np.floor(corners.min(axis=1)), 0, side - 1).astype(np.int64)
    high = np.clip(np.ceil(corners.max(axis=1)), 1, side).astype(np.int64)
    return low, np.maximum(high - low, 1)


def nearest_covered(covered: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index of the nearest covered texel, for every texel of an image.

    Args:
        covered: ``[S, S]``, true somewhere.

    Returns:
        Its place along the first and along the second axis, ``[S, S]`` each.
    """
    nearest = ndimage.distance_transform_edt(~covered, return_distances=False, return_indices=True)
    assert isinstance(nearest, np.ndarray)
    return nearest[0], nearest[1]


def _texels_in_boxes(corners: NDArray, low: NDArray, size: NDArray, first_face: int) -> Texels:
    width, height = size.T
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
    return Texels(first_face + face[inside], column[inside], row[inside], weights[inside].clip(0, 1))


def _cross(a: NDArray, b: NDArray) -> NDArray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
