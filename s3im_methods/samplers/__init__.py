"""Which pixels a batch is made of."""

from s3im_methods.samplers.patch_aware_pixel_sampler import PatchAwarePixelSampler, PatchAwarePixelSamplerConfig

__all__ = ["PatchAwarePixelSampler", "PatchAwarePixelSamplerConfig"]
