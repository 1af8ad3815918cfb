"""Views of nerfacto on a CPU, by compiled kernels, for models whose networks are nerfstudio's.

Each ray's numbers are those of ``NerfactoModel.get_outputs`` but for rounding, as long as its proposals are its own. In
images neighbouring pixels can share the first proposals, which are most of nerfacto's samples: a ray through the middle
of a small square is asked for weights, and a pixel takes the largest weights of the middles around it, so that an edge
beside it is not missed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.fields.density_fields import HashMLPDensityField
from nerfstudio.model_components.ray_samplers import PDFSampler, ProposalNetworkSampler, SpacedSampler
from nerfstudio.model_components.scene_colliders import NearFarCollider
from torch import Tensor

from s3im_methods.encodings.threads import in_ranges
from s3im_methods.fields.per_ray_nerfacto_field import PerRayNerfactoField
from s3im_methods.rendering.networks import DensityNetwork, array, density_network, layers

Distances = Callable[[Tensor], Tensor]

_BINS, _DEPTHS = "first_bins", "first_depths"
# Neighbours that look into more different directions than that (radians, about) do not see the same things.
_WIDEST_SQUARE = 0.05


def quick_nerfacto(model: Any) -> "QuickNerfacto | None":
    """What renders a nerfacto model's rays quickly, with its present parameters.

    Args:
        model: A nerfacto model.

    Returns:
        None in training, with gradients, on GPUs, in lower precision, and for models that the kernels do not cover:
        other fields, samplers, networks or heads than nerfacto's in plain torch.
    """
    field, sampler = model.field, model.proposal_sampler
    suits = (
        not model.training
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and type(field) is PerRayNerfactoField
        and field.aabb.device.type == "cpu"
        and field.mlp_head.layers[0].weight.dtype == torch.float32  # type: ignore[union-attr]
        and not (field.use_semantics or field.use_pred_normals)
        and type(sampler) is ProposalNetworkSampler
        and isinstance(sampler.initial_sampler, SpacedSampler)
        and type(sampler.pdf_sampler) is PDFSampler
        and not sampler.pdf_sampler.include_original
        and all(type(network) is HashMLPDensityField for network in model.proposal_networks)
    )
    if not suits:
        return None
    of_proposals = [
        None if network.use_linear else density_network(network, network.encoding, network.mlp_base[1])
        for network in model.proposal_networks
    ]
    own = density_network(field, *field.mlp_base.model)
    head = layers(field.mlp_head, 2)
    if own is None or head is None or None in of_proposals:
        return None
    of_samples = np.ascontiguousarray(head[0][0][field.own_columns()])
    proposals = [network for network in of_proposals if network is not None]
    return QuickNerfacto(model, proposals, own, (of_samples, *head[1], *head[2]))


@dataclass(frozen=True)
class QuickNerfacto:
    """See :func:`quick_nerfacto`, which makes it.

    Args:
        model: The model.
        proposals: Its proposal networks.
        field: Its field's density.
        head: Its colour network, as ``ray_kernels.radiance`` takes it.
    """

    model: Any
    proposals: list[DensityNetwork]
    field: DensityNetwork
    head: tuple[np.ndarray, ...]

    def outputs(self, rays: RayBundle) -> dict[str, Tensor]:
        """The model's outputs outside training, ``[R, C]`` each.

        Args:
            rays: ``[R]`` with bounds. Metadata may hold what :meth:`shared_proposals` puts there.
        """
        from s3im_methods.rendering import ray_kernels as kernels

        model, count, distances = self.model, len(rays), self._distances(rays)
        bins, depths = self._samples(rays, distances)
        edges = distances(bins).contiguous()
        assert rays.camera_indices is not None
        of_rays = model.field.share_of_rays(rays.directions, rays.camera_indices[:, 0])
        colours, last_colours, sums = torch.empty(3, count, 3).unbind()
        with_last = model.renderer_rgb.background_color == "last_sample"
        arrays = [array(given) for given in (of_rays, rays.origins, rays.directions, edges)]
        results = [array(result) for result in (colours, last_colours, sums)]
        kernel = kernels.radiance
        in_ranges(
            count, lambda *part: kernel(self.field, self.head, *arrays, with_last, *results, *part)
        )
        opacity, depth, weighted = (sums[:, k : k + 1] for k in range(3))
        points = rays.origins + rays.directions * depth
        middles = (edges[:, :-1] + edges[:, 1:]) / 2
        found = {
            "rgb": self._composited(colours, last_colours if with_last else torch.zeros_like(colours), opacity),
            "accumulation": opacity,
            "depth": depth,
            "expected_depth": (weighted / (opacity + 1e-10)).clip(middles.min(), middles.max()),
        }
        found |= {f"prop_depth_{level}": of_level for level, of_level in enumerate(depths)}
        return found | {"normals": model.normals_shader(self.normals(points))}

    def _composited(self, colours: Tensor, last_colours: Tensor, opacity: Tensor) -> Tensor:
        # To the model's own renderer, which knows backgrounds, a ray is one sample with all the weight, and the last one.
        mean = torch.where(opacity > 0, colours / opacity, 0.0)
        of_two = torch.stack([mean, last_colours], dim=1)
        return self.model.renderer_rgb(rgb=of_two, weights=torch.stack([opacity, torch.zeros_like(opacity)], dim=1))

    def normals(self, points: Tensor) -> Tensor:
        """Unit vectors ``[n, 3]`` along which the field's density falls fastest at points ``[n, 3]`` of the world."""
        from s3im_methods.encodings.hash_grid_kernels import point_differentiator
        from s3im_methods.rendering import ray_kernels as kernels

        network, count = self.field, len(points)
        units, slopes, found = (torch.empty(count, size) for size in (3, len(network.first), 3))
        at, unit, slope, result = (array(given) for given in (points, units, slopes, found))
        transposed = np.ascontiguousarray(network.first.T)
        of_units = point_differentiator(2)

        def work(first: int, last: int) -> None:
            kernels.feature_slopes(network, transposed, at, unit, slope, first, last)
            of_units(unit, network.table, slope, network.scalings, network.mask, result, first, last)
            kernels.world_slopes(network, at, result, first, last)

        in_ranges(count, work)
        return -torch.nn.functional.normalize(found, dim=-1, eps=1e-30)

    def shared_proposals(self, rays: RayBundle, side: int) -> Callable[[RayBundle, int], None] | None:
        """What gives each chunk of an image's rays their first proposals, from those of squares of pixels.

        Args:
            rays: Of an image, ``[H, W]``, without bounds.
            side: Of the squares, in pixels.

        Returns:
            What puts them into a chunk's metadata, told the chunk's first ray; None where pixels had better not share:
            where rays do not come from one point, or squares are wide.
        """
        from s3im_methods.rendering import ray_kernels as kernels

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
            shape = torch.Size([len(chunk), self._counts()[1] + 1])
            found = self._resampled(weights, bins, shape, (0, start, side, width), kernels)
            pixels = torch.arange(start, start + len(chunk))
            row, column = pixels // width // side, pixels % width // side
            own = row.clamp(max=len(rows) - 1) * len(columns) + column.clamp(max=len(columns) - 1)
            chunk.metadata = {**chunk.metadata, _BINS: found, _DEPTHS: depths[own]}

        return prepare

    def _counts(self) -> list[int]:
        sampler = self.model.proposal_sampler
        levels = sampler.num_proposal_network_iterations
        return [*sampler.num_proposal_samples_per_ray[:levels], sampler.num_nerf_samples_per_ray]

    def _distances(self, rays: RayBundle) -> Distances:
        """Where along rays ``[R]`` bins between 0 and 1 are."""
        spacing = self.model.proposal_sampler.initial_sampler
        near, far = spacing.spacing_fn(rays.nears), spacing.spacing_fn(rays.fars)
        return lambda bins: spacing.spacing_fn_inv(bins * far + (1 - bins) * near)

    def _samples(self, rays: RayBundle, distances: Distances) -> tuple[Tensor, list[Tensor]]:
        """Bins of the field's samples, and the median depths of the proposals."""
        from s3im_methods.rendering import ray_kernels as kernels

        counts, count = self._counts(), len(rays)
        if _BINS in rays.metadata:
            bins, depths = rays.metadata[_BINS], [rays.metadata[_DEPTHS]]
        else:
            weights, depth, first = self._first_weights(rays, distances)
            bins = self._resampled(weights[:, None], first, torch.Size([count, counts[1] + 1]), (0, 0, 1, 1), kernels)
            depths = [depth]
        for level in range(1, len(counts) - 1):
            weights, depth = self._weights(level, rays, distances(bins).contiguous())
            shape = torch.Size([count, counts[level + 1] + 1])
            bins = self._resampled(weights[:, None], bins, shape, (0, 0, 1, 1), kernels)
            depths.append(depth)
        return bins, depths

    def _first_weights(self, rays: RayBundle, distances: Distances) -> tuple[Tensor, Tensor, Tensor]:
        bins = torch.linspace(0.0, 1.0, self._counts()[0] + 1)[None]
        return *self._weights(0, rays, distances(bins).expand(len(rays), -1).contiguous()), bins

    def _weights(self, level: int, rays: RayBundle, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Weights ``[R, S]`` of samples amid ``edges`` and median depths ``[R, 1]``, by a proposal network."""
        from s3im_methods.rendering import ray_kernels as kernels

        network = self.proposals[min(level, len(self.proposals) - 1)]
        weights, depths = edges.new_empty(len(rays), edges.shape[1] - 1), edges.new_empty(len(rays))
        arrays = [array(given) for given in (rays.origins, rays.directions, edges, weights, depths)]
        kernel = kernels.proposal_weights
        in_ranges(len(rays), lambda *part: kernel(network, *arrays, *part))
        return weights, depths[:, None]

    def _resampled(
        self, weights: Tensor, bins: Tensor, shape: torch.Size, pixels: tuple[int, int, int, int], kernels: Any
    ) -> Tensor:
        sampler, found = self.model.proposal_sampler, torch.empty(shape)
        padding, anneal = np.float32(sampler.pdf_sampler.histogram_padding), np.float32(sampler._anneal)
        given = array(weights), array(bins), *pixels, padding, anneal, array(found)
        kernel = kernels.resample
        in_ranges(len(found), lambda *part: kernel(*given, *part))
        return found


def _middles(size: int, side: int) -> Tensor:
    """Rows or columns in the middle of squares; those that an image cuts off have none but the first."""
    middles = torch.arange(side // 2, size, side)
    return middles if len(middles) else torch.tensor([size - 1])


def _steps(directions: Tensor) -> float:
    """The largest distance between neighbours of directions ``[H, W, 3]``."""
    along = [directions.diff(dim=axis).norm(dim=-1).flatten() for axis in (0, 1)]
    return float(torch.cat([torch.zeros(1), *along]).max())
