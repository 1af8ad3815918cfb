"""What ``s3im check`` finds in scenes: rows, warnings, advice, memory, samples with mask and depth."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from PIL import Image

from s3im_methods.checkup.memory import bytes_per_pixel, estimate_memory
from s3im_methods.checkup.report import SceneReport, report_scene
from s3im_methods.compare.ns_train import read_arguments, train_arguments
from s3im_methods.errors import InputError
from s3im_methods.scenes import ObjectConfig, RoomConfig, write_scene

SIZE: dict[str, Any] = {"width": 24, "height": 18, "test_views": 2, "supersampling": 1, "light_samples": 2}


def look(scene: Path, *settings: Any, method: str = "s3im-nerfacto-lite") -> SceneReport:
    config = read_arguments(train_arguments(method, scene, 0, None, settings, None))
    config.pipeline.datamanager.dataparser.data = scene
    return report_scene(config)


@pytest.fixture(scope="module")
def room(tmp_path_factory) -> Path:
    return write_scene(RoomConfig(train_views=20, **SIZE), tmp_path_factory.mktemp("check") / "room")


@pytest.fixture(scope="module")
def rocket(tmp_path_factory) -> Path:
    return write_scene(ObjectConfig(train_views=6, **SIZE), tmp_path_factory.mktemp("check") / "object")


def change(scene: Path, out: Path, edit) -> Path:
    """A copy of a scene's transforms.json elsewhere, changed; its files stay where they are."""
    meta = json.loads((scene / "transforms.json").read_text())
    for frame in meta["frames"]:
        for key in ("file_path", "depth_file_path"):
            frame[key] = str(scene / frame[key])
    meta["ply_file_path"] = str(scene / meta["ply_file_path"])
    for key in ("train_filenames", "val_filenames", "test_filenames"):
        meta[key] = [str(scene / name) for name in meta[key]]
    edit(meta)
    out.mkdir(exist_ok=True)
    (out / "transforms.json").write_text(json.dumps(meta))
    return out


def test_a_room_with_depth(room):
    report = look(room)
    assert report.warnings == ()
    assert report.rows["images"] == "22, 24 x 18 pixels, RGB"
    assert report.rows["split"] == "20 training views, 2 held out"
    assert "75 degrees wide" in report.rows["cameras"] and "in a room" in report.rows["placement"]
    assert report.rows["depth"].startswith("sensor: 20 of 20 training views with depth")
    assert report.rows["method"].startswith("s3im-nerfacto-lite: hash grids")
    assert report.advice.pictures == "s3im-depth-nerfacto-lite" and report.advice.mesh == "s3im-neus-facto-lite"


def test_few_views_with_depth_want_a_method_that_learns_from_it(rocket):
    report = look(rocket)
    assert report.advice.pictures == "s3im-depth-nerfacto-lite"
    (warning,) = report.warnings
    assert warning.startswith("s3im-depth-nerfacto-lite may suit this scene better: it has 6 training views only")
    assert look(rocket, method="s3im-depth-nerfacto-lite").warnings == ()


def test_an_object_that_is_cut_out(rocket):
    rows = look(rocket).rows
    assert rows["alpha"].endswith("% transparent") and "all round one object" in rows["placement"]
    assert rows["for a mesh"].endswith("views all round an object that is cut out")
    method = look(rocket, method="s3im-neus-facto-lite").rows["method"]
    assert "preset: ours, object, in the sphere around" in method


def test_a_voxel_method_is_built_as_in_training(room, rocket):
    assert "preset: ours, room;" in look(room, method="s3im-dvgo-lite").rows["method"]
    assert "preset: ours, object;" in look(rocket, method="s3im-dvgo-lite").rows["method"]


def test_what_training_would_refuse_is_refused(room, tmp_path):
    def lose_an_image(meta):
        meta["frames"][3]["file_path"] = "gone.png"
        meta["train_filenames"][3] = "gone.png"

    with pytest.raises(InputError, match="1 of 22 images is missing"):
        look(change(room, tmp_path, lose_an_image))
    with pytest.raises(InputError, match="4 rays per batch are fewer than one S3IM window"):
        look(room, ("--pipeline.datamanager.train-num-rays-per-batch", "4"))


def test_what_training_would_say_is_said(room, tmp_path):
    def scale(meta):
        for frame in meta["frames"]:
            matrix = np.array(frame["transform_matrix"])
            matrix[:3, :3] *= 2.5
            frame["transform_matrix"] = matrix.tolist()

    (line,) = look(change(room, tmp_path, scale)).warnings
    assert "2.5" in line


def test_places_are_those_of_the_file(room, tmp_path):
    def move(meta):
        for frame in meta["frames"]:
            frame["transform_matrix"][0][3] += 500000.0

    placement = look(change(room, tmp_path, move)).rows["placement"]
    assert "(500000, " in placement or "(499999" in placement or "(500000." in placement, placement


