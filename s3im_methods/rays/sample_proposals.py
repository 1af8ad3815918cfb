"""nerfstudio's proposal sampler, whose networks see samples with their lengths and pixels, not only points."""

from collections.abc import Callable, Sequence

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.model_components.ray_samplers import ProposalNetworkSampler
from torch import Tensor

SampleDensity = Callable[[RaySamples], Tensor]


class SampleProposals(ProposalNetworkSampler):
    """See the module's docstring; schedule and annealing are nerfstudio's."""

    def generate_ray_samples(  # type: ignore[override]
        self, ray_bundle: RayBundle, density_fns: Sequence[SampleDensity]
    ) -> tuple[RaySamples, list[Tensor], list[RaySamples]]:
        """Samples for the field, and weights ``[R, S, 1]`` and samples of each proposal.

        Args:
            ray_bundle: ``[R]``.
            density_fns: Densities ``[R, S, 1]`` of samples ``[R, S]``, one function a proposal.
        """
        updated = self._steps_since_update > self.update_sched(self._step) or self._step < 10
        counts = [*self.num_proposal_samples_per_ray[: self.num_proposal_network_iterations]]
        samples = self.initial_sampler(ray_bundle, num_samples=counts[0])
        weights_list, samples_list = [], []
        for density_of, following in zip(density_fns, [*counts[1:], self.num_nerf_samples_per_ray], strict=True):
            with torch.set_grad_enabled(updated and torch.is_grad_enabled()):
                density = density_of(samples)
            weights = samples.get_weights(density)
            weights_list.append(weights)
            samples_list.append(samples)
            bins, shares = self.histogram(samples, weights, len(weights_list))
            samples = self.pdf_sampler(ray_bundle, bins, shares**self._anneal, num_samples=following)
        if updated:
            self._steps_since_update = 0
        return samples, weights_list, samples_list

    def histogram(self, samples: RaySamples, weights: Tensor, level: int) -> tuple[RaySamples, Tensor]:
        """From what the next samples are drawn, once the annealing has raised its weights to a power.

        Args:
            samples: Of a proposal, ``[R, S]``.
            weights: Its weights, ``[R, S, 1]``.
            level: How many proposals there were, this one included.

        Returns:
            Bins and their weights; the same.
        """
        return samples, weights
