"""The data manager: batches with depth, few views, one look at all maps, and what it says about them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.utils.rich_utils import CONSOLE

from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth_datamanager import DepthDataManager, DepthDataManagerConfig
from s3im_methods.data.depth_dataset import DEPTH_KEYS
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.errors import InputError
from s3im_methods.samplers import PatchAwarePixelSamplerConfig
from s3im_methods.scenes import RoomConfig, write_scene


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("exact") / "room"
    size: dict[str, Any] = {"width": 24, "height": 18, "train_views": 6, "test_views": 2}
    return write_scene(RoomConfig(**size, light_samples=4, supersampling=1), out)


@pytest.fixture
def change(written, tmp_path):
    """A copy of the room's transforms.json beside it, with frames changed."""

    def write(per_frame) -> Path:
        meta = json.loads((written / "transforms.json").read_text())
        for frame in meta["frames"]:
            per_frame(frame)
        path = written / f"{tmp_path.name}.json"
        path.write_text(json.dumps(meta))
        return path

    return write


def config(data: Path, train_views: int | None = None, **depth) -> DepthDataManagerConfig:
    return DepthDataManagerConfig(
        data=data,
        dataparser=NerfstudioDataParserConfig(),
        pixel_sampler=PatchAwarePixelSamplerConfig(),
        train_num_rays_per_batch=64,
        eval_num_rays_per_batch=64,
        train_views=train_views,
        depth=DepthSourceConfig(**depth),
    )


def said(data: Path, test_mode="val", **settings) -> tuple[DepthDataManager, str]:
    with CONSOLE.capture() as capture:
        manager = config(data, **settings).setup(device="cpu", test_mode=test_mode)
    return manager, " ".join(capture.get().split())


def test_batches_hold_depth_of_their_pixels(written):
    manager, output = said(written)
    _, batch = manager.next_train(0)
    camera, y, x = batch["indices"].unbind(-1)
    whole = [manager.train_dataset[i]["depth_image"] for i in range(6)]
    expected = [float(whole[c][row, column, 0]) for c, row, column in zip(camera, y, x, strict=True)]
    assert batch["depth_image"].shape == (64, 1)
    assert batch["depth_image"][:, 0].tolist() == expected
    assert "Depth from sensor: 6 of 6 training views with depth, 100 % of their pixels, median" in output
    assert "yellow" not in output


def test_depth_waits_where_the_images_do_and_batches_alone_reach_the_device(written):
    assert {"image", "mask", *DEPTH_KEYS} <= set(said(written)[0].exclude_batch_keys_from_device)


def test_few_training_views_leave_the_held_out_ones(written):
    few, _ = said(written, train_views=2)
    every, _ = said(written)
    assert [path.name for path in few.train_dataset.image_filenames] == ["train_0002.png", "train_0003.png"]
    assert few.eval_dataset.image_filenames == every.eval_dataset.image_filenames
    assert few.train_dataparser_outputs.dataparser_scale == every.train_dataparser_outputs.dataparser_scale
    assert len(few.train_dataset.cameras) == 2


def test_config_can_be_written_and_read_again(written):
    original = config(written, train_views=3, source="sparse", near=0.25)
    again = yaml.load(yaml.dump(original), Loader=yaml.Loader)
    assert again == original
    assert again.setup(device="cpu", test_mode="test").depth_survey is None


def test_depth_for_some_images_only(change):
    data = change(lambda f: f.pop("depth_file_path") if "train_0003" in f["file_path"] else None)
    _, output = said(data, source="sensor")
    assert "5 of 6 training views with depth" in output
    assert "1 of 6 training views is without depth." in output


def test_what_is_no_depth_is_counted(change, written):
    def spoil(frame):
        values = np.load(written / frame["depth_npy_path"])
        values[0, :3] = [np.nan, np.inf, -1]
        np.save(written / f"{Path(frame['file_path']).stem}_spoilt.npy", values)
        frame["depth_file_path"] = f"{Path(frame['file_path']).stem}_spoilt.npy"

    _, output = said(change(spoil))
    assert "18 NaN, infinite or negative depth values are treated as none." in output


def test_a_wrong_unit_is_told_from_the_cameras_distance(written):
    _, output = said(written, unit=1.0)
    assert "The median depth is" in output
    assert "metres, but the cameras are at most" in output
    assert "set --pipeline.datamanager.depth.unit." in output


def test_all_depth_beyond_the_limit_or_the_far_plane(written):
    with pytest.raises(InputError, match=r"No pixel of the 6 training views has usable depth: \d+ readings lie beyond"):
        said(written, far=0.001)
    manager, _ = said(written)
    survey = manager.depth_survey
    assert survey is not None
    survey.check(far_plane=10.0)
    with pytest.raises(InputError, match="All depth lies beyond the model's far plane: the nearest is"):
        survey.check(far_plane=0.01)


def test_a_listed_file_that_is_missing(change):
    data = change(lambda f: f.update(depth_file_path="nowhere.png") if "train_0003" in f["file_path"] else None)
    with pytest.raises(InputError, match=r"1 of 6 depth maps is missing, namely '.*nowhere.png'"):
        said(data)


def test_rendering_reads_no_depth_and_tells_the_model_what_training_did(change):
    data = change(lambda f: f.update(depth_file_path="nowhere.png"))
    manager, output = said(data, test_mode="inference")
    assert SceneFacts.of(manager.train_dataset.metadata).depth_available is True
    assert "Depth" not in output
    gone, _ = said(data, test_mode="inference", monocular_folder="nowhere")
    assert SceneFacts.of(gone.train_dataset.metadata).depth_available is False


def test_no_depth_by_choice(written):
    manager, output = said(written, source="none")
    assert "Depth: none is used." in output
    assert manager.next_train(0)[1]["depth_image"].sum() == 0
