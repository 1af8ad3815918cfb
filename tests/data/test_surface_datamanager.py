"""The data manager of surface methods: batches of whole images, scenes without depth, what training cameras tell."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.utils.rich_utils import CONSOLE
from PIL import Image

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.scene_sphere import fit_scene_sphere
from s3im_methods.data.surface_datamanager import SurfaceDataManager, SurfaceDataManagerConfig
from s3im_methods.errors import InputError
from s3im_methods.samplers import PatchAwarePixelSampler, PatchAwarePixelSamplerConfig
from s3im_methods.scenes import ObjectConfig, write_scene


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    config = ObjectConfig(width=24, height=18, train_views=8, test_views=2, light_samples=4, supersampling=1)
    out = tmp_path_factory.mktemp("exact") / "object"
    return write_scene(config, out)


@pytest.fixture
def bare(written) -> Path:
    """The same scene's images, and nothing of depth."""
    meta = json.loads((written / "transforms.json").read_text())
    meta.pop("ply_file_path")
    for frame in meta["frames"]:
        frame.pop("depth_file_path")
    path = written / "bare.json"
    path.write_text(json.dumps(meta))
    return path


def config(data: Path, **settings) -> SurfaceDataManagerConfig:
    return SurfaceDataManagerConfig(
        data=data,
        dataparser=settings.pop("dataparser", NerfstudioDataParserConfig()),
        pixel_sampler=PatchAwarePixelSamplerConfig(),
        train_num_rays_per_batch=256,
        eval_num_rays_per_batch=64,
        **settings,
    )


def said(data: Path, test_mode="val", **settings) -> tuple[SurfaceDataManager, str]:
    with CONSOLE.capture() as capture:
        manager = config(data, **settings).setup(device="cpu", test_mode=test_mode)
    return manager, " ".join(capture.get().split())


def test_batches_hold_the_foreground_of_their_pixels(written):
    manager, output = said(written)
    _, batch = manager.next_train(0)
    camera, y, x = batch["indices"].unbind(-1)
    whole = [manager.train_dataset[k]["fg_mask"] for k in range(8)]
    expected = [float(whole[c][row, column, 0]) for c, row, column in zip(camera, y, x, strict=True)]
    assert batch["fg_mask"].shape == (256, 1) and batch["image"].shape == (256, 4)
    assert batch["fg_mask"][:, 0].tolist() == expected
    assert 0 < sum(expected) < 256
    assert "Depth from sensor: 8 of 8 training views" in output
    _, image = manager.next_eval_image(0)
    assert image["fg_mask"].shape == (18, 24, 1)


def test_a_scene_without_depth_trains_without(bare):
    manager, output = said(bare)
    assert "Depth: none is used." in output and "yellow" not in output
    assert SceneFacts.of(manager.train_dataset.metadata).depth_available is False
    assert manager.next_train(0)[1]["depth_image"].sum() == 0


@pytest.mark.parametrize("split", ["train_filenames", "val_filenames"])
def test_a_missing_normal_map_is_refused_before_images_are_loaded(bare, split):
    meta = json.loads(bare.read_text())
    for frame in meta["frames"]:
        if frame["file_path"] == meta[split][0]:
            frame["normal_file_path"] = "gone.png"
    bare.write_text(json.dumps(meta))
    with pytest.raises(InputError, match=r"^1 of 1 normal map is missing, namely '.*gone.png'"):
        said(bare)
    said(bare, test_mode="inference")


def test_masks_leave_no_pixel_out_even_where_they_are_empty(scene):
    for k in range(6):
        values = np.zeros((6, 8), dtype=np.uint8)
        values[:, :4] = 255 * (k == 0)
        Image.fromarray(values).save(scene.folder / f"masks/{k}.png")
    manager, output = said(scene.folder)
    assert isinstance(manager.train_pixel_sampler, PatchAwarePixelSampler)
    manager.train_pixel_sampler.check(manager.train_dataparser_outputs)
    _, batch = manager.next_train(0)
    image, _, column = batch["indices"].T
    assert batch["fg_mask"][:, 0].tolist() == ((image == 0) & (column < 4)).tolist() and "mask" not in batch
    assert image.unique().tolist() == [0, 1, 2, 3]
    assert "set --pipeline.datamanager.use-masks False" in output
    assert "Masks of 5 images: 10.0% of the pixels are white, so foreground, from 0.0% to 50.0% in one." in output
    assert "4 of 5 masks are black throughout" in output


def test_masks_without_a_foreground_are_refused(scene):
    for k in range(6):
        Image.fromarray(np.full((6, 8), 255 * (k == 5), dtype=np.uint8)).save(scene.folder / f"masks/{k}.png")
    with pytest.raises(InputError, match=r"^4 of 4 masks of the training images are dark throughout, first '.*0.png'"):
        said(scene.folder)
    said(scene.folder, test_mode="test")


def test_a_mask_colour_without_effect_is_said(scene):
    for k in range(6):
        Image.fromarray(np.eye(6, 8, dtype=np.uint8) * 255).save(scene.folder / f"masks/{k}.png")
    _, output = said(scene.folder, dataparser=NerfstudioDataParserConfig(mask_color=(1.0, 1.0, 1.0)))
    assert "--mask-color has no effect, because what the masks leave out is learned as background" in output


def test_masks_restrict_the_pixels_by_choice(scene):
    for k in range(6):
        values = np.zeros((6, 8), dtype=np.uint8)
        values[2, 3] = 255
        Image.fromarray(values).save(scene.folder / f"masks/{k}.png")
    manager, output = said(scene.folder, use_masks=False)
    assert manager.next_train(0)[1]["indices"][:, 1:].unique(dim=0).tolist() == [[2, 3]]
    assert manager.train_dataparser_outputs.mask_filenames
    assert "use-masks" not in output


@pytest.mark.parametrize("test_mode", ["val", "test", "inference"])
def test_the_model_is_told_the_same_in_every_mode(written, test_mode):
    manager, _ = said(written, test_mode=test_mode, train_views=5)
    cameras = manager.train_dataparser_outputs.cameras
    for found in (manager.train_dataset, manager.eval_dataset):
        facts = SceneFacts.of(found.metadata)
        assert facts.object_sphere == fit_scene_sphere(cameras, "object")
        assert (facts.scene_kind, facts.has_foreground_mask) == ("object", True)
    assert len(cameras) == 5


def test_config_can_be_written_and_read_again(written):
    original = config(written, use_masks=False)
    assert yaml.load(yaml.dump(original), Loader=yaml.Loader) == original
    assert replace(original, use_masks=True) != original
    assert original.depth.source == "auto-or-none"
