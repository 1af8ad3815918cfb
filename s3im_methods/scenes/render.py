"""Images, depth and normals of a lit solid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s3im_methods.scenes.cameras import Camera
from s3im_methods.scenes.gloss import Surroundings, schlick
from s3im_methods.scenes.solid import Hits, Solid
from s3im_methods.scenes.texture_store import linear_to_srgb

_RAYS_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class View:
    """What one camera sees.

    Attributes:
        colour: [h, w, 3] 8-bit sRGB, mean over the hits of the pixel; black where there are none.
        alpha: [h, w] 8-bit, share of the pixel's rays that hit.
        depth: [h, w] float32, metres along the viewing axis through the pixel's centre; 0 for nothing.
        normal: [h, w, 3] float32, world axes, unit, towards the camera; 0 for nothing.
    """

    colour: NDArray[np.uint8]
    alpha: NDArray[np.uint8]
    depth: NDArray[np.float32]
    normal: NDArray[np.float32]


class Renderer:
    """Renders views of a solid whose vertices carry light.

    Args:
        solid: Mesh and textures.
        light: [V, 3], radiance of a white surface at each vertex.
        exposure: Factor before the tone curve.
        surroundings: What a clear coat reflects; None for no coat.
    """

    def __init__(
        self,
        solid: Solid,
        light: NDArray[np.float32],
        exposure: float = 1.0,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._solid = solid
        self._surroundings = surroundings
        self._exposure = np.float32(exposure)
        glow = solid.emission[solid.surface]
        corner_light = light[solid.triangles]
        corner_light[glow > 0] = glow[glow > 0, None, None]
        corners = np.concatenate([solid.uv[solid.triangles], corner_light], axis=-1)
        # [T, 3, 5]: texture coordinates and light at the first corner, and their change towards the other two;
        # so interpolation needs one gather.
        self._corners = np.concatenate([corners[:, :1], corners[:, 1:] - corners[:, :1]], axis=1)

    def render(self, camera: Camera, supersampling: int) -> View:
        """One view; colour is averaged in linear light over a regular grid of rays in each pixel."""
        h, w, n = camera.height, camera.width, supersampling
        colour, alpha = np.zeros((h, w, 3), np.uint8), np.zeros((h, w), np.uint8)
        depth, normal = np.zeros((h, w), np.float32), np.zeros((h, w, 3), np.float32)
        band = max(1, _RAYS_AT_ONCE // (w * n * n))
        for top in range(0, h, band):
            rows = slice(top, min(top + band, h))
            colour[rows], alpha[rows] = self._colours(camera, rows, n)
            depth[rows], normal[rows] = self._centres(camera, rows)
        return View(colour, alpha, depth, normal)

    def _centres(self, camera: Camera, rows: slice) -> tuple[NDArray, NDArray]:
        directions = _directions(camera, rows, 1)
        hits = self._solid.cast(camera.origin, directions)
        behind = np.einsum("ij,ij->i", hits.normal, directions) > 0
        normal = np.where(behind[:, None], -hits.normal, hits.normal)
        shape = (rows.stop - rows.start, camera.width)
        found = hits.found
        return np.where(found, hits.t, 0).reshape(shape), np.where(found[:, None], normal, 0).reshape(*shape, 3)

    def _colours(self, camera: Camera, rows: slice, n: int) -> tuple[NDArray, NDArray]:
        directions = _directions(camera, rows, n)
        hits = self._solid.cast(camera.origin, directions)
        found = np.flatnonzero(hits.found)
        colour = np.zeros((len(directions), 3), np.float32)
        colour[found] = self._shade(hits, found, directions, camera.focal * n)
        cells = (rows.stop - rows.start, n, camera.width, n)
        share = hits.found.reshape(cells).mean(axis=(1, 3))
        linear = colour.reshape(*cells, 3).mean(axis=(1, 3)) / np.maximum(share, 1e-6)[..., None]
        return linear_to_srgb(linear), np.round(255 * share).astype(np.uint8)

    def _shade(self, hits: Hits, found: NDArray, directions: NDArray, focal: float) -> NDArray[np.float32]:
        triangle, bary = hits.triangle[found], hits.bary[found]
        corners = self._corners[triangle]
        values = corners[:, 0] + bary[:, :1] * corners[:, 1] + bary[:, 1:] * corners[:, 2]
        towards = directions[found]
        slant = np.abs(np.einsum("ij,ij->i", hits.normal[found], towards)) / np.linalg.norm(towards, axis=-1)
        # A slanted footprint is an ellipse; its geometric mean neither blurs nor flickers much.
        footprint = hits.t[found] / focal / np.sqrt(np.maximum(slant, 0.05))
        coat = None if self._surroundings is None else self._coat(triangle, bary, towards)
        return self._tone(self._solid.surface[triangle], values, footprint, coat)

    def _coat(self, triangle: NDArray, bary: NDArray, towards: NDArray) -> tuple[NDArray, NDArray]:
        """Share of the light that the coat reflects [N, 1], and what it reflects [N, 3]."""
        assert self._surroundings is not None
        corners = self._solid.normals[self._solid.triangles[triangle]]
        weights = np.concatenate([1 - bary.sum(axis=-1, keepdims=True), bary], axis=-1)
        normals = np.einsum("nk,nkc->nc", weights, corners)
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
        view = towards / np.linalg.norm(towards, axis=-1, keepdims=True)
        cosines = np.einsum("ij,ij->i", normals, view)[:, None]
        return schlick(-cosines), self._surroundings(view - 2 * cosines * normals)

    def vertex_colours(self, extent: float = 0.03) -> NDArray[np.uint8]:
        """[V, 3] 8-bit sRGB, each vertex lit and with its texture averaged over ``extent`` metres."""
        first, change = self._corners[:, :1], self._corners[:, 1:]
        values = np.concatenate([first, first + change], axis=1).reshape(-1, 5)
        linear = self._tone(np.repeat(self._solid.surface, 3), values, np.full(len(values), extent))
        colours = np.zeros((len(self._solid.vertices), 3), np.uint8)
        # No vertex belongs to two surfaces, so every corner at a vertex writes the same colour.
        colours[self._solid.triangles.ravel()] = linear_to_srgb(linear)
        return colours

    def _tone(
        self, surface: NDArray, values: NDArray, footprint: NDArray, coat: tuple[NDArray, NDArray] | None = None
    ) -> NDArray[np.float32]:
        """Display-linear colour in [0, 1): a soft shoulder keeps lamps and windows from clipping.

        Args:
            surface: [N].
            values: [N, 5], texture coordinates and light.
            footprint: [N], metres.
            coat: Of a clear coat, the share of the light that it reflects [N, 1], and that light [N, 3].
        """
        albedo = self._solid.textures.lookup(surface, values[:, :2], footprint)
        exposed = self._exposure * albedo * values[:, 2:]
        if coat is not None:
            share, reflected = coat
            exposed = (1 - share) * exposed + self._exposure * share * reflected
        return 1 - np.exp(-exposed)


def _directions(camera: Camera, rows: slice, n: int) -> NDArray[np.float32]:
    """[rows * n * width * n, 3], n x n rays per pixel at the centres of its cells, row by row."""
    y = np.arange(rows.start * n, rows.stop * n) + 0.5
    x = np.arange(camera.width * n) + 0.5
    grid_y, grid_x = np.meshgrid(y / n, x / n, indexing="ij")
    return camera.directions(grid_y.ravel(), grid_x.ravel()).astype(np.float32)
