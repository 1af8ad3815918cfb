"""The frames of a film round a mesh, by casting rays on the CPU, without any graphics driver."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from s3im_methods.exporters.film.paths import look_at
from s3im_methods.exporters.film.writer import Frame
from s3im_methods.exporters.mesh.glb import srgb_colours
from s3im_methods.metrics.surface_file import load_surface
from s3im_methods.progress import track

_BACKGROUND, _GREY = 250.0, 190.0
_FOV, _ELEVATION = math.radians(35), math.radians(25)
_OUTLIERS = 0.01
# Rays per pixel along each side.
_SUPERSAMPLING = 2
# Walls between the viewer and the inside of a room.
_MOST_BACKS = 4


def mesh_frames(path: Path, count: int, size: tuple[int, int]) -> Iterator[Frame]:
    """See a mesh turn about its vertical axis, z; only what faces the viewer is drawn, so one looks into rooms.

    Args:
        path: Of the mesh: PLY, OBJ, GLB, STL or OFF.
        count: Frames for one turn.
        size: Height and width of the frames.

    Raises:
        InputError: If the file is no mesh.
    """
    import open3d as o3d

    mesh = load_surface(path)
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    centre, reach = _middle(vertices)
    near = ((vertices - centre) / reach).astype(np.float32)
    caster = o3d.t.geometry.RaycastingScene()
    caster.add_triangles(o3d.core.Tensor.from_numpy(near), o3d.core.Tensor.from_numpy(faces.astype(np.uint32)))
    colours = _colours(path, mesh)
    distance = 1.05 / math.sin(_FOV / 2)
    for index in track(range(count), "Rendering"):
        turn = 2 * math.pi * index / count - math.pi / 2
        eye = distance * np.array(
            [math.cos(_ELEVATION) * math.cos(turn), math.cos(_ELEVATION) * math.sin(turn), math.sin(_ELEVATION)]
        )
        pose = look_at(eye, np.zeros(3), np.array([0.0, 0.0, 1.0]))
        yield _frame(caster, pose, faces, colours, size)


def _middle(vertices: NDArray) -> tuple[NDArray[np.float64], float]:
    """The centre of nearly all vertices, and how far they reach from there."""
    low, high = np.quantile(vertices, [_OUTLIERS, 1 - _OUTLIERS], axis=0)
    centre = (low + high) / 2
    return centre, max(float(np.quantile(np.linalg.norm(vertices - centre, axis=1), 1 - _OUTLIERS)), 1e-12)


def _colours(path: Path, mesh: trimesh.Trimesh) -> NDArray[np.float32] | None:
    """Of the vertices, sRGB, ``[V, 3]``; None where the file has none. An image is read at the vertices."""
    visual: Any = mesh.visual
    if path.suffix.lower() == ".ply":
        # The checked reader leaves colours out.
        try:
            visual = trimesh.load(str(path), process=False).visual  # pyright: ignore[reportAttributeAccessIssue]
        except Exception:  # trimesh's readers raise errors of any kind; the mesh itself has been read.
            return None
    if path.suffix.lower() in (".glb", ".gltf"):
        linear = _linear_colours(path)
        if linear is not None and len(linear) == len(mesh.vertices):
            return srgb_colours(linear)
    if visual.kind == "texture":
        visual = visual.to_color()
    if visual.kind not in ("vertex", "face"):
        return None
    found = np.asarray(visual.vertex_colors)[:, :3]
    return found.astype(np.float32) if len(found) == len(mesh.vertices) else None


def _linear_colours(path: Path) -> NDArray[np.float32] | None:
    """Of a glTF's vertices, which are linear, ``[V, 3]`` in [0, 1]; None for images and where a part has none."""
    # As the scene has them: copies of meshes that have a material too lose them.
    scene: Any = trimesh.load(str(path), process=False)
    parts = []
    for node in scene.graph.nodes_geometry:
        part = scene.geometry[scene.graph[node][1]]
        if not (isinstance(part, trimesh.Trimesh) and len(part.faces)):
            # Lines and points, which are no part of the mesh.
            continue
        visual: Any = part.visual
        if getattr(visual, "uv", None) is not None:
            return None
        found = (
            visual.vertex_colors
            if visual.kind == "vertex"
            else dict(getattr(visual, "vertex_attributes", {})).get("color")
        )
        if found is None:
            return None
        most = np.iinfo(found.dtype).max if np.issubdtype(found.dtype, np.integer) else 1
        parts.append(np.asarray(found[:, :3], np.float32) / np.float32(most))
    return np.concatenate(parts)


def _frame(caster: Any, pose: NDArray, faces: NDArray, colours: NDArray | None, size: tuple[int, int]) -> Frame:
    height, width = (side * _SUPERSAMPLING for side in size)
    focal = min(height, width) / 2 / math.tan(_FOV / 2)
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    local = np.stack([x / focal, -y / focal, -np.ones_like(x)], axis=-1).reshape(-1, 3)
    directions = local @ pose[:, :3].T
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    shown = np.full((len(directions), 3), _BACKGROUND, np.float32)
    for pixels, triangle, weights, slant in _hits(caster, pose[:, 3], directions):
        base = np.full((len(pixels), 3), _GREY, np.float32)
        if colours is not None:
            base = np.einsum("nk,nkc->nc", weights, colours[faces[triangle]])
        least = 0.35 if colours is None else 0.7
        shown[pixels] = base * (least + (1 - least) * slant[:, None])
    cells = shown.reshape(size[0], _SUPERSAMPLING, size[1], _SUPERSAMPLING, 3)
    return (cells.mean(axis=(1, 3)) + 0.5).astype(np.uint8)


def _hits(
    caster: Any, origin: NDArray, directions: NDArray
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]]:
    """What rays meet first that faces them: rays, triangles, weights of their corners, cosines of the angle."""
    import open3d as o3d

    waiting = np.arange(len(directions))
    origins = np.repeat(origin[None], len(directions), axis=0)
    for _ in range(_MOST_BACKS):
        rays = np.concatenate([origins[waiting], directions[waiting]], axis=1).astype(np.float32)
        answer = caster.cast_rays(o3d.core.Tensor.from_numpy(rays))
        distance, uv = answer["t_hit"].numpy(), answer["primitive_uvs"].numpy()
        normal = answer["primitive_normals"].numpy()
        slant = -np.einsum("nd,nd->n", normal, directions[waiting])
        met = np.isfinite(distance)
        front = met & (slant > 0)
        weights = np.concatenate([1 - uv.sum(axis=1, keepdims=True), uv], axis=1)
        triangle = answer["primitive_ids"].numpy().astype(np.int64)
        yield waiting[front], triangle[front], weights[front], slant[front]
        behind = met & ~front
        origins[waiting[behind]] += (distance[behind, None] + 1e-4) * directions[waiting[behind]]
        waiting = waiting[behind]
        if len(waiting) == 0:
            return
