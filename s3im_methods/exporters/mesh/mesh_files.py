"""Write a mesh with its colours and normals, or with its texture, byte by byte as each format has it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from s3im_methods import outputs
from s3im_methods.exporters.mesh.glb import glb_bytes, png_bytes
from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.exporters.mesh.precision import decimals, needs_double
from s3im_methods.exporters.mesh.texture import Textured

MeshFormat = Literal["ply", "obj", "glb"]

_LINES_AT_ONCE = 1 << 16


def write_mesh(path: Path, mesh: Triangles, normals: NDArray, colours: NDArray[np.uint8]) -> None:
    """Write vertices, faces, normals and colours.

    A PLY holds double where float would lose a millionth of the mesh's extent. Colours are sRGB in PLY and OBJ, and
    linear in GLB. PLY and OBJ have the axes of ``mesh``; in GLB its z points along glTF's y, which is up.

    Args:
        path: Ends in .ply, .obj or .glb.
        mesh: The surface.
        normals: At its vertices, ``[V, 3]``.
        colours: At its vertices, sRGB, ``[V, 3]``.
    """
    normals = _units(normals)
    if path.suffix == ".ply":
        _write(path, [_ply(mesh, normals, colours)])
    elif path.suffix == ".glb":
        _write(path, [glb_bytes(mesh, normals, colours)])
    else:
        place = f"%.{decimals(mesh.vertices)}f"
        lines = _lines(f"v {place} {place} {place} %.6f %.6f %.6f\n", np.hstack([mesh.vertices, colours / 255]))
        faces = _lines("f %d//%d %d//%d %d//%d\n", np.repeat(mesh.faces + 1, 2, axis=1))
        _write(path, _encoded(lines, _normal_lines(normals), faces))


def write_textured(path: Path, mesh: Triangles, normals: NDArray, texture: Textured) -> None:
    """Write vertices, faces, normals and texture; beside an OBJ lie its material and its image, with names like its.

    Args:
        path: Ends in .obj or .glb.
        mesh: The surface that the texture is for.
        normals: At its vertices, ``[V, 3]``.
        texture: Of ``mesh``.
    """
    normals = _units(normals[texture.source])
    unfolded = Triangles(mesh.vertices[texture.source], texture.faces)
    if path.suffix == ".glb":
        _write(path, [glb_bytes(unfolded, normals, uv=texture.uv, image=texture.image)])
        return
    # Names end at the first space for some readers.
    stem = re.sub(r"\s+", "_", path.stem)
    # First what the OBJ names, so that none ever stands there without it.
    _write(path.with_name(f"{stem}.png"), [png_bytes(texture.image)])
    # All light of the image, and no gloss.
    material = f"newmtl texture\nKd 1 1 1\nmap_Kd {stem}.png\n"
    _write(path.with_name(f"{stem}.mtl"), [material.encode()])
    place = f"%.{decimals(unfolded.vertices)}f"
    head = [f"mtllib {stem}.mtl\nusemtl texture\n"]
    lines = _lines(f"v {place} {place} {place}\n", unfolded.vertices)
    faces = _lines("f %d/%d/%d %d/%d/%d %d/%d/%d\n", np.repeat(unfolded.faces + 1, 3, axis=1))
    _write(path, _encoded(head, lines, _lines("vt %.7f %.7f\n", texture.uv), _normal_lines(normals), faces))


def _ply(mesh: Triangles, normals: NDArray, colours: NDArray[np.uint8]) -> bytes:
    place = "double" if needs_double(mesh.vertices) else "float"
    kinds = {**dict.fromkeys("xyz", place), **dict.fromkeys(("nx", "ny", "nz"), "float")}
    kinds |= dict.fromkeys(("red", "green", "blue"), "uchar")
    codes = {"double": "<f8", "float": "<f4", "uchar": "u1"}
    vertices = np.empty(len(mesh.vertices), dtype=[(name, codes[kind]) for name, kind in kinds.items()])
    for name, column in zip(kinds, (*mesh.vertices.T, *normals.T, *colours.T), strict=True):
        vertices[name] = column
    faces = np.empty(len(mesh.faces), dtype=[("count", "u1"), ("indices", "<i4", 3)])
    faces["count"], faces["indices"] = 3, mesh.faces
    properties = "".join(f"property {kind} {name}\n" for name, kind in kinds.items())
    head = (
        f"ply\nformat binary_little_endian 1.0\ncomment units and axes of the data\nelement vertex {len(vertices)}\n"
        f"{properties}element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    return head.encode() + vertices.tobytes() + faces.tobytes()


def _lines(pattern: str, rows: NDArray) -> Iterator[str]:
    for start in range(0, len(rows), _LINES_AT_ONCE):
        part = rows[start : start + _LINES_AT_ONCE]
        yield pattern * len(part) % tuple(part.reshape(-1).tolist())


def _normal_lines(normals: NDArray) -> Iterator[str]:
    return _lines("vn %.6f %.6f %.6f\n", normals)


def _encoded(*parts: Iterable[str]) -> Iterator[bytes]:
    return (text.encode() for part in parts for text in part)


def _units(normals: NDArray) -> NDArray[np.float64]:
    """glTF wants every normal of length 1; a vertex of triangles without area has none."""
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0, normals / np.maximum(length, 1e-300), [0.0, 0.0, 1.0])


def _write(path: Path, parts: Iterable[bytes]) -> None:
    with outputs.written(path) as unfinished, unfinished.open("wb") as file:
        file.writelines(parts)
