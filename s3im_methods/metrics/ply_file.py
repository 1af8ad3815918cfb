"""Read the surface of a PLY file (Turk, 1994): polygons of any number of corners, or strips of triangles."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"},
    **{"float": "f4", "double": "f8", "float32": "f4", "float64": "f8"},
}
_FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_INDICES = ("vertex_indices", "vertex_index")
# A header longer than this is none.
_MOST_HEADER = 1 << 20


@dataclass
class _Property:
    name: str
    kind: str
    # Of the number before a list; None for a single value.
    count_kind: str | None


@dataclass
class _Element:
    name: str
    count: int
    properties: list[_Property] = field(default_factory=list)


# Of each property: values, ``[count]``, or one array a row for a list.
_Columns = dict[str, NDArray | list[NDArray]]


def read_ply(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices, and triangles: polygons become fans around their first corner, strips their triangles in order.

    Args:
        path: An ASCII or binary PLY of either byte order.

    Returns:
        Vertices ``[V, 3]`` and faces ``[F, 3]``, of which there may be none.

    Raises:
        ValueError: If it is no PLY file, or a damaged one.
    """
    data = path.read_bytes()
    end = re.search(rb"(?:^|[\r\n])end_header[ \t]*(\r\n|\n|\r)", data[:_MOST_HEADER])
    if not data.startswith(b"ply") or end is None:
        raise ValueError("no PLY header")
    order, elements = _header(data[: end.end()].decode("ascii", errors="replace"))
    rows: _Tokens | _Bytes = _Bytes(data, end.end(), order) if order else _Tokens(data[end.end() :].split())
    read = {element.name: _columns(element, rows) for element in elements}
    if "vertex" not in read:
        raise ValueError("no vertices")
    vertices = np.stack([np.asarray(read["vertex"][axis], dtype=np.float64) for axis in "xyz"], axis=1)
    faces = [fan(polygon) for polygon in _by_length(_indices(read.get("face")))]
    faces += [_strip(strip) for strip in _indices(read.get("tristrips"))]
    return vertices, np.concatenate([np.zeros((0, 3), np.int64), *faces])


def fan(polygons: NDArray) -> NDArray[np.int64]:
    """Triangles ``[N (K - 2), 3]`` of polygons with K corners each, ``[N, K]``, all from their first corner.

    Example:
        >>> fan(np.array([[4, 5, 6, 7]])).tolist()
        [[4, 5, 6], [4, 6, 7]]
    """
    corners = polygons.astype(np.int64)
    steps = range(1, corners.shape[1] - 1)
    parts = [np.stack([corners[:, 0], corners[:, step], corners[:, step + 1]], axis=1) for step in steps]
    return np.stack(parts, axis=1).reshape(-1, 3) if parts else np.zeros((0, 3), np.int64)


def _strip(strip: NDArray) -> NDArray[np.int64]:
    """Triangles of strips that -1 divides; every second one runs the other way round."""
    found = [np.zeros((0, 3), np.int64)]
    for part in np.split(strip.astype(np.int64), np.flatnonzero(strip == -1)):
        corners = part[part != -1]
        triangles = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
        triangles[1::2] = triangles[1::2, [1, 0, 2]]
        found.append(triangles)
    return np.concatenate(found)


def _by_length(polygons: list[NDArray]) -> list[NDArray]:
    lengths = np.array([len(polygon) for polygon in polygons], dtype=np.int64)
    return [np.stack([polygons[row] for row in np.flatnonzero(lengths == length)]) for length in np.unique(lengths)]


def _indices(columns: _Columns | None) -> list[NDArray]:
    for name in _INDICES:
        if columns is not None and name in columns:
            return list(columns[name])
    return []


def _header(text: str) -> tuple[str, list[_Element]]:
    order: str | None = None
    elements: list[_Element] = []
    for line in re.split(r"[\r\n]+", text):
        words = line.split()
        if words[:1] == ["format"]:
            order = _FORMATS[words[1]]
        elif words[:1] == ["element"]:
            elements.append(_Element(words[1], int(words[2])))
        elif words[:2] == ["property", "list"]:
            elements[-1].properties.append(_Property(words[4], _TYPES[words[3]], _TYPES[words[2]]))
        elif words[:1] == ["property"]:
            elements[-1].properties.append(_Property(words[2], _TYPES[words[1]], None))
    if order is None:
        raise ValueError("no format")
    return order, elements


@dataclass
class _Bytes:
    """The binary part: values are taken one after another."""

    data: bytes
    place: int
    order: str

    def take(self, kind: str, count: int = 1) -> NDArray:
        found = np.frombuffer(self.data, self.order + kind, count, self.place)
        self.place += found.nbytes
        return found

    def table(self, element: _Element, lengths: list[int]) -> _Columns | None:
        """All rows at once, if their lists are as long as those of the first row."""
        fields: list[tuple[str, str] | tuple[str, str, int]] = []
        for number, (part, length) in enumerate(zip(element.properties, lengths, strict=True)):
            if part.count_kind is None:
                fields.append((str(number), self.order + part.kind))
            else:
                fields += [(f"n{number}", self.order + part.count_kind), (str(number), self.order + part.kind, length)]
        kind = np.dtype([(name, code, (size[0],)) if size else (name, code) for name, code, *size in fields])
        if self.place + kind.itemsize * element.count > len(self.data):
            return None
        rows = np.frombuffer(self.data, kind, element.count, self.place)
        for number, length in enumerate(lengths):
            if f"n{number}" in (kind.names or ()) and (rows[f"n{number}"] != length).any():
                return None
        self.place += rows.nbytes
        return {part.name: rows[str(number)] for number, part in enumerate(element.properties)}


@dataclass
class _Tokens:
    """The words of an ASCII file."""

    words: list[bytes]
    place: int = 0

    def take(self, kind: str, count: int = 1) -> NDArray:
        words = self.words[self.place : self.place + count]
        if len(words) < count:
            raise ValueError("the file ends early")
        self.place += count
        return np.array([float(word) for word in words]).astype(kind)

    def table(self, element: _Element, lengths: list[int]) -> _Columns | None:
        """See there."""
        counts = [part.count_kind is not None for part in element.properties]
        width = sum(lengths) + sum(counts)
        words = self.words[self.place : self.place + width * element.count]
        if len(words) < width * element.count:
            return None
        rows = np.array(words, dtype="S").astype(np.float64).reshape(element.count, width)
        columns: _Columns = {}
        column = 0
        for part, length, counted in zip(element.properties, lengths, counts, strict=True):
            if counted and (rows[:, column] != length).any():
                return None
            column += counted
            columns[part.name] = rows[:, column : column + length] if counted else rows[:, column]
            column += length
        self.place += len(words)
        return columns


def _columns(element: _Element, rows: _Bytes | _Tokens) -> _Columns:
    if element.count == 0:
        return {part.name: [] for part in element.properties}
    start, first = rows.place, _row(element, rows)
    rows.place = start
    table = rows.table(element, [len(values) for values in first])
    if table is not None:
        return table
    found = [_row(element, rows) for _ in range(element.count)]
    return {
        part.name: [row[number] for row in found] if part.count_kind else np.concatenate([row[number] for row in found])
        for number, part in enumerate(element.properties)
    }


def _row(element: _Element, rows: _Bytes | _Tokens) -> list[NDArray]:
    return [
        rows.take(part.kind, 1 if part.count_kind is None else int(rows.take(part.count_kind)[0]))
        for part in element.properties
    ]
