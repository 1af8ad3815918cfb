"""Images kept as bytes: the batches are nerfstudio's to the last bit, and what must stay floats does."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from nerfstudio.data.datamanagers.base_datamanager import VanillaDataManagerConfig
from nerfstudio.data.dataparsers.blender_dataparser import BlenderDataParserConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.data.pixel_samplers import PixelSamplerConfig
from nerfstudio.data.utils.nerfstudio_collate import nerfstudio_collate
from PIL import Image

from s3im_methods.data import byte_images
from s3im_methods.data.byte_images import ByteImageDataManagerConfig, ByteImages
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.stacking import stack_and_free
from s3im_methods.samplers import PatchAwarePixelSamplerConfig


def random_image(file: Path, height: int, width: int, channels: int, seed: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    Image.fromarray(pixels).save(file)


def pose(number: int) -> list[list[float]]:
    matrix = np.eye(4)
    matrix[:3, 3] = number, number**2, 1
    return matrix.tolist()


def nerfstudio_scene(folder: Path, sizes: list[tuple[int, int]], channels: int = 3) -> NerfstudioDataParserConfig:
    frames = []
    for number, (height, width) in enumerate(sizes):
        random_image(folder / f"{number}.png", height, width, channels, number)
        frame = {"file_path": f"{number}.png", "transform_matrix": pose(number), "w": width, "h": height}
        frames.append(frame | {"fl_x": 9.0, "fl_y": 9.0, "cx": width / 2, "cy": height / 2})
    (folder / "transforms.json").write_text(json.dumps({"camera_model": "OPENCV", "frames": frames}))
    return NerfstudioDataParserConfig(data=folder, eval_mode="interval", eval_interval=3, downscale_factor=1)


def blender_scene(folder: Path, alpha_color: str | None) -> BlenderDataParserConfig:
    for split in ("train", "val", "test"):
        for number in range(2):
            random_image(folder / split / f"{number}.png", 6, 8, 4, number)
        frames = [{"file_path": f"./{split}/{n}", "transform_matrix": pose(n)} for n in range(2)]
        (folder / f"transforms_{split}.json").write_text(json.dumps({"camera_angle_x": 0.7, "frames": frames}))
    return BlenderDataParserConfig(data=folder, alpha_color=alpha_color)


def managers(parser, **settings):
    """nerfstudio's data manager and ours."""
    settings = {"pixel_sampler": PatchAwarePixelSamplerConfig(), **settings}
    return [
        config(dataparser=parser, train_num_rays_per_batch=200, eval_num_rays_per_batch=50, **settings).setup(
            device="cpu"
        )
        for config in (VanillaDataManagerConfig, ByteImageDataManagerConfig)
    ]


def dtypes(manager) -> list[torch.dtype]:
    batches = [
        loader.cached_collated_batch for loader in (manager.train_image_dataloader, manager.eval_image_dataloader)
    ]
    images = [batch["image"] for batch in batches]
    return [images.dtype if isinstance(images, torch.Tensor) else images[0].dtype for images in images]


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("sizes", [[(7, 9)] * 6, [(7, 9), (5, 4), (6, 6), (7, 8), (5, 5), (9, 7)]])
def test_batches_are_nerfstudios_to_the_last_bit(tmp_path, sizes, channels):
    stock, ours = managers(nerfstudio_scene(tmp_path, sizes, channels))
    assert dtypes(stock) == [torch.float32] * 2 and dtypes(ours) == [torch.uint8] * 2
    for dataset, (_, batch) in (
        (stock.train_dataset, ours.next_train(0)),
        (stock.eval_dataset, ours.next_eval(0)),
    ):
        expected = torch.stack([dataset[camera]["image"][y, x] for camera, y, x in batch["indices"].tolist()])
        assert batch["image"].dtype == torch.float32 and torch.equal(batch["image"], expected)


