"""The sampler inside nerfstudio's own datamanagers, on scenes written to disk, and its check of such scenes."""

import json
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datamanagers.base_datamanager import VanillaDataManager, VanillaDataManagerConfig
from nerfstudio.data.datamanagers.parallel_datamanager import (
    DataProcessor,
    ParallelDataManager,
    ParallelDataManagerConfig,
)
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from pathos.helpers import mp
from PIL import Image

from s3im_methods.errors import InputError
from s3im_methods.samplers import PatchAwarePixelSampler, PatchAwarePixelSamplerConfig

RAYS = 101


def write_scene(folder: Path, sizes: list[tuple[int, int]], masks: list[np.ndarray] | None = None) -> Path:
    """A scene whose red tells the image, green the row and blue the column of each pixel.

    Args:
        folder: Where to write.
        sizes: Each image's height and width, in pixels.
        masks: Each image's mask, ``[H, W]``, bool.
    """
    rng = np.random.default_rng(0)
    frames = []
    for number, (height, width) in enumerate(sizes):
        rows, columns = np.mgrid[:height, :width]
        pixels = np.stack((np.full_like(rows, number), rows, columns), axis=-1)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"frame_{number}.png")
        rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation * np.sign(np.linalg.det(rotation)), rng.normal(size=3)
        frame: dict[str, Any] = {"file_path": f"frame_{number}.png", "transform_matrix": pose.tolist()}
        frame |= {"w": width, "h": height, "fl_x": 20.0, "fl_y": 20.0, "cx": width / 2, "cy": height / 2}
        if masks is not None:
            Image.fromarray(masks[number].astype(np.uint8) * 255).save(folder / f"mask_{number}.png")
            frame["mask_path"] = f"mask_{number}.png"
        frames.append(frame)
    (folder / "transforms.json").write_text(json.dumps({"camera_model": "OPENCV", "frames": frames}))
    return folder


