"""A GLB by the rules of glTF 2.0, read by a parser of its own."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pymeshlab
import pytest
import trimesh
from PIL import Image

from s3im_methods.exporters.mesh.appearance import vertex_normals
from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.exporters.mesh.mesh_files import write_mesh, write_textured
from s3im_methods.exporters.mesh.texture import make_texture
from s3im_methods.metrics.surface_file import load_surface

KINDS = {5126: "<f4", 5125: "<u4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
TURN = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


@pytest.fixture(scope="module")
def ball() -> Triangles:
    sphere = trimesh.creation.icosphere(2, 2.0)
    return Triangles(sphere.vertices * [1, 2, 3] + np.array([5.0, 0, -3.0]), np.asarray(sphere.faces, dtype=np.int64))


class File:
    """Its document and its binary part; what the specification asks of the container is asserted on the way."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length, length % 4) == (b"glTF", 2, len(data), 0)
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert (kind, size % 4) == (b"JSON", 0)
        self.document: dict[str, Any] = json.loads(data[20 : 20 + size])
        rest, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert (kind, rest % 4, 28 + size + rest) == (b"BIN\0", 0, len(data))
        self.binary = data[28 + size :]
        assert self.document["buffers"] == [{"byteLength": len(self.binary)}]
        self.primitive = self.document["meshes"][0]["primitives"][0]

    def view(self, index: int) -> bytes:
        view = self.document["bufferViews"][index]
        assert view["byteOffset"] % 4 == 0
        return self.binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]

    def accessor(self, index: int) -> np.ndarray:
        accessor = self.document["accessors"][index]
        width = WIDTHS[accessor["type"]]
        array = np.frombuffer(self.view(accessor["bufferView"]), KINDS[accessor["componentType"]])
        assert width == 1 or array.itemsize * width % 4 == 0
        array = array.reshape(accessor["count"], width)
        if "min" in accessor:
            assert np.array_equal(array.min(axis=0), np.float32(accessor["min"]))
            assert np.array_equal(array.max(axis=0), np.float32(accessor["max"]))
        return array

    def attribute(self, name: str) -> np.ndarray:
        return self.accessor(self.primitive["attributes"][name])

    @property
    def material(self) -> dict[str, Any]:
        return self.document["materials"][self.primitive["material"]]

    def placed(self) -> np.ndarray:
        """Vertices where a viewer shows them: under the matrix of the root node, which is listed by columns."""
        (root,) = self.document["scenes"][self.document["scene"]]["nodes"]
        matrix = np.array(self.document["nodes"][root]["matrix"]).reshape(4, 4).T
        return self.attribute("POSITION").astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]


def test_a_coloured_mesh(ball, tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (len(ball.vertices), 3)).astype(np.uint8)
    write_mesh(tmp_path / "mesh.glb", ball, vertex_normals(ball), colours)
    file = File(tmp_path / "mesh.glb")
    assert file.document["asset"]["version"] == "2.0"
    assert "min" in file.document["accessors"][file.primitive["attributes"]["POSITION"]]
    assert np.array_equal(file.accessor(file.primitive["indices"]).reshape(-1, 3), ball.faces)
    assert np.linalg.norm(file.attribute("NORMAL"), axis=1) == pytest.approx(1, abs=1e-6)
    assert file.attribute("NORMAL") == pytest.approx(vertex_normals(ball), abs=1e-6)
    # z of the data is up, which is y in glTF; the turn is no mirroring.
    assert file.placed() == pytest.approx(ball.vertices @ TURN.T, abs=1e-5)
    assert np.linalg.det(TURN) == 1
    assert file.material["pbrMetallicRoughness"] == {"metallicFactor": 0.0, "roughnessFactor": 1.0}
    assert file.material["doubleSided"] is True


def test_colours_are_linear_and_dark_ones_stay_apart(ball, tmp_path):
    codes = np.arange(256, dtype=np.uint8)
    mesh = Triangles(np.random.default_rng(1).random((256, 3)), np.array([[0, 1, 2], [3, 4, 5]]))
    write_mesh(tmp_path / "mesh.glb", mesh, vertex_normals(mesh), np.repeat(codes[:, None], 3, axis=1))
    file = File(tmp_path / "mesh.glb")
    accessor = file.document["accessors"][file.primitive["attributes"]["COLOR_0"]]
    assert (accessor["componentType"], accessor["type"]) == (5126, "VEC4")
    linear = file.attribute("COLOR_0").astype(np.float64)
    assert (linear[:, 3] == 1).all()
    # What a viewer does before it shows them.
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)[:, 0]
    assert shown * 255 == pytest.approx(codes, abs=0.01)
    assert linear[188, 0] == pytest.approx(0.503, abs=1e-3)
    ms = pymeshlab.MeshSet()  # type: ignore[attr-defined]
    ms.load_new_mesh(str(tmp_path / "mesh.glb"))
    assert ms.current_mesh().vertex_color_matrix() == pytest.approx(linear, abs=1 / 255)


def test_a_textured_mesh(ball, tmp_path):
    normals = vertex_normals(ball)
    texture = make_texture(ball, normals, lambda points, _: (points * 10 + 90).astype(np.uint8), 128)
    write_textured(tmp_path / "mesh.glb", ball, normals, texture)
    file = File(tmp_path / "mesh.glb")
    assert file.material["pbrMetallicRoughness"]["metallicFactor"] == 0
    slot = file.material["pbrMetallicRoughness"]["baseColorTexture"]["index"]
    image = file.document["images"][file.document["textures"][slot]["source"]]
    assert image["mimeType"] == "image/png"
    (tmp_path / "own.png").write_bytes(file.view(image["bufferView"]))
    pixels = np.asarray(Image.open(tmp_path / "own.png"))
    assert np.array_equal(pixels, texture.image)
    # In the middle of each face the image, whose first row has v = 0, shows the colour of that place.
    corners = file.accessor(file.primitive["indices"]).reshape(-1, 3)
    u, v = (file.attribute("TEXCOORD_0")[corners].mean(axis=1) * 128).astype(int).T
    place = file.attribute("POSITION")[corners].mean(axis=1)
    assert np.abs(pixels[v, u].astype(int) - (place * 10 + 90)).mean() < 2


def test_it_is_read_back_in_the_axes_of_the_data(ball, tmp_path):
    write_mesh(tmp_path / "mesh.glb", ball, vertex_normals(ball), np.zeros((len(ball.vertices), 3), np.uint8))
    assert load_surface(tmp_path / "mesh.glb").vertices == pytest.approx(ball.vertices, abs=1e-5)


def test_of_another_program_the_axes_stay(ball, tmp_path):
    trimesh.Trimesh(ball.vertices, ball.faces, process=False).export(tmp_path / "other.glb")
    assert load_surface(tmp_path / "other.glb").vertices == pytest.approx(ball.vertices, abs=1e-5)


def test_a_vertex_without_a_normal_gets_one_of_length_one(tmp_path):
    flat = Triangles(np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]), np.array([[0, 1, 2]]))
    write_mesh(tmp_path / "mesh.glb", flat, vertex_normals(flat), np.zeros((3, 3), np.uint8))
    assert np.linalg.norm(File(tmp_path / "mesh.glb").attribute("NORMAL"), axis=1) == pytest.approx(1)
