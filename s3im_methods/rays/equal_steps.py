"""Samples at equal steps along a ray, the step in proportion to the grid's voxels (TensoRF, Chen et al., ECCV 2022)."""

import math
from collections.abc import Sequence

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.model_components.ray_samplers import Sampler
from torch import Tensor


def step_length(box: Tensor, resolution: Sequence[int], step_ratio: float) -> Tensor:
    """Length of a step, in units of the box.

    Args:
        box: Corners, ``[2, 3]``.
        resolution: Number of nodes along x, y and z.
        step_ratio: Length of a step as a share of the mean voxel's side.

    Returns:
        A scalar.
    """
    # Axis by axis, because a tensor of the resolution would be sent to a GPU in every training step.
    voxels = torch.stack([side / (nodes - 1) for side, nodes in zip(box[1] - box[0], resolution, strict=True)])
    return voxels.mean() * step_ratio


def step_count(resolution: Sequence[int], step_ratio: float, most: int) -> int:
    """How many steps cross the whole grid along its diagonal, but no more than ``most``."""
    return min(most, int(math.sqrt(sum(count * count for count in resolution)) / step_ratio))


class StepSampler(Sampler):
    """Samples from where a ray enters the box, at steps of one length, to where it leaves it.

    In training all samples of a ray are moved by the same random share of a step. A ray that leaves the box early has
    its remaining samples at the exit, without length.
    """

    def generate_ray_samples(self, ray_bundle: RayBundle, step: Tensor, count: int) -> RaySamples:  # type: ignore[override]
        """Sample.

        Args:
            ray_bundle: Rays ``[rays]`` with nears and fars.
            step: Length of a step in scene units, a scalar.
            count: Samples per ray.

        Returns:
            Samples ``[rays, count]``.
        """
        nears, fars = ray_bundle.nears, ray_bundle.fars
        assert nears is not None and fars is not None
        places = torch.arange(count + 1, device=nears.device, dtype=nears.dtype).expand(len(nears), -1)
        if self.training:
            places = places + torch.rand_like(nears)
        edges = torch.minimum(nears + step * places, fars)
        shares = (edges - nears) / (fars - nears)
        return ray_bundle.get_ray_samples(
            bin_starts=edges[:, :-1, None],
            bin_ends=edges[:, 1:, None],
            spacing_starts=shares[:, :-1, None],
            spacing_ends=shares[:, 1:, None],
            spacing_to_euclidean_fn=lambda share: nears + share * (fars - nears),
        )
