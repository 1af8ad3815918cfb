"""A mesh laid flat: pieces that face one of six directions, seen from there, and packed into a square by xatlas.

xatlas can cut a mesh too (``xatlas.parametrize``). On the noisy surfaces of radiance fields that takes most of an
export's time, half a minute for 50,000 triangles, and its charts are no larger.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.kernels.available import fused_available

_DIRECTIONS = np.concatenate([np.eye(3), -np.eye(3)])
# What is drawn to the right and upwards of what faces each of them.
_ACROSS = np.array([(1, 2), (2, 0), (0, 1)] * 2)
# Cosine to its direction that a triangle has at least; the largest one is never below 0.577.
_STEEPEST = 0.4
_SMOOTHING = 4
_VOTES = 3
# How often parts that lie below others of their piece become pieces; the last time each of their triangles does.
_ROUNDS = 2
# Finer than a triangle of most meshes; at each texel of a large image it takes as long as to colour that.
_LARGEST_CHECK = 1024
# Triangles share edges, but not what lies this far inside of both, in barycentric coordinates.
_INSIDE = 1e-4


class Unfolded(NamedTuple):
    """A mesh with a place in a square for each corner.

    Attributes:
        source: Vertex of the mesh that each vertex is a copy of, ``[V]``.
        faces: ``[F, 3]``, in the order of the mesh's.
        uv: ``[V, 2]`` in [0, 1].
    """

    source: NDArray[np.int64]
    faces: NDArray[np.int64]
    uv: NDArray[np.float64]


def unfold(mesh: Triangles, side: int) -> Unfolded:
    """Cut a mesh into pieces that lie flat beside each other.

    Args:
        mesh: At least one triangle.
        side: Of the image that will be laid over it, in texels. Parts of a piece that would share a texel's centre are
            cut apart; above 1,024 the texels are those of an image of that size.
    """
    side = min(side, _LARGEST_CHECK)
    first, second = _neighbours(mesh.faces)
    facing = _facing(mesh, first, second)
    alike = facing[first] == facing[second]
    piece = _connected(len(mesh.faces), first[alike], second[alike])
    height = np.einsum("fd,fd->f", mesh.vertices[mesh.faces].mean(axis=1), _DIRECTIONS[facing])
    result = _packed(mesh, facing, piece)
    for left in reversed(range(_ROUNDS)):
        below = _below_others(result, height, side)
        if not below.any():
            break
        # Neighbours move together, as what they are below of does not move.
        together = below[first] & below[second] & (piece[first] == piece[second])
        own = _connected(len(piece), first[together], second[together]) if left else np.arange(len(piece))
        piece = np.unique(np.where(below, piece.max() + 1 + own, piece), return_inverse=True)[1]
        result = _packed(mesh, facing, piece)
    return result


def _neighbours(faces: NDArray) -> tuple[NDArray, NDArray]:
    """Pairs of triangles that share an edge, ``[E]`` each."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1).astype(np.int64)
    key = edges[:, 0] * (faces.max() + 1) + edges[:, 1]
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(np.diff(key[order]) == 0)
    owner = order % len(faces)
    return owner[same], owner[same + 1]


def _facing(mesh: Triangles, first: NDArray, second: NDArray) -> NDArray:
    """The direction that each triangle is seen from, ``[F]``: smooth, but none is seen at too low an angle."""
    a, b, c = (mesh.vertices[mesh.faces[:, corner]] for corner in range(3))
    normals, count = np.cross(b - a, c - a), len(mesh.faces)
    around = _matrix(count, first, second)
    cosines = normals @ _DIRECTIONS.T / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    allowed = cosines >= _STEEPEST
    allowed[np.arange(count), cosines.argmax(axis=1)] = True
    for _ in range(_SMOOTHING):
        normals = normals + around @ normals
    facing = np.where(allowed, normals @ _DIRECTIONS.T, -np.inf).argmax(axis=1)
    for _ in range(_VOTES):
        # An own vote that two of three neighbours can overrule.
        votes = np.stack([around @ (facing == direction) for direction in range(6)], axis=1) + 1.1 * np.eye(6)[facing]
        facing = np.where(allowed, votes, -1.0).argmax(axis=1)
    return facing


def _matrix(count: int, first: NDArray, second: NDArray) -> Any:
    ones = np.ones(2 * len(first))
    return coo_matrix((ones, (np.r_[first, second], np.r_[second, first])), shape=(count, count)).tocsr()


def _connected(count: int, first: NDArray, second: NDArray) -> NDArray:
    return connected_components(_matrix(count, first, second), directed=False)[1]


def _packed(mesh: Triangles, facing: NDArray, piece: NDArray) -> Unfolded:
    """Every piece seen from its direction, and all of them side by side."""
    import xatlas

    # A vertex has a copy for each piece around it.
    corners = piece[:, None].astype(np.int64) * len(mesh.vertices) + mesh.faces
    copies, faces = np.unique(corners, return_inverse=True)
    faces = faces.reshape(-1, 3)
    source, seen_from = copies % len(mesh.vertices), np.empty(len(copies), dtype=np.int64)
    seen_from[faces] = facing[:, None]
    # Around the centre: xatlas takes float32, in which a mesh far from the origin has no shape.
    points = mesh.vertices - mesh.vertices.mean(axis=0)
    flat = np.take_along_axis(points[source], _ACROSS[seen_from], axis=1)
    # xatlas enlarges pieces whose area is below 1.2e-7 until they cover the others, so a usual triangle has 1.
    areas = _areas(flat[faces])
    if areas.any():
        flat /= np.sqrt(np.median(areas[areas > 0]))
    atlas = xatlas.Atlas()
    atlas.add_uv_mesh(flat.astype(np.float32), faces.astype(np.uint32), piece[:, None].astype(np.uint32))
    atlas.generate()
    kept, packed, uv = atlas[0]
    return Unfolded(source[kept.astype(np.int64)], packed.astype(np.int64), uv.astype(np.float64))


def _areas(triangles: NDArray) -> NDArray:
    """Of triangles in a plane, ``[F, 3, 2]``."""
    first, second = (triangles[:, 1] - triangles[:, 0]).T, (triangles[:, 2] - triangles[:, 0]).T
    return np.abs(first[0] * second[1] - first[1] * second[0]) / 2


def _below_others(flat: Unfolded, height: NDArray, side: int) -> NDArray[np.bool_]:
    """Which triangles share a texel with one that is higher along its direction, ``[F]``."""
    from s3im_methods.exporters.mesh.texture import covered_texels, texel_boxes

    corners, below = flat.uv[flat.faces] * side, np.zeros(len(height), dtype=bool)
    if fused_available():
        from s3im_methods.exporters.mesh.unfolding_kernels import mark_below

        highest = np.full(side * side, -1)
        mark_below(corners, *texel_boxes(corners, side), height, side, _INSIDE, highest, below)
        return below
    texels, owners = [], []
    for found in covered_texels(corners, side):
        inside = found.weights.min(axis=1) > _INSIDE
        texels.append(found.row[inside] * side + found.column[inside])
        owners.append(found.face[inside])
    texel, owner = np.concatenate(texels), np.concatenate(owners)
    order = np.lexsort((-height[owner], texel))
    below[owner[order[1:]][np.diff(texel[order]) == 0]] = True
    return below
