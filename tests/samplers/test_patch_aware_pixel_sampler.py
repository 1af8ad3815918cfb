"""What the sampler promises of a batch, over random sizes, masks, shares and ray counts."""

import copy
import math
import pickle
import random
from typing import Any

import numpy as np
import pytest
import torch
import tyro
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.data.pixel_samplers import PatchPixelSamplerConfig
from nerfstudio.data.utils.pixel_sampling_utils import erode_mask
from torch import Tensor

from s3im_methods.errors import InputError
from s3im_methods.samplers import PatchAwarePixelSampler, PatchAwarePixelSamplerConfig, patch_aware_pixel_sampler
from s3im_methods.samplers.patch_aware_pixel_sampler import count_patches

CAMERAS = torch.tensor([10, 4, 7, 5, 90, 33])


def sampler_of(num_rays: int = 64, **settings: Any) -> PatchAwarePixelSampler:
    known = {name: settings.pop(name) for name in ("is_equirectangular", "fisheye_crop_radius") if name in settings}
    return PatchAwarePixelSamplerConfig(**settings).setup(num_rays_per_batch=num_rays, **known)


def image_batch(
    sizes: list[tuple[int, int]], masks: list[Tensor] | None = None, listed: bool = False
) -> dict[str, Any]:
    """Images whose red, green and blue tell image, y and x of each pixel."""
    images = []
    for number, (height, width) in enumerate(sizes):
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        images.append(torch.stack((torch.full_like(y, number), y, x), dim=-1).float())
    batch: dict[str, Any] = {"image": images, "depth_image": [image[..., 1:2] + 0.5 for image in images]}
    if masks is not None:
        batch["mask"] = [mask[..., None] for mask in masks]
    if not listed:
        batch = {key: torch.stack(values) for key, values in batch.items()}
    return {**batch, "image_idx": CAMERAS[: len(sizes)]}


def positions(pixel_batch: dict[str, Any]) -> Tensor:
    """Image, y and x of each ray, as the colours tell."""
    return pixel_batch["image"].long()


def blob_masks(sizes: list[tuple[int, int]], patch_size: int, seed: int) -> list[Tensor]:
    """Sparse masks, each with room for one patch."""
    generator = torch.Generator().manual_seed(seed)
    masks = []
    for height, width in sizes:
        mask = torch.rand(height, width, generator=generator) < 0.2
        y = int(torch.randint(height - patch_size + 1, (1,), generator=generator))
        x = int(torch.randint(width - patch_size + 1, (1,), generator=generator))
        mask[y : y + patch_size, x : x + patch_size] = True
        masks.append(mask)
    return masks


