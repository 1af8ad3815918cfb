"""Surface rendering: one colour where a ray meets the surface, in place of many samples along it.

The surface is the zero level, or of an object the level at which volume rendering has its outline. It is for evaluation
alone, and much faster; training has no gradient through it.
"""

from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.viewer.viewer_elements import ViewerDropdown
from torch import Tensor, nn
from torch.nn import functional

from s3im_methods.models.surface.samples import SurfaceSamples
from s3im_methods.rays.coarse_distances import CoarseDistances
from s3im_methods.rays.sphere_tracing import Lines, Tracing, coverage, trace

_NEAR = 6e-3
"""Near to the surface, in radii of the scene's sphere: less than a cell of the lite hash grid."""

_NARROWEST = 1e-6
"""Least width of a pixel, in the same radii; that of a camera on the surface would be 0."""
_GRID = 64
"""Cells along a side of the grid by which rays leave out what is empty."""


class SurfaceRenderer(nn.Module):
    """Finds what rays see of a field's surface; it has no parameters and no state.

    The viewer finds the choice as an attribute of this module.

    Args:
        config: With ``render``, ``scene_kind``, ``sphere_radius`` and ``background_color``.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.tracing = Tracing(near=_NEAR * config.sphere_radius)
        self.has_outline = config.scene_kind == "object"
        self.colours_everywhere = config.background_color == "last_sample"
        self.choice = ViewerDropdown(
            "Render",
            default_value=config.render,
            options=["volume", "surface"],
            hint="volume composites samples along each ray; surface has one where the ray meets the surface, which is "
            "faster. Evaluations beside a training follow it too.",
        )
        self.center, self.radius = torch.tensor(config.sphere_center), config.sphere_radius
        self.grid: CoarseDistances | None = None
        self.grid_of: tuple[float, ...] = ()
        self.rays, self.lost, self.most_lost = 0, 0, 0

    @property
    def is_chosen(self) -> bool:
        """Whether the viewer's panel, or else the settings, ask for surfaces."""
        return self.choice.value == "surface"

    def forward(self, ray_bundle: RayBundle, field: Any) -> SurfaceSamples:
        """What rays ``[R]`` with nears and fars see of the field's surface, one sample a ray.

        A ray that meets nothing has its sample where it ends, which weighs nothing.
        """
        assert ray_bundle.nears is not None and ray_bundle.fars is not None
        sdf = self._distances(field)
        lines = Lines(ray_bundle.origins, ray_bundle.directions, ray_bundle.nears[:, 0], ray_bundle.fars[:, 0])
        meetings = trace(sdf, lines, self.tracing)
        self.rays, self.lost = self.rays + len(ray_bundle), self.lost + int(meetings.lost.sum())
        widths = ray_bundle.pixel_area[:, 0].sqrt() * meetings.distances
        covered = coverage(sdf, lines, meetings, widths.clamp(min=_NARROWEST * self.radius), self.tracing)
        distances = torch.where(covered > 0, meetings.distances, lines.fars)
        at = distances[:, None, None]
        samples = ray_bundle.get_ray_samples(bin_starts=at, bin_ends=at)
        seen = torch.ones_like(meetings.found) if self.colours_everywhere else covered > 0
        # Encodings do not take empty batches.
        places = seen.nonzero()[:, 0] if seen.any() else seen.new_zeros(1, dtype=torch.long)
        points = lines.at(distances)[places]
        _, features, gradients = field.geometry(points)
        colours = field.colors(samples, points, features, gradients, places)
        weights = covered[:, None, None].to(colours)

        def spread(values: Tensor) -> Tensor:
            return values.new_zeros(len(ray_bundle), 3).index_copy(0, places, values)[:, None]

        normals = spread(functional.normalize(gradients, dim=-1))
        levels = [(weights, samples)]
        return SurfaceSamples(samples, spread(colours), normals, weights, 1 - weights[:, 0], levels, {})

    def _distances(self, field: Any) -> CoarseDistances:
        """Distances to the surface by a grid that is filled again whenever the field has changed."""
        schedule = (field.encoding.active_levels or 0, field.opacity.progress)
        state = (*schedule, *(parameter._version for parameter in field.parameters()))
        if self.grid is None or self.grid_of != state:
            # In a room outlines are few, and what is met head-on lies at the zero level.
            level = field.opacity.outline() if self.has_outline else 0.0
            self.grid = CoarseDistances(
                lambda points: field.sdf(points) - level, self.center.to(field.space.radius), self.radius, _GRID
            )
            self.grid_of = state
        return self.grid

    def report(self) -> str | None:
        """A sentence about the rays of an image that were lost, where there are more than in those before."""
        rays, lost, self.rays, self.lost = self.rays, self.lost, 0, 0
        if lost <= self.most_lost:
            return None
        self.most_lost = lost
        return f"Surface rendering lost {lost:,} of an image's {rays:,} rays, which show what is behind the surface."
