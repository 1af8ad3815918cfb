"""Samples around where a ray meets the surface, in an interval that shrinks (UNISURF, Oechsle et al., ICCV 2021)."""

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.model_components.ray_samplers import Sampler
from torch import Tensor


def half_width(progress: float, start: float, end: float) -> float:
    """Half the length of the interval: it falls from ``start`` to ``end`` by equal ratios.

    The original's ``max(start * exp(-rate * step), end)`` is this with a progress of ``rate * step / ln(start / end)``.

    Args:
        progress: From 0 to 1.
        start: At 0, any unit.
        end: At 1, the same unit.

    Example:
        >>> [round(half_width(progress, 0.5, 0.02), 3) for progress in (0.0, 0.5, 1.0)]
        [0.5, 0.1, 0.02]
    """
    return start * (end / start) ** progress


class IntervalSampler(Sampler):
    """Even samples within the interval around a ray's root, and few before it; all over a ray that has none.

    In training all samples of a ray are moved by the same random share of a bin. Where the interval begins at the near
    plane all samples lie in it. Behind it there are none: whatever is there, a surface hides.

    Args:
        around: Samples in the interval.
        before: Samples between the near plane and the interval.
    """

    def __init__(self, around: int, before: int) -> None:
        super().__init__()
        self.around, self.before = around, before

    @torch.no_grad()
    def generate_ray_samples(  # type: ignore[override]
        self, ray_bundle: RayBundle, roots: Tensor, found: Tensor, half: float | Tensor
    ) -> RaySamples:
        """Sample.

        Args:
            ray_bundle: Rays ``[R]`` with nears and fars.
            roots: Where they meet the surface, distances ``[R, 1]``.
            found: Which of them do, ``[R, 1]``.
            half: Half the length of the interval, scene units.

        Returns:
            Samples ``[R, around + before]``, whose bins join.
        """
        nears, fars = ray_bundle.nears, ray_bundle.fars
        assert nears is not None and fars is not None
        count = self.around + self.before
        shares = torch.linspace(0, 1, count + 1, device=nears.device, dtype=nears.dtype).expand(len(nears), -1)
        if self.training:
            shares = (shares + (torch.rand_like(nears) - 0.5) / count).clamp(0, 1)
        low = torch.where(found, (roots - half).clamp(min=nears).minimum(fars), nears)
        high = torch.where(found, (roots + half).clamp(min=nears).minimum(fars), fars)
        split = torch.where(low > nears, self.before / count, 0.0)

        def distances(share: Tensor) -> Tensor:
            first = nears + (low - nears) * (share / split.clamp(min=1e-6))
            second = low + (high - low) * ((share - split) / (1 - split))
            return torch.where(share < split, first, second)

        edges = distances(shares)
        return ray_bundle.get_ray_samples(
            bin_starts=edges[:, :-1, None],
            bin_ends=edges[:, 1:, None],
            spacing_starts=shares[:, :-1, None],
            spacing_ends=shares[:, 1:, None],
            spacing_to_euclidean_fn=distances,
        )