def chi_square_is_plausible(counts: Tensor, expected: Tensor) -> bool:
    freedom = counts.numel() - 1
    return bool(abs(((counts - expected) ** 2 / expected).sum() - freedom) < 5 * (2 * freedom) ** 0.5)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_batch_is_what_was_asked_for(data):
    patch_size = data.draw(st.integers(1, 4), "patch size")
    listed = data.draw(st.booleans(), "listed")
    size = st.tuples(st.integers(patch_size, 9), st.integers(patch_size, 9))
    sizes = data.draw(st.lists(size, min_size=1, max_size=5), "sizes") if listed else [data.draw(size, "size")] * 3
    masks = blob_masks(sizes, patch_size, data.draw(st.integers(0, 99))) if data.draw(st.booleans(), "masked") else None
    percent = data.draw(st.sampled_from([0, 10, 50, 100]), "per cent in patches")
    smallest = 1 if percent == 0 else math.ceil(patch_size**2 * 100 / percent)
    num_rays = data.draw(st.integers(smallest, smallest + 150), "rays")
    sampler = sampler_of(num_rays, patch_size=patch_size, patch_share=percent / 100, seed=data.draw(st.integers(0, 99)))

    batch = image_batch(sizes, masks, listed)
    pixel_batch = sampler.sample(batch)

    position = positions(pixel_batch)
    for key in ("image", "depth_image", "indices") + (("mask",) if masks else ()):
        assert len(pixel_batch[key]) == num_rays
    assert pixel_batch["indices"].dtype == torch.int64
    assert torch.equal(pixel_batch["indices"][:, 1:], position[:, 1:])
    assert torch.equal(pixel_batch["indices"][:, 0], CAMERAS[position[:, 0]])
    assert torch.equal(pixel_batch["depth_image"], position[:, 1:2] + 0.5)
    if masks:
        assert pixel_batch["mask"].all()
    patches = pixel_batch["num_patches"]
    assert type(patches) is int and type(pixel_batch["patch_size"]) is int
    assert patches == percent * num_rays // (100 * patch_size**2) and pixel_batch["patch_size"] == patch_size
    of_patches = position[: patches * patch_size**2].view(patches, patch_size, patch_size, 3)
    steps = torch.arange(patch_size)
    expected = of_patches[:, :1, :1] + torch.stack(
        torch.broadcast_tensors(torch.tensor(0), steps[:, None], steps[None, :]), dim=-1
    )
    assert torch.equal(of_patches, expected)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_single_pixels_are_uniform_over_all_valid_pixels_of_all_images(masked, share):
    sizes = [(4, 6), (9, 5), (3, 3)]
    masks = blob_masks(sizes, 2, seed=3) if masked else [torch.ones(size, dtype=torch.bool) for size in sizes]
    valid = sum(int(mask.sum()) for mask in masks)
    sampler = sampler_of(500 * valid, patch_size=2, patch_share=share, seed=1)
    pixel_batch = sampler.sample(image_batch(sizes, masks if masked else None, listed=True))
    single = positions(pixel_batch)[pixel_batch["num_patches"] * 4 :]
    expected = len(single) / valid
    for image, mask in enumerate(masks):
        counts = torch.zeros(mask.shape).index_put_(
            tuple(single[single[:, 0] == image][:, 1:].T), torch.tensor(1.0), accumulate=True
        )
        assert chi_square_is_plausible(counts[mask], torch.tensor(expected))


@pytest.mark.parametrize("masked", [False, True])
def test_patch_corners_are_uniform_over_all_places_with_room(masked):
    sizes = [(7, 6), (4, 9)]
    masks = [torch.ones(size, dtype=torch.bool) for size in sizes]
    if masked:
        masks[0][2, 3] = False
        masks[1][0, 0] = False
    places = [
        (image, y, x)
        for image, mask in enumerate(masks)
        for y in range(mask.shape[0] - 2)
        for x in range(mask.shape[1] - 2)
        if mask[y : y + 3, x : x + 3].all()
    ]
    sampler = sampler_of(9 * 300 * len(places), patch_size=3, patch_share=1.0, seed=1)
    corners = positions(sampler.sample(image_batch(sizes, masks if masked else None, listed=True)))[::9]
    counts = torch.stack([(corners == torch.tensor(place)).all(dim=1).sum() for place in places])
    assert counts.sum() == len(corners) == 300 * len(places)
    assert chi_square_is_plausible(counts, torch.tensor(300.0))


def test_the_same_seed_repeats_a_batch_and_another_does_not():
    batch = image_batch([(20, 30)] * 3)
    sampler = sampler_of(100, patch_size=4, patch_share=0.5)
    sampler.reseed(5)
    first, second = sampler.sample(batch)["indices"], sampler.sample(batch)["indices"]
    sampler.reseed(5)
    assert torch.equal(sampler.sample(batch)["indices"], first)
    assert not torch.equal(first, second)
    sampler.reseed(6)
    other = sampler.sample(batch)["indices"]
    assert not torch.equal(other[:48], first[:48]) and not torch.equal(other[48:], first[48:])
    made_with = [sampler_of(100, seed=seed).sample(batch)["indices"] for seed in (2, 2, 3)]
    assert torch.equal(made_with[0], made_with[1])
    assert not torch.equal(made_with[0], made_with[2])


