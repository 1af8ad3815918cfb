"""What nerfstudio does to a scene's coordinates is undone, back to those of transforms.json."""

import json

import numpy as np
import pytest
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

from s3im_methods.data.depth.nerfstudio_frames import with_frames
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
    outputs = with_frames(config).setup().get_dataparser_outputs(split="train")
    frame = world_frame(outputs)
    own = {frame["file_path"]: np.array(frame["transform_matrix"]) for frame in meta["frames"]}
    true = np.stack([own[f"images/{image.name}"] for image in outputs.image_filenames])
    poses = outputs.cameras.camera_to_worlds.double().numpy()
    assert np.abs(poses[:, :, 3] - true[:, :3, 3]).max() > 0.1
    assert frame.to_world(poses[:, :, 3]) == pytest.approx(true[:, :3, 3], abs=1e-5)
    assert frame.to_scene(true[:, :3, 3]) == pytest.approx(poses[:, :, 3], abs=1e-5)
    assert frame.directions_to_scene(true[:, :3, 2]) == pytest.approx(poses[:, :, 2], abs=1e-5)
    assert training_cameras(path).camera_to_worlds.numpy() == pytest.approx(true[:, :3], abs=1e-5)