def test_the_picture_shows_masks_and_depth(room, tmp_path):
    mask = np.zeros((18, 24), np.uint8)
    mask[:, :12] = 255
    Image.fromarray(mask).save(tmp_path / "half.png")

    def add_masks(meta):
        for frame in meta["frames"]:
            frame["mask_path"] = str(tmp_path / "half.png")

    plain, masked = look(room), look(change(room, tmp_path / "masked", add_masks))
    assert "50.0%" in masked.rows["masks"] and "masks" not in plain.rows
    pictures = [np.asarray(report.picture("a scene")).astype(int) for report in (plain, masked)]
    assert pictures[0].shape == pictures[1].shape
    changed = (pictures[0] != pictures[1]).any(-1)
    # The drawing of the cameras on the left is the same.
    assert not changed[:, :560].any() and changed[:, 560:].sum() >= 4 * 9 * 12


def test_masks_are_looked_at_in_all_scales(room, tmp_path):
    mask = np.zeros((18, 24), np.uint8)
    mask[:2, :2] = 255
    Image.fromarray(mask).save(tmp_path / "small.png")

    def add_masks(meta):
        for frame in meta["frames"]:
            frame["mask_path"] = str(tmp_path / "small.png")

    masked = change(room, tmp_path / "masked", add_masks)
    look(masked, method="s3im-mipnerf-lite")
    with pytest.raises(InputError, match=r"png', made 8 times smaller, has no pixel to train on, because its mask"):
        look(masked, ("--pipeline.datamanager.scales", "1", "8"), method="s3im-mipnerf-lite")
    with pytest.raises(InputError, match=r"--pipeline.datamanager.eval-scales 32 leaves no pixel"):
        look(masked, ("--pipeline.datamanager.eval-scales", "32"), method="s3im-mipnerf-lite")


def test_a_coarse_pixel_is_in_a_mask_if_all_of_it_is(room, tmp_path):
    mask = np.zeros((18, 24), np.uint8)
    mask[:, 1::2] = 255
    Image.fromarray(mask).save(tmp_path / "lines.png")

    def add_masks(meta):
        for frame in meta["frames"]:
            frame["mask_path"] = str(tmp_path / "lines.png")

    masked = change(room, tmp_path / "masked", add_masks)
    with pytest.raises(InputError, match=r"png', made 2 times smaller, has no pixel to train on, because its mask"):
        look(masked, ("--pipeline.datamanager.scales", "1", "2"), method="s3im-mipnerf-lite")


def test_samplers_are_those_of_training(room, tmp_path):
    patches = ("--pipeline.datamanager.pixel-sampler.patch-share", "0.5")
    look(room, patches)
    with pytest.raises(InputError, match=r"of 64 rays per batch has no room for a patch"):
        look(room, patches, ("--pipeline.datamanager.eval-num-rays-per-batch", "64"))
    around = change(room, tmp_path, lambda meta: meta.update(camera_model="EQUIRECTANGULAR"))
    with pytest.raises(InputError, match="Patches of equirectangular cameras are not supported"):
        look(around, patches)


def test_a_few_training_views_are_those_that_are_looked_at(room):
    method, flag = "s3im-depth-nerfacto-lite", "--pipeline.datamanager.train-views"
    rows = look(room, (flag, "5"), method=method).rows
    assert rows["split"] == "5 training views, 2 held out" and "5 of 5 training views with depth" in rows["depth"]
    with pytest.raises(InputError, match="train-views is 0"):
        look(room, (flag, "0"), method=method)


def test_depth_and_normals_matter_to_methods_that_read_them(room, tmp_path, monkeypatch):
    sizes = []

    def estimate(cameras, size, *rest):
        sizes.append(size)
        return estimate_memory(cameras, size, *rest)

    def lose(meta):
        held_out = next(frame for frame in meta["frames"] if frame["file_path"] in meta["val_filenames"])
        held_out["normal_file_path"] = "gone.png"
        next(frame for frame in meta["frames"] if frame is not held_out).pop("depth_file_path")

    monkeypatch.setattr("s3im_methods.checkup.report.estimate_memory", estimate)
    scene = change(room, tmp_path, lose)
    assert not any("without depth" in line for line in look(scene).warnings)
    assert any("without depth" in line for line in look(scene, method="s3im-depth-nerfacto-lite").warnings)
    assert sizes == [3, 7]
    with pytest.raises(InputError, match=r"normal maps? (is|are) missing, namely '.*gone.png'"):
        look(scene, method="s3im-neus-facto-lite")


def test_memory_of_images_is_exact_and_too_little_is_said(monkeypatch):
    shown = {"image": torch.zeros(3, 4, 3, dtype=torch.uint8), "depth_image": torch.zeros(3, 4, 1), "image_idx": 5}
    assert bytes_per_pixel(shown) == 7  # type: ignore[arg-type]
    cameras = Cameras(torch.eye(4)[None, :3].repeat(5, 1, 1), 5.0, 5.0, 2.0, 1.5, 4, 3)
    model = torch.nn.Linear(10, 10, bias=False)
    found = estimate_memory(cameras, 7, model, 0)
    assert found.images == 5 * 12 * 7 and found.model == 4 * 4 * 100 and found.warnings() == []
    model.bytes_when_grown = lambda: 12345.0  # type: ignore[assignment]
    assert estimate_memory(cameras, 7, model, 0).model == 12345
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1000))
    (warning,) = estimate_memory(cameras, 7, model, 0).warnings()
    assert "--downscale-factor 2" in warning
