"""What nerfstudio does to a scene's coordinates is undone, back to those of the file with the poses."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.data.dataparsers.sdfstudio_dataparser import SDFStudioDataParserConfig

from s3im_methods.data.checked_parser import checked_parser
from s3im_methods.data.training_cameras import training_cameras
from s3im_methods.exporters.mesh.world_frame import world_frame
from s3im_methods.scenes import RoomConfig, write_scene


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    config = RoomConfig(width=24, height=18, train_views=4, test_views=2, light_samples=4, supersampling=1)
    return write_scene(config, tmp_path_factory.mktemp("framed") / "room")


@pytest.mark.parametrize(
    "applied", [{}, {"applied_transform": [[0, 1, 0, 5], [1, 0, 0, 6], [0, 0, -1, 7]], "applied_scale": 3.0}]
)
@pytest.mark.parametrize("orientation", ["up", "none"])
def test_cameras_come_back_to_where_the_file_has_them(room, applied, orientation):
    meta = json.loads((room / "transforms.json").read_text())
    path = room / "changed.json"
    path.write_text(json.dumps({**meta, **applied}))
    config = NerfstudioDataParserConfig(data=path, downscale_factor=1, orientation_method=orientation)
    outputs = checked_parser(config).setup().get_dataparser_outputs(split="train")
    frame = world_frame(outputs)
    own = {frame["file_path"]: np.array(frame["transform_matrix"]) for frame in meta["frames"]}
    true = np.stack([own[f"images/{image.name}"] for image in outputs.image_filenames])
    poses = outputs.cameras.camera_to_worlds.double().numpy()
    assert np.abs(poses[:, :, 3] - true[:, :3, 3]).max() > 0.1
    assert frame.to_world(poses[:, :, 3]) == pytest.approx(true[:, :3, 3], abs=1e-5)
    assert frame.to_scene(true[:, :3, 3]) == pytest.approx(poses[:, :, 3], abs=1e-5)
    assert frame.directions_to_scene(true[:, :3, 2]) == pytest.approx(poses[:, :, 2], abs=1e-5)
    assert training_cameras(path).camera_to_worlds.numpy() == pytest.approx(true[:, :3], abs=1e-5)


@pytest.mark.parametrize("auto_orient", [True, False])
@pytest.mark.parametrize("parser", [lambda config: config, partial(checked_parser, with_files=False)])
def test_sdfstudios_scenes_come_back_though_its_parser_does_not_say_that_it_turns_them(tmp_path, parser, auto_orient):
    random = np.random.default_rng(0)
    poses = np.tile(np.eye(4), (3, 1, 1))
    turns = np.linalg.qr(random.normal(size=(3, 3, 3)))[0]
    poses[:, :3, :3] = turns * np.linalg.det(turns)[:, None, None]
    poses[:, :3, 3] = random.normal(size=(3, 3))
    frames = [
        {"rgb_path": f"{index}.png", "camtoworld": pose.tolist(), "intrinsics": np.eye(4).tolist()}
        for index, pose in enumerate(poses)
    ]
    meta = {"frames": frames, "scene_box": {"aabb": [[-1] * 3, [1] * 3]}, "height": 8, "width": 8}
    (tmp_path / "meta_data.json").write_text(json.dumps(meta))
    config = parser(SDFStudioDataParserConfig(data=tmp_path, auto_orient=auto_orient))
    outputs = config.setup().get_dataparser_outputs(split="train")
    assert torch.equal(outputs.dataparser_transform, torch.eye(4)[:3])
    frame, places = world_frame(outputs), outputs.cameras.camera_to_worlds[:, :, 3].double().numpy()
    assert (np.abs(places - poses[:, :3, 3]).max() > 0.1) == auto_orient
    assert frame.to_world(places) == pytest.approx(poses[:, :3, 3], abs=1e-5)
    assert frame.to_scene(poses[:, :3, 3]) == pytest.approx(places, abs=1e-5)
