"""Which method is advised: by views, depth, and how far apart the cameras of a reconstruction stand."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

from s3im_methods.data.advice import FAR_APART, FEW_VIEWS, advise, camera_spacing, depth_advice
from s3im_methods.data.checked_parser import read_splits
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.scenes import RoomConfig, write_scene

SIZE: dict[str, Any] = {"width": 24, "height": 18, "test_views": 1, "supersampling": 1, "light_samples": 2}
WITHOUT_DEPTH = SimpleNamespace()


def parse(scene: Path) -> DataparserOutputs:
    config = NerfstudioDataParserConfig(data=scene, load_3D_points=False)
    return read_splits(config, with_files=False, say=lambda _: None)["train"]


@pytest.fixture(scope="module")
def room(tmp_path_factory) -> Path:
    return write_scene(RoomConfig(train_views=14, **SIZE), tmp_path_factory.mktemp("advice") / "room")


def variant(room: Path, out: Path, views: int, keep: tuple[str, ...]) -> DataparserOutputs:
    """The room with fewer views, and with the named of its depth sources only."""
    meta = json.loads((room / "transforms.json").read_text())
    meta["train_filenames"] = meta["train_filenames"][:views]
    for frame in meta["frames"]:
        if "depth" not in keep:
            frame.pop("depth_file_path")
        else:
            frame["depth_file_path"] = str(room / frame["depth_file_path"])
    if "points" in keep:
        meta["ply_file_path"] = str(room / meta["ply_file_path"])
    else:
        meta.pop("ply_file_path")
    (out / "transforms.json").write_text(json.dumps(meta))
    if not (out / "images").exists():
        (out / "images").symlink_to(room / "images")
    return parse(out)


def test_a_sensor_with_few_views(room, tmp_path):
    few, many = (variant(room, tmp_path, views, ("depth",)) for views in (FEW_VIEWS, FEW_VIEWS + 1))
    assert "10 training views only" in depth_advice(few, WITHOUT_DEPTH)[0]
    assert depth_advice(many, WITHOUT_DEPTH) == []
    an_object = SceneFacts(scene_kind="object")
    assert [advise(outputs, an_object).pictures for outputs in (few, many)] == [
        "s3im-depth-nerfacto-lite",
        "s3im-nerfacto-lite",
    ]
    assert "has the better depth" in advise(many, an_object).pictures_reason


def test_a_sensor_in_a_room(room, tmp_path):
    said = advise(variant(room, tmp_path, FEW_VIEWS + 1, ("depth",)), SceneFacts(scene_kind="room"))
    assert said.pictures == "s3im-depth-nerfacto-lite"
    assert said.pictures_reason == "11 training views with depth maps, which place walls where they are"


def test_a_method_that_learns_from_depth_is_left_alone(room, tmp_path):
    assert depth_advice(variant(room, tmp_path, 3, ("depth",)), SimpleNamespace(depth=None)) == []


def test_points_count_where_cameras_stand_far_apart(room, tmp_path):
    outputs = variant(room, tmp_path, 14, ("points",))
    near = outputs.cameras.camera_to_worlds.clone()
    spacing = camera_spacing(near)
    # All in one corner: neighbours stand close together beside the distance to the walls.
    outputs.cameras.camera_to_worlds[:, :, 3] *= 0.05 / spacing
    assert depth_advice(outputs, WITHOUT_DEPTH) == []
    # Twice as far apart as the bound, for points that are about a room's half away.
    outputs.cameras.camera_to_worlds[:, :, 3] = near[:, :, 3] * (0.6 / spacing)
    (said,) = depth_advice(outputs, WITHOUT_DEPTH)
    share = float(said.split("(")[1].split(" %")[0]) / 100
    assert share >= FAR_APART


def test_no_depth_at_all(room, tmp_path):
    outputs = variant(room, tmp_path, 5, ())
    assert depth_advice(outputs, WITHOUT_DEPTH) == []
    assert "5 training views are few" in advise(outputs, SceneFacts()).pictures_reason


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (SceneFacts(scene_kind="object"), "masks would make it cleaner"),
        (SceneFacts(scene_kind="object", has_foreground_mask=True), "that is cut out"),
        (SceneFacts(scene_kind="room"), "depth maps would help"),
    ],
)
def test_the_reason_for_a_mesh(room, tmp_path, facts, words):
    assert words in advise(variant(room, tmp_path, 12, ()), facts).mesh_reason


def test_spacing_is_that_of_the_nearest_neighbours():
    poses = torch.eye(4)[:3].repeat(4, 1, 1)
    poses[:, 1, 3] = torch.tensor([0.0, 1.0, 3.0, 10.0])
    assert camera_spacing(poses) == 1.0
