"""Equally many pixels of each scale: one sampler for each, behind the face of one.

With equal weights their loss has the expectation of mip-NeRF's, which draws from the pixels of all scales and weighs
each by its area (Barron et al., ICCV 2021, section 4.1); it differs less from batch to batch.
"""

from collections.abc import Sequence
from typing import Any

import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from torch import Tensor

from s3im_methods.errors import InputError
from s3im_methods.randomness import step_seed
from s3im_methods.samplers.patch_aware_pixel_sampler import PatchAwarePixelSampler


class PixelsAtScales(PatchAwarePixelSampler):
    """Draws the same number of rays, up to one, at every scale.

    Patches come first in a batch, those of all scales, then the single pixels.

    Args:
        samplers: One a scale, with the same settings.
        first_cameras: Number of each scale's first camera among the cameras of all.
        factors: By how much each scale's images are smaller than the parsed ones, for the check of masks.
        num_rays: How many rays a batch has.

    Raises:
        InputError: If a batch has fewer rays than there are scales.
    """

    def __init__(
        self,
        samplers: Sequence[PatchAwarePixelSampler],
        first_cameras: Sequence[int],
        factors: Sequence[int],
        num_rays: int,
    ) -> None:
        self._parts, self._first_cameras = list(samplers), list(first_cameras)
        self._part_of_factor = dict(zip(factors, samplers, strict=True))
        super().__init__(samplers[0].config, num_rays_per_batch=num_rays)

    def set_num_rays_per_batch(self, num_rays_per_batch: int) -> None:
        """Say how many rays a batch has, of all scales together.

        Args:
            num_rays_per_batch: The number.
        """
        super().set_num_rays_per_batch(num_rays_per_batch)
        scales = len(self._parts)
        if num_rays_per_batch < scales:
            raise InputError(
                f"A batch of {num_rays_per_batch} rays has none for some of {scales} scales: raise "
                "--pipeline.datamanager.train-num-rays-per-batch (and eval-num-rays-per-batch)."
            )
        for place, part in enumerate(self._parts):
            part.set_num_rays_per_batch(num_rays_per_batch // scales + (place < num_rays_per_batch % scales))

    def reseed(self, seed: int) -> None:
        """Make what is drawn next a function of ``seed`` alone."""
        super().reseed(seed)
        for place, part in enumerate(self._parts):
            part.reseed(step_seed(seed, place, 0, "pixels"))

    def check(self, outputs: DataparserOutputs, scale_factor: float = 1.0) -> None:
        """Refuse images that have nothing to draw from in one of the scales, see the base's."""
        for factor, part in self._part_of_factor.items():
            part.check(outputs, scale_factor, factor)

    def sample(self, image_batch: dict[str, Any]) -> dict[str, Any]:
        """Draw pixels of all scales.

        Args:
            image_batch: ``scales``, a list of the batches of images of each scale.

        Returns:
            As :meth:`PatchAwarePixelSampler.collate_image_dataset_batch`, with the cameras' numbers among those of all
            scales.
        """
        drawn = [part.sample(images) for part, images in zip(self._parts, image_batch["scales"], strict=True)]
        for found, first in zip(drawn, self._first_cameras, strict=True):
            found["indices"][:, 0] += first
        in_patches = [found["num_patches"] * found["patch_size"] ** 2 for found in drawn]
        joined: dict[str, Any] = {
            key: _patches_first([found[key] for found in drawn], in_patches)
            for key, value in drawn[0].items()
            if isinstance(value, Tensor)
        }
        return {
            **joined,
            "num_patches": sum(found["num_patches"] for found in drawn),
            "patch_size": drawn[0]["patch_size"],
        }


def _patches_first(values: list[Tensor], in_patches: list[int]) -> Tensor:
    pairs = list(zip(values, in_patches, strict=True))
    return torch.cat([*(value[:count] for value, count in pairs), *(value[count:] for value, count in pairs)])