def test_ranks_of_a_data_parallel_run_draw_different_pixels(monkeypatch):
    batch = image_batch([(20, 30)] * 3)
    drawn = []
    for rank in (0, 1):
        monkeypatch.setattr(patch_aware_pixel_sampler.comms, "get_rank", lambda rank=rank: rank)
        drawn.append(sampler_of(100).sample(batch)["indices"])
    assert not torch.equal(*drawn)


@pytest.mark.parametrize("equirectangular", [False, True])
def test_the_global_random_numbers_are_left_alone(equirectangular):
    before = torch.get_rng_state(), random.getstate(), repr(np.random.get_state())  # noqa: NPY002
    sampler = sampler_of(100, is_equirectangular=torch.tensor(equirectangular))
    sampler.reseed(1)
    sampler.sample(image_batch([(20, 30)] * 3))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), repr(np.random.get_state())) == before[1:]  # noqa: NPY002


def test_a_copy_in_the_same_process_goes_on_with_the_same_stream():
    batch = image_batch([(20, 30)] * 2, blob_masks([(20, 30)] * 2, 4, seed=1))
    sampler = sampler_of(100, patch_size=4, patch_share=0.5)
    sampler.sample(batch)
    pickled = pickle.dumps(sampler)
    # The masks stay behind: the generator's state alone is 5 kB.
    assert len(pickled) < 8000
    copies = [pickle.loads(pickled), copy.deepcopy(sampler)]
    expected = sampler.sample(batch)["indices"]
    for twin in copies:
        assert torch.equal(twin.sample(batch)["indices"], expected)


def test_a_copy_in_another_process_parts_ways_until_it_is_reseeded(monkeypatch):
    batch = image_batch([(20, 30)] * 2)
    sampler = sampler_of(100)
    sampler.reseed(3)
    twin = pickle.loads(pickle.dumps(sampler))
    first, second = sampler.sample(batch)["indices"], sampler.sample(batch)["indices"]
    monkeypatch.setattr(patch_aware_pixel_sampler.os, "getpid", lambda: -1)
    drawn = twin.sample(batch)["indices"]
    assert not torch.equal(drawn, first)
    assert not torch.equal(twin.sample(batch)["indices"], drawn)
    twin.reseed(3)
    assert torch.equal(twin.sample(batch)["indices"], first)
    assert torch.equal(twin.sample(batch)["indices"], second)


def test_training_and_evaluation_share_a_config_that_stays_as_it_was():
    config = PatchAwarePixelSamplerConfig(patch_share=0.5, patch_size=2)
    untouched = copy.deepcopy(config)
    train = config.setup(num_rays_per_batch=40, is_equirectangular=torch.tensor(False), fisheye_crop_radius=5.0)
    evaluation = config.setup(num_rays_per_batch=16, is_equirectangular=torch.tensor(False), fisheye_crop_radius=None)
    train.set_num_rays_per_batch(41)
    assert config == untouched
    batch = image_batch([(20, 30)] * 2)
    assert len(train.sample(batch)["image"]) == 41 and train.num_rays_per_batch == 41
    assert len(evaluation.sample(batch)["image"]) == 16 and evaluation.num_rays_per_batch == 16
    # Only the training sampler has a crop circle: its rays keep to the middle of the image.
    assert (positions(train.sample(batch))[:, 2] - 14.5).abs().max() < 5
    assert (positions(evaluation.sample(batch))[:, 2] - 14.5).abs().max() > 5


def test_a_batch_that_shrinks_while_training_keeps_its_count_and_loses_its_patches():
    sampler = sampler_of(64, patch_size=8, patch_share=1.0)
    batch = image_batch([(20, 30)] * 2)
    assert sampler.sample(batch)["num_patches"] == 1
    sampler.set_num_rays_per_batch(63)
    pixel_batch = sampler.sample(batch)
    assert pixel_batch["num_patches"] == 0 and len(pixel_batch["image"]) == 63


