"""PLY files as other programs write them, made here byte by byte."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from s3im_methods.metrics.ply_file import read_ply
from s3im_methods.metrics.surface_file import load_surface

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1]], dtype=np.float64)
POLYGONS = [(0, 1, 2, 3), (0, 1, 5, 4), (0, 3, 4)]
TRIANGLES = [[0, 1, 2], [0, 2, 3], [0, 1, 5], [0, 5, 4], [0, 3, 4]]
CODES = {"float": "f", "double": "d", "uchar": "B", "uint8": "B", "int": "i", "uint": "I", "ushort": "H", "short": "h"}


def write(
    path: Path, form: str, *, place="float", extra="", count="uchar", index="int", key="vertex_indices", line="\n"
):
    """A file of polygons of several sizes; ``extra`` stands behind each vertex and each face as a number 7."""
    more = f"property {extra} quality{line}" if extra else ""
    head = f"ply{line}format {form} 1.0{line}comment made by hand{line}obj_info nothing{line}element vertex 6{line}"
    head += "".join(f"property {place} {axis}{line}" for axis in "xyz") + more
    head += f"element face 3{line}property list {count} {index} {key}{line}{more}end_header{line}"
    rows = [(v, "") for v in VERTICES.tolist()] + [(list(p), count) for p in POLYGONS]
    body = b""
    for values, counted in rows:
        if form == "ascii":
            words = [str(len(values))] * bool(counted) + [f"{value:g}" for value in values] + ["7"] * bool(extra)
            body += " ".join(words).encode() + line.encode()
        else:
            order = "<" if "little" in form else ">"
            if counted:
                body += struct.pack(order + CODES[counted], len(values))
            kind = CODES[index if counted else place]
            body += struct.pack(f"{order}{len(values)}{kind}", *values)
            body += struct.pack(order + CODES[extra], 7) if extra else b""
    path.write_bytes(head.encode() + body)
    return path


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize(
    "kinds",
    [
        {},
        {"place": "double", "count": "uint8", "index": "uint", "key": "vertex_index"},
        {"extra": "float", "index": "ushort"},
        {"extra": "double", "count": "int", "index": "short"},
        {"line": "\r\n"},
    ],
)
def test_triangles_and_quads(tmp_path, form, kinds):
    vertices, faces = read_ply(write(tmp_path / "mixed.ply", form, **kinds))
    assert np.array_equal(vertices, VERTICES)
    assert sorted(faces.tolist()) == sorted(TRIANGLES)
    assert load_surface(tmp_path / "mixed.ply").area == pytest.approx(2.5)


@pytest.mark.parametrize("form", ["ascii", "binary"])
def test_what_trimesh_writes_is_read_as_trimesh_reads_it(tmp_path, form):
    ball: Any = trimesh.creation.icosphere(2, 0.5)
    ball.visual.vertex_colors = np.random.default_rng(0).integers(0, 255, (len(ball.vertices), 4)).astype(np.uint8)
    ball.export(tmp_path / "ball.ply", encoding=form, vertex_normal=True)
    vertices, faces = read_ply(tmp_path / "ball.ply")
    assert vertices == pytest.approx(ball.vertices, abs=1e-6)
    assert np.array_equal(faces, ball.faces)


def test_strips_of_triangles(tmp_path):
    """A square of two strips, as scanners store them; every second triangle of a strip runs the other way round."""
    head = "ply\nformat ascii 1.0\nelement vertex 6\nproperty float x\nproperty float y\nproperty float z\n"
    head += "element tristrips 1\nproperty list int int vertex_indices\nend_header\n"
    body = "0 0 0\n0 1 0\n1 0 0\n1 1 0\n2 0 0\n2 1 0\n8 0 2 1 3 -1 2 4 3\n"
    (tmp_path / "strips.ply").write_text(head + body)
    vertices, faces = read_ply(tmp_path / "strips.ply")
    assert faces.tolist() == [[0, 2, 1], [1, 2, 3], [2, 4, 3]]
    edges = vertices[faces[:, 1:]] - vertices[faces[:, :1]]
    assert (np.cross(edges[:, 0], edges[:, 1])[:, 2] > 0).all()


def test_elements_before_and_after_are_passed_over(tmp_path):
    head = "ply\nformat ascii 1.0\nelement camera 1\nproperty list uchar float matrix\nelement vertex 3\n"
    head += "property float y\nproperty float x\nproperty float z\nelement face 1\nproperty uchar kind\n"
    head += "property list uchar int vertex_index\nproperty list uchar float texcoord\nelement edge 0\n"
    head += "property int vertex1\nend_header\n"
    (tmp_path / "more.ply").write_text(head + "2 0.5 0.5\n0 0 0\n0 1 0\n1 0 0\n9 3 0 1 2 6 0 0 1 0 0 1\n")
    vertices, faces = read_ply(tmp_path / "more.ply")
    # Properties have names, not places.
    assert vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert faces.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian"])
def test_a_file_that_ends_early(tmp_path, form):
    path = write(tmp_path / "torn.ply", form)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError):
        read_ply(path)


@pytest.mark.parametrize("content", [b"", b"ply\nformat ascii 1.0\n", b"solid ball", b"ply\nend_header\n"])
def test_what_is_no_ply(tmp_path, content):
    (tmp_path / "no.ply").write_bytes(content)
    with pytest.raises(ValueError):
        read_ply(tmp_path / "no.ply")
