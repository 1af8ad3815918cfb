"""A scene's surfaces joined into one exact triangle mesh that rays can hit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s3im_methods.scenes.geometry import Surface
from s3im_methods.scenes.texture_store import TextureStore


@dataclass(frozen=True)
class Hits:
    """What rays met; rays that met nothing hold infinite ``t`` and rubbish elsewhere.

    Attributes:
        t: [N], distance in units of the ray's direction.
        triangle: [N], index of the triangle, -1 for none.
        bary: [N, 2], weights of the triangle's second and third vertex.
        normal: [N, 3], unit, geometric normal of the triangle.
    """

    t: NDArray[np.float32]
    triangle: NDArray[np.int64]
    bary: NDArray[np.float32]
    normal: NDArray[np.float32]

    @property
    def found(self) -> NDArray[np.bool_]:
        """[N], whether the ray met the mesh."""
        return np.isfinite(self.t)


class Solid:
    """Mesh, textures and a ray caster.

    Args:
        surfaces: The scene; a ray sees each surface from both sides.

    Attributes:
        vertices: [V, 3] float32, metres: exactly the mesh that rays meet and that mesh.ply holds.
        normals: [V, 3] float32, smooth normals, for the light only.
        uv: [V, 2] float32.
        triangles: [T, 3].
        surface: [T], index of the surface of each triangle.
        emission: [S], radiance of each surface's white texel.
        textures: The surfaces' textures.
    """

    def __init__(self, surfaces: Sequence[Surface]) -> None:
        import open3d as o3d

        starts = np.cumsum([0] + [len(s.vertices) for s in surfaces])[:-1]
        self.vertices = np.concatenate([s.vertices for s in surfaces]).astype(np.float32)
        self.normals = np.concatenate([s.normals for s in surfaces]).astype(np.float32)
        self.uv = np.concatenate([s.uv for s in surfaces]).astype(np.float32)
        self.triangles = np.concatenate([s.triangles + k for s, k in zip(surfaces, starts, strict=True)])
        self.surface = np.repeat(np.arange(len(surfaces)), [len(s.triangles) for s in surfaces])
        self.emission = np.array([s.emission for s in surfaces], dtype=np.float32)
        corners = self.vertices[self.triangles]
        area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=-1)
        self.textures = TextureStore([s.texture for s in surfaces], np.bincount(self.surface, area).tolist())
        self._caster = o3d.t.geometry.RaycastingScene()
        self._caster.add_triangles(
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(self.vertices)),
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(self.triangles, dtype=np.uint32)),
        )
        self._tensor = o3d.core.Tensor.from_numpy

    def cast(self, origins: NDArray, directions: NDArray) -> Hits:
        """First hit of each ray; [N, 3] origins (or one [3]) and directions of any length."""
        answer = self._caster.cast_rays(self._tensor(_rays(origins, directions)))
        triangle = answer["primitive_ids"].numpy()
        triangle = np.where(triangle == np.uint32(0xFFFFFFFF), -1, triangle.astype(np.int64))
        return Hits(
            answer["t_hit"].numpy(), triangle, answer["primitive_uvs"].numpy(), answer["primitive_normals"].numpy()
        )

    def blocked(self, origins: NDArray, targets: NDArray) -> NDArray[np.bool_]:
        """[N], whether anything lies between each origin and its target, both [N, 3] in metres."""
        rays = self._tensor(_rays(origins, targets - origins))
        return self._caster.test_occlusions(rays, tnear=0.0, tfar=0.999).numpy()

    def distance(self, points: NDArray) -> NDArray[np.float32]:
        """[N], distance of points [N, 3] to the nearest surface in metres."""
        return self._caster.compute_distance(self._tensor(np.ascontiguousarray(points, dtype=np.float32))).numpy()


def _rays(origins: NDArray, directions: NDArray) -> NDArray[np.float32]:
    rays = np.empty((len(directions), 6), dtype=np.float32)
    rays[:, :3], rays[:, 3:] = origins, directions
    return rays