def test_images_are_freed_while_they_are_stacked_and_the_setting_stays(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(byte_images, "stack_and_free", lambda items: calls.append(len(items)) or stack_and_free(items))
    stock, ours = managers(nerfstudio_scene(tmp_path, [(7, 9)] * 6))
    assert calls == [4, 2] and ours.config.collate_fn is stock.config.collate_fn is nerfstudio_collate


@pytest.mark.parametrize("alpha_color", ["white", None])
def test_images_with_and_without_alpha_are_stacked(tmp_path, alpha_color):
    parser = blender_scene(tmp_path, alpha_color)
    for split, mode in (("train", "RGB"), ("val", "L")):
        with Image.open(tmp_path / split / "1.png") as image:
            image.convert(mode).save(tmp_path / split / "1.png")
    config = ByteImageDataManagerConfig(dataparser=parser, pixel_sampler=PatchAwarePixelSamplerConfig())
    ours = config.setup(device="cpu")
    for dataset, batch in ((ours.train_dataset, ours.next_train(0)[1]), (ours.eval_dataset, ours.next_eval(0)[1])):
        assert batch["image"].shape[1] == (3 if alpha_color else 4)
        with Image.open(dataset.image_filenames[1]) as image:
            colours = np.asarray(image.convert("RGB"))
        for (view, y, x), colour in zip(batch["indices"].tolist(), batch["image"], strict=True):
            if view == 1:
                assert (colour[:3] * 255).round().tolist() == colours[y, x].tolist() and (colour[3:] == 1).all()


def test_held_out_images_alone_may_differ_in_size(tmp_path):
    parser = nerfstudio_scene(tmp_path, [(5, 4), *[(7, 9)] * 5])
    config = ByteImageDataManagerConfig(dataparser=parser, pixel_sampler=PatchAwarePixelSamplerConfig())
    ours = config.setup(device="cpu")
    assert dtypes(ours) == [torch.uint8] * 2 and ours.config.collate_fn is nerfstudio_collate
    batch = ours.next_eval(0)[1]
    for (view, y, x), colour in zip(batch["indices"].tolist(), batch["image"], strict=True):
        assert torch.equal(ours.eval_dataset[view]["image"][y, x], colour)


def test_a_wrapped_dataset_can_be_copied(tmp_path):
    _, ours = managers(nerfstudio_scene(tmp_path, [(7, 9)] * 6))
    wrapped = ByteImages(ours.train_dataset)
    copied = pickle.loads(pickle.dumps(wrapped))
    assert len(copied) == len(wrapped) and torch.equal(copied[0]["image"], wrapped[0]["image"])
    assert copied.image_filenames == ours.train_dataset.image_filenames


@pytest.mark.parametrize("images", [-1, 2])
def test_masks_and_images_loaded_in_turns(tmp_path, images):
    parser = nerfstudio_scene(tmp_path, [(7, 9)] * 6)
    content = json.loads((tmp_path / "transforms.json").read_text())
    for number, frame in enumerate(content["frames"]):
        Image.fromarray(np.eye(7, 9, number, dtype=np.uint8) * 255).save(tmp_path / f"mask_{number}.png")
        frame["mask_path"] = f"mask_{number}.png"
    (tmp_path / "transforms.json").write_text(json.dumps(content))
    turns = {"train_num_images_to_sample_from": images, "train_num_times_to_repeat_images": 0}
    _, ours = managers(parser, **(turns if images > 0 else {}))
    for step in range(3):
        batch = ours.next_train(step)[1]
        for (camera, y, x), colour in zip(batch["indices"].tolist(), batch["image"], strict=True):
            data = ours.train_dataset[camera]
            assert data["mask"][y, x] and torch.equal(data["image"][y, x], colour)


def test_whole_views_are_floats(tmp_path):
    _, ours = managers(nerfstudio_scene(tmp_path, [(7, 9)] * 6))
    views = [batch for _, batch in ours.fixed_indices_eval_dataloader] + [ours.next_eval_image(0)[1]]
    assert all(view["image"].dtype == torch.float32 for view in views)
    assert ours.train_dataset[0]["image"].dtype == torch.float32


@pytest.mark.parametrize(("alpha_color", "dtype"), [("white", torch.float32), (None, torch.uint8)])
def test_images_that_are_blended_stay_floats(tmp_path, alpha_color, dtype):
    stock, ours = managers(blender_scene(tmp_path, alpha_color))
    assert dtypes(ours) == [dtype] * 2
    width = stock.next_train(0)[1]["image"].shape[1]
    assert ours.next_train(0)[1]["image"].shape[1] == width == (4 if alpha_color is None else 3)


def test_another_pixel_sampler_gets_the_floats_it_expects(tmp_path):
    _, ours = managers(nerfstudio_scene(tmp_path, [(7, 9)] * 6), pixel_sampler=PixelSamplerConfig())
    assert dtypes(ours) == [torch.float32] * 2
    assert ours.next_train(0)[1]["image"].dtype == torch.float32


def test_what_is_cut_out_is_noted_for_the_model(tmp_path):
    _, blended = managers(blender_scene(tmp_path / "a", "white"))
    _, kept = managers(blender_scene(tmp_path / "b", None))
    assert SceneFacts.of(blended.train_dataset.metadata).has_transparent_background is False
    assert SceneFacts.of(kept.train_dataset.metadata).has_transparent_background is True


def test_the_model_is_told_the_mean_colour_of_what_was_not_cut_out(tmp_path):
    _, ours = managers(nerfstudio_scene(tmp_path, [(8, 8)] * 6))
    images = [np.asarray(Image.open(name)) for name in ours.train_dataset.image_filenames]
    expected = np.mean(images, axis=(0, 1, 2)) / 255
    found = SceneFacts.of(ours.train_dataset.metadata).mean_colour
    assert found == pytest.approx(expected, abs=1e-6) and len(images) == 4


@pytest.mark.parametrize(("alpha_color", "knows"), [(None, False), ("white", True)])
def test_the_mean_colour_is_over_the_background_that_the_parser_names(tmp_path, alpha_color, knows):
    _, ours = managers(blender_scene(tmp_path, alpha_color))
    found = SceneFacts.of(ours.train_dataset.metadata).mean_colour
    assert (found is not None) == knows
    if found is not None:
        blended = [ours.train_dataset.get_image_float32(place).mean(dim=(0, 1)) for place in range(2)]
        assert found == pytest.approx(torch.stack(blended).mean(dim=0).tolist(), abs=1e-6)


def test_the_mean_colour_is_of_the_pixels_that_are_learned_from(tmp_path):
    parser = nerfstudio_scene(tmp_path, [(8, 8)] * 6)
    images = managers(parser)[1].train_dataset
    half = torch.zeros(8, 8, 1, dtype=torch.bool)
    half[:4] = True
    colours = [torch.rand(8, 8, 4) for _ in range(4)]

    def mean(mask: torch.Tensor, ignores_masks: bool) -> tuple[float, float, float] | None:
        images.get_data = lambda place: {"image": colours[place], "mask": mask}
        return byte_images.mean_colour(images, ignores_masks)

    blended = torch.stack([colour[..., :3] * colour[..., 3:] for colour in colours])
    assert mean(half, False) == pytest.approx(blended[:, :4].mean(dim=(0, 1, 2)).tolist(), abs=1e-6)
    assert mean(half, True) == pytest.approx(blended.mean(dim=(0, 1, 2)).tolist(), abs=1e-6)
    assert mean(torch.zeros_like(half), False) is None


def test_nothing_is_looked_at_where_no_training_begins(tmp_path):
    config = ByteImageDataManagerConfig(dataparser=nerfstudio_scene(tmp_path, [(8, 8)] * 6))
    assert SceneFacts.of(config.setup(test_mode="inference").train_dataset.metadata).mean_colour is None
