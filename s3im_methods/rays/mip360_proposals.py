"""mip-NeRF 360's samples: uniform in disparity, then from dilated proposals, the last of them opaque if need be."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from math import prod

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from torch import Tensor

from s3im_methods.rays.dilated_histogram import dilated
from s3im_methods.rays.opaque_samples import made_opaque
from s3im_methods.rays.sample_proposals import SampleDensity, SampleProposals


@dataclass(frozen=True)
class ProposalShape:
    """How proposals become samples.

    Args:
        dilation: How far intervals are stretched, in widths of uniform samples of the proposals so far; 0 for not at
            all.
        dilation_bias: How far at least, as a share of the ray from 0 to 1.
        opaque: Whether the last sample of each ray lets nothing through.
    """

    dilation: float = 0.5
    dilation_bias: float = 0.0025
    opaque: bool = True


class Mip360Proposals(SampleProposals):
    """See the module's docstring.

    Attributes:
        shape: How proposals become samples.
    """

    shape: ProposalShape

    def generate_ray_samples(  # type: ignore[override]
        self, ray_bundle: RayBundle, density_fns: Sequence[SampleDensity]
    ) -> tuple[RaySamples, list[Tensor], list[RaySamples]]:
        """Samples for the field, and weights and samples of each proposal, see the base's."""
        if not self.shape.opaque:
            return super().generate_ray_samples(ray_bundle, density_fns)
        seen = [lambda samples, of=density_of: of(made_opaque(samples)) for density_of in density_fns]
        samples, weights, proposals = super().generate_ray_samples(ray_bundle, seen)
        return made_opaque(samples), weights, proposals

    def histogram(self, samples: RaySamples, weights: Tensor, level: int) -> tuple[RaySamples, Tensor]:
        """The proposal's bins, stretched, and their weights, see the base's."""
        shape = self.shape
        if shape.dilation == 0:
            return samples, weights
        assert samples.spacing_starts is not None and samples.spacing_ends is not None
        epsilon = shape.dilation_bias + shape.dilation / prod(self.num_proposal_samples_per_ray[:level])
        edges = torch.cat([samples.spacing_starts[..., 0], samples.spacing_ends[:, -1:, 0]], dim=-1)
        with torch.no_grad():
            edges, shares = dilated(edges, weights[..., 0], epsilon)
        # Of which only these are looked at.
        bins = copy(samples)
        bins.spacing_starts, bins.spacing_ends = edges[:, :-1, None], edges[:, 1:, None]
        return bins, shares[..., None]
