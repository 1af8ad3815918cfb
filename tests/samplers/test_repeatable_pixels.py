"""Pixels that another process draws are a function of the run's seed."""

import inspect
import os
import random

import pytest
import torch
from nerfstudio.data.datamanagers.parallel_datamanager import DataProcessor
from nerfstudio.data.pixel_samplers import PixelSampler, PixelSamplerConfig

from s3im_methods.samplers.repeatable_pixels import RepeatablePixelSampler

IMAGES = {"image": torch.rand(3, 8, 8, 3), "image_idx": torch.arange(3)}


def sampler(seed: int) -> RepeatablePixelSampler:
    torch.manual_seed(seed)
    return RepeatablePixelSampler(PixelSamplerConfig(num_rays_per_batch=16))


def drawn(here: RepeatablePixelSampler, state: int, mask: bool) -> torch.Tensor:
    """Two batches, in a process whose generators begin with ``state``."""
    torch.manual_seed(state)
    random.seed(state)
    images = IMAGES | ({"mask": torch.ones(3, 8, 8, 1, dtype=torch.bool)} if mask else {})
    # Without rejection sampling Python draws below the mask.
    here.config.rejection_sample_mask = False
    return torch.cat([here.sample(images)["indices"] for _ in range(2)])


@pytest.mark.parametrize("mask", [False, True])
def test_another_process_draws_by_the_seed(monkeypatch, mask):
    first, same, other = sampler(5), sampler(5), sampler(6)
    home = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: home + 1)
    pixels = [drawn(one, state, mask) for state, one in enumerate((first, same, other))]
    assert torch.equal(pixels[0], pixels[1]) and not torch.equal(pixels[0], pixels[2])
    assert not torch.equal(pixels[0][:16], pixels[0][16:])


def test_in_its_own_process_it_is_nerfstudios():
    stock = PixelSampler(PixelSamplerConfig(num_rays_per_batch=16))
    assert torch.equal(drawn(sampler(5), 7, False), drawn(stock, 7, False))  # type: ignore[arg-type]


def test_upstream_still_draws_in_processes_that_nobody_seeds():
    """When this fails, nerfstudio's processes know the run's seed: drop ``RepeatablePixelSampler``."""
    assert "seed" not in inspect.getsource(DataProcessor)