def test_tables_are_built_once_per_mask_and_follow_the_images(monkeypatch):
    built = []
    build = patch_aware_pixel_sampler.build_tables
    monkeypatch.setattr(patch_aware_pixel_sampler, "build_tables", lambda *args: built.append(1) or build(*args))
    sampler = sampler_of(200, patch_size=2, patch_share=0.5)
    sizes = [(6, 8)] * 2
    for round_, columns in enumerate([slice(0, 3), slice(3, 5), slice(5, 8)]):
        allowed = torch.zeros(sizes[0], dtype=torch.bool)
        allowed[:, columns] = True
        batch = image_batch(sizes, [allowed] * 2)
        for _ in range(3):
            assert sampler.sample(batch)["mask"].all()
        assert len(built) == round_ + 1
        # Nothing but the sampler keeps the mask alive, whose address the next one could take.
        del batch


def test_images_of_new_sizes_under_the_same_numbers_bring_their_own_tables():
    sampler, batch = sampler_of(500), image_batch([(6, 8)] * 2)
    sampler.sample(batch)
    batch |= {"image": image_batch([(9, 3)] * 2)["image"], "depth_image": None}
    assert len(positions(sampler.sample(batch)).unique(dim=0)) == 2 * 27


def test_new_images_without_masks_bring_their_own_cameras():
    sampler = sampler_of(50)
    batch = image_batch([(6, 8)] * 2)
    sampler.sample(batch)
    batch["image_idx"] = torch.tensor([81, 82])
    assert set(sampler.sample(batch)["indices"][:, 0].tolist()) == {81, 82}


@pytest.mark.parametrize("listed", [False, True])
def test_an_ignored_mask_is_ignored(listed):
    masks = [torch.zeros(6, 8, dtype=torch.bool)] * 2
    pixel_batch = sampler_of(500, patch_size=2, patch_share=0.5, ignore_mask=True).sample(
        image_batch([(6, 8)] * 2, masks, listed)
    )
    assert len(positions(pixel_batch).unique(dim=0)) == 2 * 48
    assert not pixel_batch["mask"].any()


@pytest.mark.parametrize("listed", [False, True])
def test_the_full_images_come_along_on_request_only(listed):
    batch = image_batch([(6, 8)] * 2, listed=listed)
    assert sampler_of(10, keep_full_image=True).sample(batch)["full_image"] is batch["image"]
    assert "full_image" not in sampler_of(10).sample(batch)


@pytest.mark.parametrize("listed", [False, True])
def test_every_per_pixel_key_is_fetched_and_nothing_else(listed):
    batch = image_batch([(6, 8)] * 3, listed=listed)
    classes = batch["image"].int()[..., 2] if not listed else [image.int()[..., 2] for image in batch["image"]]
    batch |= {"semantics": classes, "exposure": torch.rand(3), "path": ["a", "b", "c"], "mask": None}
    pixel_batch = sampler_of(11).sample(batch)
    assert torch.equal(pixel_batch["semantics"], positions(pixel_batch)[:, 2].int())
    assert set(pixel_batch) == {"image", "depth_image", "semantics", "indices", "num_patches", "patch_size"}


@pytest.mark.parametrize("listed", [False, True])
def test_equirectangular_rays_are_even_on_the_sphere_without_a_mask_and_inside_it_with_one(listed):
    sampler = sampler_of(40_000, is_equirectangular=torch.tensor(True))
    assert sampler.config.is_equirectangular is True
    position = positions(sampler.sample(image_batch([(12, 24)] * 2, listed=listed)))
    edges = torch.cos(torch.arange(13, dtype=torch.float64) * torch.pi / 12)
    assert chi_square_is_plausible(position[:, 1].bincount(), 40_000 * (edges[:-1] - edges[1:]) / 2)
    assert chi_square_is_plausible(position[:, 2].bincount(), torch.full((24,), 40_000 / 24))
    masks = blob_masks([(12, 24)] * 2, 2, seed=1)
    assert sampler.sample(image_batch([(12, 24)] * 2, masks, listed))["mask"].all()


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("radius", [4.0, torch.tensor(4.0)])
def test_fisheye_rays_and_patches_lie_inside_circle_and_mask(listed, radius):
    sampler = sampler_of(2000, patch_size=3, patch_share=0.5, fisheye_crop_radius=radius)
    for masks in (None, blob_masks([(12, 16)] * 2, 12, seed=1)):
        pixel_batch = sampler.sample(image_batch([(12, 16)] * 2, masks, listed))
        offset = positions(pixel_batch)[:, 1:] + 0.5 - torch.tensor([6.0, 8.0])
        assert 3.5 < offset.norm(dim=1).max() <= 4.0


