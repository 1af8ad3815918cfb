"""Light stored at the mesh's vertices: area lights with soft shadows, then bounces of diffuse light.

The light is a function of the surface point alone, never of the view, so that every image agrees with every other.
Every vertex uses the same stratified directions: neighbours then err alike, and no noise shows between them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from s3im_methods.scenes.solid import Solid

_OFFSET = 2e-3  # Metres: rays start off the surface, so that they do not meet it again.
_CHUNK = 1 << 20

Sky = Callable[[NDArray], NDArray]
"""Radiance [N, 3] from directions [N, 3] that meet nothing."""


@dataclass(frozen=True)
class AreaLight:
    """A one-sided emitter, sampled at fixed points.

    Attributes:
        points: [S, 3], metres.
        normals: [S, 3], unit.
        area: Square metres, shared evenly by the points.
        radiance: [3].
    """

    points: NDArray[np.float32]
    normals: NDArray[np.float32]
    area: float
    radiance: NDArray[np.float32]


def rectangle_light(corner: ArrayLike, right: ArrayLike, down: ArrayLike, radiance: ArrayLike, n: int) -> AreaLight:
    """Rectangle in the manner of :func:`geometry.quad`, with n x n sample points."""
    corner, right, down = (np.asarray(x, dtype=np.float32) for x in (corner, right, down))
    u, v = np.meshgrid((np.arange(n) + 0.5) / n, (np.arange(n) + 0.5) / n)
    points = (corner + u.reshape(-1, 1) * right + v.reshape(-1, 1) * down).astype(np.float32)
    across = np.cross(down, right)
    area = float(np.linalg.norm(across))
    return AreaLight(points, np.broadcast_to(across / area, points.shape), area, np.asarray(radiance, np.float32))


def sphere_light(centre: ArrayLike, radius: float, radiance: ArrayLike, n: int) -> AreaLight:
    """Sphere with n sample points on a Fibonacci lattice."""
    normals = _fibonacci_sphere(n)
    points = (np.asarray(centre) + radius * normals).astype(np.float32)
    return AreaLight(points, normals, 4 * np.pi * radius**2, np.asarray(radiance, np.float32))


def vertex_light(
    solid: Solid, lights: list[AreaLight], sky: Sky | None, samples: int, bounces: int = 3
) -> NDArray[np.float32]:
    """Irradiance divided by pi at every vertex, [V, 3]: a white surface's radiance.

    Args:
        solid: The scene.
        lights: Emitters. The surfaces that show them are not counted again.
        sky: Light from where there is no surface; None for black.
        samples: Directions per vertex for sky and bounces.
        bounces: How often light is passed on from surface to surface.
    """
    origins = _light_points(solid)
    direct = sum((_direct(solid, origins, light) for light in lights), np.zeros_like(solid.vertices))
    if samples == 0:
        return direct
    directions = _cosine_directions(solid.normals, samples)
    step = max(1, _CHUNK // samples)
    triangle = np.empty((len(origins), samples), dtype=np.int64)
    sky_light = np.zeros_like(direct)
    for start in range(0, len(origins), step):
        part = slice(start, start + step)
        outwards = directions[part].reshape(-1, 3)
        hits = solid.cast(np.repeat(origins[part], samples, axis=0), outwards)
        front = np.einsum("ij,ij->i", hits.normal, outwards) < 0
        triangle[part] = np.where(hits.found & front, hits.triangle, -1).reshape(-1, samples)
        if sky is not None:
            light = np.where(hits.found[:, None], 0, sky(outwards))
            sky_light[part] = light.reshape(-1, samples, 3).mean(axis=1)
    received = direct + sky_light
    total = received
    # Lamps give their light through `lights` alone; seen by a bounce they count as dark.
    albedo = np.where(solid.emission > 0, 0, 1)[:, None] * solid.textures.mean
    for _ in range(bounces):
        leaving = total[solid.triangles].mean(axis=1) * albedo[solid.surface]
        leaving = np.concatenate([leaving, np.zeros((1, 3))]).astype(np.float32)  # Index -1 is darkness.
        total = received + np.stack([leaving[:, c][triangle].mean(axis=1) for c in range(3)], -1)
    return total.astype(np.float32)


def _direct(solid: Solid, origins: NDArray, light: AreaLight) -> NDArray[np.float32]:
    """Sum over discs of the light's area, each with the form factor A cos cos / (pi d^2 + A), finite at no distance."""
    total = np.zeros_like(origins)
    disc = light.area / len(light.points)
    for point, normal in zip(light.points, light.normals, strict=True):
        towards = (point - origins).astype(np.float32)
        squared = np.einsum("ij,ij->i", towards, towards)
        cosines = np.einsum("ij,ij->i", towards, solid.normals).clip(0) * (-towards @ normal).clip(0)
        gain = cosines / np.maximum(squared, 1e-9) * disc / (np.pi * squared + disc)
        lit = np.flatnonzero(gain > 0)
        lit = lit[~solid.blocked(origins[lit], np.broadcast_to(point, (len(lit), 3)))]
        total[lit] += gain[lit, None] * light.radiance
    return total


def _light_points(solid: Solid) -> NDArray[np.float32]:
    """Vertices moved a little inwards along their surface and off it.

    A vertex in a corner of the room lies on two walls at once; from there half of the room would be hidden.
    """
    centres = solid.vertices[solid.triangles].mean(axis=1)
    total = np.zeros_like(solid.vertices)
    for k in range(3):
        for c in range(3):
            total[:, c] += np.bincount(solid.triangles[:, k], centres[:, c], minlength=len(total))
    count = np.bincount(solid.triangles.ravel(), minlength=len(total)).clip(1)[:, None]
    shift = 0.5 * (total / count - solid.vertices)
    shift -= np.einsum("ij,ij->i", shift, solid.normals)[:, None] * solid.normals
    return (solid.vertices + shift + _OFFSET * solid.normals).astype(np.float32)


def _cosine_directions(normals: NDArray, samples: int) -> NDArray[np.float32]:
    """[V, samples, 3], cosine-distributed about each normal (Malley's method on a Fibonacci disc)."""
    k = np.arange(samples) + 0.5
    radius, angle = np.sqrt(k / samples), k * np.pi * (3 - np.sqrt(5))
    local = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1 - radius**2)], -1).astype(np.float32)
    # Tangent frame without a branch in z (Duff et al., JCGT 2017).
    x, y, z = normals.T
    sign = np.where(z >= 0, 1.0, -1.0).astype(np.float32)
    a = -1 / (sign + z)
    b = x * y * a
    tangent = np.stack([1 + sign * x * x * a, sign * b, -sign * x], -1)
    bitangent = np.stack([b, sign + y * y * a, -y], -1)
    frame = np.stack([tangent, bitangent, normals], axis=1).astype(np.float32)
    return local @ frame


def _fibonacci_sphere(n: int) -> NDArray[np.float32]:
    k = np.arange(n) + 0.5
    z, angle = 1 - 2 * k / n, k * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], -1).astype(np.float32)