def half_masks(sizes: list[tuple[int, int]]) -> list[np.ndarray]:
    """Masks that are valid in the left half of each image."""
    return [np.broadcast_to(np.arange(width) < width // 2, (height, width)) for height, width in sizes]


def settings(scene: Path, **sampler: Any) -> dict[str, Any]:
    return {
        "dataparser": NerfstudioDataParserConfig(data=scene, eval_mode="interval", eval_interval=4, downscale_factor=1),
        "pixel_sampler": PatchAwarePixelSamplerConfig(**{"patch_share": 0.5, "patch_size": 4, **sampler}),
        "train_num_rays_per_batch": RAYS,
        "eval_num_rays_per_batch": 35,
    }


def vanilla(scene: Path, **sampler: Any) -> VanillaDataManager:
    return VanillaDataManagerConfig(**settings(scene, **sampler)).setup(device="cpu")


def check_batch(rays: RayBundle, batch: dict[str, Any], dataset: Any, num_rays: int, num_patches: int) -> None:
    assert len(rays) == len(batch["image"]) == len(batch["indices"]) == num_rays
    assert batch["num_patches"] == num_patches and batch["patch_size"] == 4
    camera, y, x = batch["indices"].unbind(-1)
    assert rays.camera_indices is not None and torch.equal(rays.camera_indices[:, 0], camera)
    # The colours tell which file a pixel came from; the first file is for evaluation, the others for training.
    files = torch.tensor([int(path.stem.split("_")[1]) for path in dataset.image_filenames])[camera]
    assert torch.equal((batch["image"] * 255).round().long(), torch.stack((files, y, x), dim=-1))
    first_patch = batch["indices"][:16].view(4, 4, 3)
    assert (first_patch[..., 0] == first_patch[0, 0, 0]).all()
    assert (first_patch[:, :, 1] - first_patch[:1, :1, 1] == torch.arange(4)[:, None]).all()
    assert (first_patch[:, :, 2] - first_patch[:1, :1, 2] == torch.arange(4)).all()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sizes", [[(16, 16)] * 4, [(16, 16), (16, 20), (12, 16), (18, 10)]])
def test_vanilla_datamanager_trains_and_evaluates(tmp_path, sizes, masked):
    manager = vanilla(write_scene(tmp_path, sizes, half_masks(sizes) if masked else None))
    assert isinstance(manager.train_pixel_sampler, PatchAwarePixelSampler)
    manager.train_pixel_sampler.check(manager.train_dataparser_outputs)
    for step in range(3):
        rays, batch = manager.next_train(step)
        check_batch(rays, batch, manager.train_dataset, RAYS, num_patches=3)
        assert not masked or batch["mask"].all()
    rays, batch = manager.next_eval(0)
    check_batch(rays, batch, manager.eval_dataset, 35, num_patches=1)
    assert manager.get_train_rays_per_batch() == RAYS


def test_parallel_datamanager_trains_with_different_pixels_in_each_process(tmp_path, monkeypatch):
    config = ParallelDataManagerConfig(**settings(write_scene(tmp_path, [(16, 16)] * 4)), num_processes=1)
    manager: ParallelDataManager = config.setup(device="cpu")
    sampler, dataset = manager.train_pixel_sampler, manager.train_dataset
    assert isinstance(sampler, PatchAwarePixelSampler) and dataset is not None
    queue = mp.Queue(maxsize=1)  # pyright: ignore[reportAttributeAccessIssue]
    second = DataProcessor(queue, config, manager.train_dataparser_outputs, dataset, sampler)
    second.start()
    try:
        # A process that died must fail the test, not hang it.
        monkeypatch.setattr(manager.data_queue, "get", partial(manager.data_queue.get, timeout=120))
        batches = [manager.next_train(0), queue.get(timeout=120)]
    finally:
        for process in (*manager.data_procs, second):
            process.terminate()
            process.join()
    for rays, batch in batches:
        check_batch(rays, batch, dataset, RAYS, num_patches=3)
    here = sampler.sample(config.collate_fn([dataset[i] for i in range(len(dataset))]))
    drawn = [here["indices"]] + [batch["indices"] for _, batch in batches]
    assert not any(torch.equal(first, second) for first, second in combinations(drawn, 2))


def test_the_check_names_the_file_of_an_empty_mask(tmp_path):
    sizes = [(16, 16)] * 4
    masks = [np.array(mask) for mask in half_masks(sizes)]
    masks[2][:] = False
    manager = vanilla(write_scene(tmp_path, sizes, masks))
    sampler = manager.train_pixel_sampler
    assert isinstance(sampler, PatchAwarePixelSampler)
    with pytest.raises(InputError, match=r"Image '.*frame_2\.png' has no pixel to train on, because its mask"):
        sampler.check(manager.train_dataparser_outputs)
    with pytest.raises(InputError, match=r"Image '.*frame_2\.png', made 2 times smaller, has no pixel to train on"):
        sampler.check(manager.train_dataparser_outputs, scale_factor=0.5)
    sampler.config.ignore_mask = True
    sampler.check(manager.train_dataparser_outputs)


def test_the_check_names_the_file_of_a_mask_too_small_for_a_patch(tmp_path):
    sizes = [(16, 16)] * 4
    masks = [np.array(mask) for mask in half_masks(sizes)]
    masks[3][:, 3:] = False
    outputs = NerfstudioDataParserConfig(data=write_scene(tmp_path, sizes, masks), downscale_factor=1).setup()
    train = outputs.get_dataparser_outputs("train")
    with pytest.raises(InputError, match=r"Image '.*frame_3\.png' has no room for a patch of 4 x 4 pixels"):
        PatchAwarePixelSamplerConfig(patch_share=1.0, patch_size=4).setup().check(train)
    PatchAwarePixelSamplerConfig(patch_size=4).setup().check(train)


def test_the_check_names_the_file_of_an_image_smaller_than_a_patch_at_the_scale_trained_on(tmp_path):
    scene = write_scene(tmp_path, [(16, 16), (16, 16), (9, 20), (16, 16)])
    outputs = NerfstudioDataParserConfig(data=scene, downscale_factor=1).setup().get_dataparser_outputs("train")
    sampler = PatchAwarePixelSamplerConfig(patch_share=1.0, patch_size=8).setup()
    sampler.check(outputs)
    with pytest.raises(InputError, match=r"A patch of 8 x 8 .*frame_0\.png', made 2.22 times smaller, of 7 x 7"):
        sampler.check(outputs, scale_factor=0.45)
    with pytest.raises(InputError, match=r"A patch of 8 x 8 pixels does not fit .*frame_2\.png', .* of 16 x 7"):
        sampler.check(outputs, scale_factor=0.8)