def test_patches_of_equirectangular_cameras_are_refused():
    with pytest.raises(InputError, match=r"equirectangular cameras .*pixel-sampler\.patch-share 0"):
        sampler_of(64, patch_share=0.5, is_equirectangular=torch.tensor(True))


@pytest.mark.parametrize(
    ("num_rays", "settings", "message"),
    [
        (
            1000,
            {"patch_share": 1.0, "patch_size": 32},
            r"1000 rays per batch has no room for a patch of 32 x 32",
        ),
        (64, {"patch_share": 0.5, "patch_size": 8}, r"share of 0\.5 of 64 rays per batch .* 8 x 8 pixels \(64 rays\)"),
        (64, {"patch_share": 1.1}, r"share of the batch is 1\.1: set .*patch-share from 0 to 1"),
        (64, {"patch_share": float("nan")}, r"share of the batch is nan"),
        (64, {"patch_size": 0}, r"side is 0 pixels: set .*patch-size to 1 or more"),
        (0, {}, r"A batch of 0 rays is empty: set .*train-num-rays-per-batch"),
    ],
)
def test_settings_that_cannot_work_are_refused_when_the_sampler_is_made(num_rays, settings, message):
    with pytest.raises(InputError, match=message):
        sampler_of(num_rays, **settings)


def test_an_empty_mask_met_while_sampling_is_refused_with_its_camera():
    masks = [torch.ones(6, 8, dtype=torch.bool), torch.zeros(6, 8, dtype=torch.bool)]
    with pytest.raises(InputError, match=r"Image number 4 has no pixel"):
        sampler_of(10).sample(image_batch([(6, 8)] * 2, masks))


def test_patches_are_counted_without_rounding_errors():
    for rays in (100, 1000, 4096):
        for percent in range(101):
            assert count_patches(rays, percent / 100, 1) == rays * percent // 100


def test_the_command_line_shows_only_what_acts(capsys):
    with pytest.raises(SystemExit):
        tyro.cli(PatchAwarePixelSamplerConfig, args=["--help"])
    shown = capsys.readouterr().out
    for flag in ("--patch-share", "--patch-size", "--seed", "--ignore-mask", "--keep-full-image"):
        assert flag in shown
    for flag in ("num-rays", "equirectangular", "crop-radius", "rejection", "iterations"):
        assert flag not in shown


def test_upstream_still_returns_fewer_rays_than_asked_for():
    """When these three fail, nerfstudio's own patch sampler may do for batches of patches alone (issue 2313)."""
    stock = PatchPixelSamplerConfig(patch_size=4).setup(num_rays_per_batch=20)
    assert len(stock.sample(image_batch([(8, 8)] * 2))["indices"]) == 16


def test_upstream_still_changes_the_config_that_others_share():
    shared = PatchPixelSamplerConfig(patch_size=4)
    shared.setup(patch_size=8, num_rays_per_batch=64)
    assert shared.patch_size == 8


def test_upstream_still_erodes_the_masks_for_every_batch(monkeypatch):
    """Issues 2476 and 3040."""
    eroded: list[Tensor] = []

    def counted(mask: Tensor, **settings: Any) -> Tensor:
        eroded.append(mask)
        return erode_mask(mask, **settings)

    monkeypatch.setattr("nerfstudio.data.pixel_samplers.erode_mask", counted)
    stock = PatchPixelSamplerConfig(patch_size=4).setup(num_rays_per_batch=32)
    batch = image_batch([(16, 16)] * 2, masks=[torch.ones(16, 16, dtype=torch.bool)] * 2)
    for _ in range(3):
        stock.sample(batch)
    assert len(eroded) == 3
