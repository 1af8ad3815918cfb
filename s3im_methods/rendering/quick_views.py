"""What the quick views of several methods have in common: samples drawn from the weights of first samples.

In images neighbouring pixels can share the first samples, which are most of all samples: a ray through the middle of a
small square is asked for weights, which pixels interpolate. So they look for an edge on both sides of it. (The largest
of the weights around a pixel would be no worse by PSNR, but show the squares as a faint lattice.)
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.model_components.ray_samplers import PDFSampler, Sampler, SpacedSampler
from nerfstudio.model_components.scene_colliders import NearFarCollider
from torch import Tensor

from s3im_methods.kernels.available import fused_available
from s3im_methods.kernels.threads import in_ranges
from s3im_methods.rendering.networks import array

Distances = Callable[[Tensor], Tensor]

RAYS_AT_ONCE = 1 << 14
"""Of an image; the kernels need little memory for each, and smaller chunks cost a tenth of a view."""

_BINS, _DEPTHS = "first_bins", "first_depths"
# Neighbours that look into more different directions than that (radians, about) do not see the same things.
_WIDEST_SQUARE = 0.05


def runs_here(model: Any) -> bool:
    """Whether compiled kernels may render with a model as it is: no training, no gradients, float32 on a CPU."""
    numbers = next(model.field.parameters())
    quiet = not model.training and not torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
    return quiet and numbers.device.type == "cpu" and numbers.dtype == torch.float32 and fused_available()


def draws_plainly(first: Sampler, following: Sampler) -> bool:
    """Whether samples are spaced bins, and then bins of equal share."""
    return isinstance(first, SpacedSampler) and type(following) is PDFSampler and not following.include_original


class QuickViews(ABC):
    """Renders rays with a model's present parameters.

    Args:
        model: The model.
        counts: How many first samples a ray has, those that follow, and so on to those that are seen.
        spacing: Draws the first samples.
        following: Draws all others.
        anneal: To which power weights are raised for that.
    """

    def __init__(
        self, model: Any, counts: list[int], spacing: SpacedSampler, following: PDFSampler, anneal: float = 1.0
    ) -> None:
        self.model, self.counts, self.spacing, self.following, self.anneal = model, counts, spacing, following, anneal

    @abstractmethod
    def weights(self, level: int, rays: RayBundle, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Weights ``[R, S]`` of samples amid ``edges`` (``[R, S + 1]``) and median depths ``[R, 1]``.

        Args:
            level: 0 for the first samples, 1 for those that follow.
            rays: ``[R]``.
            edges: Distances along the rays.
        """

    def samples(self, rays: RayBundle) -> tuple[Tensor, list[Tensor]]:
        """Edges ``[R, N + 1]`` of the samples that are seen, and the median depths ``[R, 1]`` of all before them.

        Args:
            rays: ``[R]`` with bounds. Metadata may hold what :meth:`shared` puts there.
        """
        distances = self._distances(rays)
        if _BINS in rays.metadata:
            bins, depths = rays.metadata[_BINS], [rays.metadata[_DEPTHS]]
        else:
            weights, depth, first = self._first_weights(rays, distances)
            bins, depths = self._resampled(0, weights[:, None], first, len(rays)), [depth]
        for level in range(1, len(self.counts) - 1):
            weights, depth = self.weights(level, rays, distances(bins).contiguous())
            bins = self._resampled(level, weights[:, None], bins, len(rays))
            depths.append(depth)
        return distances(bins).contiguous(), depths

    def shared(self, rays: RayBundle, side: int) -> Callable[[RayBundle, int], None] | None:
        """What gives each chunk of an image's rays their first bins, from the weights that squares of pixels share.

        Args:
            rays: Of an image, ``[H, W]``, without bounds.
            side: Of the squares, in pixels.

        Returns:
            What puts them into a chunk's metadata, told the chunk's first ray; None where pixels had better not share:
            where rays do not come from one point, or squares are wide.
        """
        height, width = rays.origins.shape[:2]
        if side <= 1 or type(self.model.collider) is not NearFarCollider:
            return None
        rows, columns = _middles(height, side), _middles(width, side)
        coarse = rays[rows[:, None], columns]
        if not (rays.origins == rays.origins[0, 0]).all() or _steps(coarse.directions) > _WIDEST_SQUARE:
            return None
        flat = self.model.collider(coarse.flatten())
        weights, depths, bins = self._first_weights(flat, self._distances(flat))
        weights = weights.view(len(rows), len(columns), -1)

        def prepare(chunk: RayBundle, start: int) -> None:
            found = self._resampled(0, weights, bins, len(chunk), (start, side, width))
            pixels = torch.arange(start, start + len(chunk))
            row, column = pixels // width // side, pixels % width // side
            own = row.clamp(max=len(rows) - 1) * len(columns) + column.clamp(max=len(columns) - 1)
            chunk.metadata = {**chunk.metadata, _BINS: found, _DEPTHS: depths[own]}

        return prepare

    def composited(self, colours: Tensor, last_colours: Tensor, opacity: Tensor) -> Tensor:
        """Colours of rays, ``[R, 3]``, by the model's own renderer.

        Args:
            colours: Sums of weighted colours, ``[R, 3]``.
            last_colours: Those of the last samples, ``[R, 3]``.
            opacity: Sums of weights, ``[R, 1]``.
        """
        # To the renderer, which knows backgrounds, a ray is one sample with all the weight, and the last one.
        mean = torch.where(opacity > 0, colours / opacity, 0.0)
        weights = torch.stack([opacity, torch.zeros_like(opacity)], dim=1)
        return self.model.renderer_rgb(rgb=torch.stack([mean, last_colours], dim=1), weights=weights)

    def with_last(self) -> bool:
        """Whether the last sample's colour counts."""
        return self.model.renderer_rgb.background_color == "last_sample"

    def _distances(self, rays: RayBundle) -> Distances:
        """Where along rays ``[R]`` bins between 0 and 1 are."""
        spacing = self.spacing
        near, far = spacing.spacing_fn(rays.nears), spacing.spacing_fn(rays.fars)
        return lambda bins: spacing.spacing_fn_inv(bins * far + (1 - bins) * near)

    def _first_weights(self, rays: RayBundle, distances: Distances) -> tuple[Tensor, Tensor, Tensor]:
        bins = torch.linspace(0.0, 1.0, self.counts[0] + 1)[None]
        return *self.weights(0, rays, distances(bins).expand(len(rays), -1).contiguous()), bins

    def _resampled(
        self, level: int, weights: Tensor, bins: Tensor, rays: int, pixels: tuple[int, int, int] = (0, 1, 1)
    ) -> Tensor:
        """Bins ``[R, N + 1]`` for the next level.

        ``pixels`` are the first ray's index, the side of the squares, and the width of the image.
        """
        from s3im_methods.rendering.ray_kernels import resample

        found = torch.empty(rays, self.counts[level + 1] + 1)
        how = np.float32(self.following.histogram_padding), np.float32(self.anneal)
        arrays = array(weights), array(bins)
        in_ranges(rays, lambda first, last: resample(*arrays, *pixels, *how, array(found), first, last))
        return found


def _middles(size: int, side: int) -> Tensor:
    """Rows or columns in the middle of squares; those that an image cuts off have none but the first."""
    middles = torch.arange(side // 2, size, side)
    return middles if len(middles) else torch.tensor([size - 1])


def _steps(directions: Tensor) -> float:
    """The largest distance between neighbours of directions ``[H, W, 3]``."""
    along = [directions.diff(dim=axis).norm(dim=-1).flatten() for axis in (0, 1)]
    return float(torch.cat([torch.zeros(1), *along]).max())
