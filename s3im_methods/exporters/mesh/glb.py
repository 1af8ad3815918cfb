"""glTF 2.0 in one binary file, as its specification has it: linear colours, a material that is no metal, Y up.

The axes of the data are taken to have Z up, as nerfstudio's have. The root node turns them, so that vertices stay as
they are, and Blender, which turns glTF back, shows the coordinates of the data. The node also holds what is too large
for float32: vertices of a mesh far from the origin are stored around its centre.
"""

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.exporters.mesh.precision import needs_double

WORLD_KEY = "s3im_world"
"""Name in the file's ``asset.extras`` of the transform from the data's axes to glTF's, 16 numbers by rows."""

_Z_UP_TO_Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
_FLOAT, _UNSIGNED_INT = 5126, 5125
_VERTICES, _INDICES = 34962, 34963
_TYPES = {2: "VEC2", 3: "VEC3", 4: "VEC4"}


def linear_colours(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """sRGB as glTF wants it: linear, and as floats, so that dark colours stay apart, and opaque.

    glTF allows whole numbers of 16 bits too, which MeshLab misreads.

    Args:
        colours: sRGB, ``[V, 3]``.

    Returns:
        ``[V, 4]``, 0 to 1.

    Example:
        >>> [round(value, 3) for value in linear_colours(np.array([[255, 188, 0]], dtype=np.uint8))[0].tolist()]
        [1.0, 0.503, 0.0, 1.0]
    """
    code = np.arange(256) / 255
    linear = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.concatenate([linear[colours], np.ones((len(colours), 1), np.float32)], axis=1)


def srgb_colours(linear: NDArray) -> NDArray[np.float32]:
    """The inverse: what glTF has, from 0 to 1, as sRGB from 0 to 255.

    Example:
        >>> srgb_colours(np.array([1.0, 0.503, 0.0])).round().tolist()
        [255.0, 188.0, 0.0]
    """
    shares = np.asarray(linear, np.float32)
    return 255 * np.where(shares <= 0.0031308, 12.92 * shares, 1.055 * shares ** (1 / 2.4) - 0.055).astype(np.float32)


def glb_bytes(
    mesh: Triangles,
    normals: NDArray,
    colours: NDArray[np.uint8] | None = None,
    uv: NDArray | None = None,
    image: NDArray[np.uint8] | None = None,
) -> bytes:
    """The whole file.

    Args:
        mesh: In the axes of the data.
        normals: At its vertices, ``[V, 3]``, unit.
        colours: At its vertices, sRGB, ``[V, 3]``; or None.
        uv: Texture coordinates of its vertices, ``[V, 2]``, with (0, 0) at the image's bottom left corner; or None.
        image: The texture, sRGB, ``[H, W, 3]``; given with ``uv``.
    """
    far = needs_double(mesh.vertices)
    centre = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2 if far else np.zeros(3)
    file = _File()
    attributes = {
        "POSITION": file.add((mesh.vertices - centre).astype(np.float32), _FLOAT, bounds=True),
        "NORMAL": file.add(np.asarray(normals, dtype=np.float32), _FLOAT),
    }
    material: dict[str, Any] = {
        "name": "colours" if uv is None else "texture",
        "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0},
        # A surface has no thickness, and rooms are looked at from both sides.
        "doubleSided": True,
    }
    document: dict[str, Any] = {}
    if colours is not None:
        attributes["COLOR_0"] = file.add(linear_colours(colours), _FLOAT)
    if uv is not None and image is not None:
        # glTF counts v from the top.
        attributes["TEXCOORD_0"] = file.add(np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1).astype(np.float32), _FLOAT)
        document["images"] = [{"bufferView": file.add_view(png_bytes(image)), "mimeType": "image/png"}]
        document["textures"] = [{"source": 0}]
        material["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
    indices = file.add(mesh.faces.astype(np.uint32).reshape(-1), _UNSIGNED_INT)
    node = _Z_UP_TO_Y_UP.copy()
    node[:3, 3] = _Z_UP_TO_Y_UP[:3, :3] @ centre
    document |= {
        "asset": {
            "version": "2.0",
            "generator": "s3im_methods",
            "extras": {WORLD_KEY: _Z_UP_TO_Y_UP.reshape(-1).tolist()},
        },
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        # glTF lists matrices by columns.
        "nodes": [{"name": "world", "mesh": 0, "matrix": node.T.reshape(-1).tolist()}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}],
        "materials": [material],
        "accessors": file.accessors,
        "bufferViews": file.views,
        "buffers": [{"byteLength": file.size}],
    }
    return _container(document, b"".join(file.parts))


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """An sRGB image ``[H, W, 3]`` as PNG."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")
    return file.getvalue()


def world_transform(path: Path) -> NDArray[np.float64] | None:
    """What leads from the data's axes to those of a file that this module wrote; None for a file of others.

    Args:
        path: A .glb file.

    Returns:
        ``[4, 4]``.

    Raises:
        ValueError: If it is no such file.
    """
    with path.open("rb") as file:
        magic, _, _ = struct.unpack("<4sII", file.read(12))
        length, kind = struct.unpack("<I4s", file.read(8))
        if magic != b"glTF" or kind != b"JSON":
            raise ValueError("no binary glTF")
        document = json.loads(file.read(length))
    found = (document["asset"].get("extras") or {}).get(WORLD_KEY)
    return None if found is None else np.array(found, dtype=np.float64).reshape(4, 4)


class _File:
    """The binary part while it grows, and what the document says of it."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, Any]] = []
        self.size = 0

    def add_view(self, data: bytes, target: int | None = None) -> int:
        view = {"buffer": 0, "byteOffset": self.size, "byteLength": len(data)}
        self.views.append(view if target is None else {**view, "target": target})
        padded = data + b"\0" * (-len(data) % 4)
        self.parts.append(padded)
        self.size += len(padded)
        return len(self.views) - 1

    def add(self, array: NDArray, component: int, bounds: bool = False) -> int:
        view = self.add_view(array.tobytes(), _INDICES if array.ndim == 1 else _VERTICES)
        accessor: dict[str, Any] = {"bufferView": view, "componentType": component, "count": len(array)}
        accessor["type"] = "SCALAR" if array.ndim == 1 else _TYPES[array.shape[1]]
        if bounds:
            accessor |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _container(document: dict[str, Any], binary: bytes) -> bytes:
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    header = struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(binary))
    return b"".join(
        [header, struct.pack("<I4s", len(text), b"JSON"), text, struct.pack("<I4s", len(binary), b"BIN\0"), binary]
    )
