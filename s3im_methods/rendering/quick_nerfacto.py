"""Views of nerfacto on a CPU, by compiled kernels, for models whose networks are nerfstudio's.

Each ray's numbers are those of ``NerfactoModel.get_outputs`` but for rounding, as long as its proposals are its own.
"""

from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.model_components.ray_samplers import ProposalNetworkSampler
from torch import Tensor

from s3im_methods.encodings.level_weights import ray_radii
from s3im_methods.fields.footprint_fields import FootprintDensityField, PerRayFootprintNerfactoField
from s3im_methods.fields.fused_training import FusedDensityField
from s3im_methods.fields.per_ray_nerfacto_field import PerRayNerfactoField
from s3im_methods.kernels.threads import in_ranges
from s3im_methods.rays.mip360_proposals import Mip360Proposals
from s3im_methods.rays.sample_proposals import SampleProposals
from s3im_methods.rendering.networks import DensityNetwork, array, density_network, layers
from s3im_methods.rendering.quick_views import QuickViews, draws_plainly, runs_here

_FIELDS = {PerRayNerfactoField: FusedDensityField, PerRayFootprintNerfactoField: FootprintDensityField}
"""And the proposal networks that come with them."""


def quick_nerfacto(model: Any) -> "QuickNerfacto | None":
    """What renders a nerfacto model's rays quickly, with its present parameters.

    Args:
        model: A nerfacto model.

    Returns:
        None in training, with gradients, on GPUs, in lower precision, and for models that the kernels do not cover:
        other fields, samplers, networks or heads than nerfacto's in plain torch, or those of mip-NeRF on its grids.
    """
    field, sampler = model.field, model.proposal_sampler
    suits = (
        runs_here(model)
        and type(field) in _FIELDS
        and not (field.use_semantics or field.use_pred_normals)
        and _draws_from_proposals(sampler)
        and draws_plainly(sampler.initial_sampler, sampler.pdf_sampler)
        and all(type(network) is _FIELDS[type(field)] for network in model.proposal_networks)
    )
    if not suits:
        return None
    of_proposals = [density_network(network) for network in model.proposal_networks]
    own, head = density_network(field), layers(field.mlp_head, 2)
    if own is None or head is None or None in of_proposals:
        return None
    of_samples = np.ascontiguousarray(head[0][0][field.own_columns()])
    proposals = [network for network in of_proposals if network is not None]
    return QuickNerfacto(model, proposals, own, (of_samples, *head[1], *head[2]))


def _draws_from_proposals(sampler: Any) -> bool:
    """Whether it draws from proposals as they are."""
    if type(sampler) is Mip360Proposals:
        return sampler.shape.dilation == 0
    return type(sampler) in (ProposalNetworkSampler, SampleProposals)


class QuickNerfacto(QuickViews):
    """See :func:`quick_nerfacto`, which makes it.

    Args:
        model: The model.
        proposals: Its proposal networks.
        field: Its field's density.
        head: Its colour network, as ``ray_kernels.radiance`` takes it.
    """

    def __init__(
        self, model: Any, proposals: list[DensityNetwork], field: DensityNetwork, head: tuple[np.ndarray, ...]
    ) -> None:
        sampler = model.proposal_sampler
        of_proposals = sampler.num_proposal_samples_per_ray[: sampler.num_proposal_network_iterations]
        counts = [*of_proposals, sampler.num_nerf_samples_per_ray]
        super().__init__(model, counts, sampler.initial_sampler, sampler.pdf_sampler, sampler._anneal)
        self.proposals, self.field, self.head = proposals, field, head
        self.opaque = isinstance(sampler, Mip360Proposals) and sampler.shape.opaque

    def weights(self, level: int, rays: RayBundle, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Those of a proposal network; see the base."""
        from s3im_methods.rendering.ray_kernels import proposal_weights

        network = self.proposals[min(level, len(self.proposals) - 1)]
        weights, depths = edges.new_empty(len(rays), edges.shape[1] - 1), edges.new_empty(len(rays))
        given = [array(values) for values in (rays.origins, rays.directions, self._radii(rays), edges)]
        found = array(weights), array(depths)
        in_ranges(len(rays), lambda first, last: proposal_weights(network, *given, self.opaque, *found, first, last))
        return weights, depths[:, None]

    def outputs(self, rays: RayBundle) -> dict[str, Tensor]:
        """The model's outputs outside training, ``[R, C]`` each.

        Args:
            rays: ``[R]`` with bounds. Metadata may hold what :meth:`shared` puts there.
        """
        from s3im_methods.rendering.ray_kernels import radiance

        (edges, depths), with_last = self.samples(rays), self.with_last()
        assert rays.camera_indices is not None
        of_rays = self.model.field.share_of_rays(rays.directions, rays.camera_indices[:, 0])
        colours, last_colours, sums = torch.zeros(3, len(rays), 3).unbind()
        given = [array(values) for values in (of_rays, rays.origins, rays.directions, self._radii(rays), edges)]
        found = [array(values) for values in (colours, last_colours, sums)]

        def work(first: int, last: int) -> None:
            radiance(self.field, self.head, *given, self.opaque, with_last, *found, first, last)

        in_ranges(len(rays), work)
        opacity, depth, weighted = (sums[:, k : k + 1] for k in range(3))
        middles = (edges[:, :-1] + edges[:, 1:]) / 2
        return {
            "rgb": self.composited(colours, last_colours, opacity),
            "accumulation": opacity,
            "depth": depth,
            "expected_depth": (weighted / (opacity + 1e-10)).clip(middles.min(), middles.max()),
            **{f"prop_depth_{level}": of_level for level, of_level in enumerate(depths)},
            "normals": self.model.normals_shader(self.normals(rays.origins + rays.directions * depth)),
        }

    def _radii(self, rays: RayBundle) -> Tensor:
        """How wide rays count at distance 1, ``[R]``."""
        field = self.model.field
        is_wide = isinstance(field, PerRayFootprintNerfactoField)
        return ray_radii(rays.pixel_area[:, 0], field.spread if is_wide else 0.0)

    def normals(self, points: Tensor) -> Tensor:
        """Unit vectors ``[n, 3]`` along which the field's density falls fastest at points ``[n, 3]`` of the world."""
        from s3im_methods.encodings.hash_grid_kernels import point_differentiator
        from s3im_methods.rendering import ray_kernels as kernels

        network, count = self.field, len(points)
        own = 2 * len(network.scalings)
        units, slopes, found = (torch.empty(count, size) for size in (3, own, 3))
        at, unit, slope, result = (array(given) for given in (points, units, slopes, found))
        transposed = np.ascontiguousarray(network.first[:own].T)
        of_units = point_differentiator(2)

        def work(first: int, last: int) -> None:
            kernels.feature_slopes(network, transposed, at, unit, slope, first, last)
            of_units(unit, network.table, slope, network.scalings, network.mask, result, first, last)
            kernels.world_slopes(network, at, result, first, last)

        in_ranges(count, work)
        return -torch.nn.functional.normalize(found, dim=-1, eps=1e-30)
