"""Depth is written in metres, as z or distance, and as 0 where the model shows nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from PIL import Image

from s3im_methods.data.depth.along_ray import ray_norms
from s3im_methods.errors import InputError
from s3im_methods.exporters.metric_depth import DepthExport, export_depth, file_names


class Wall:
    """A model that sees a wall across the viewing axis, 2 scene units ahead, with a hole in the first pixel."""

    def get_outputs_for_camera(self, camera):
        distance = camera.generate_rays(camera_indices=0, keep_shape=True).metadata["directions_norm"] * 2
        opaque = torch.ones_like(distance)
        opaque[0, 0] = 0.1
        return {"depth": distance, "accumulation": opaque, "rgb": torch.zeros(*distance.shape[:2], 3)}


@pytest.fixture
def cameras() -> Cameras:
    return Cameras(torch.eye(4)[None, :3].repeat(2, 1, 1), 5.0, 5.0, 4.0, 3.0, 8, 6)


IMAGES = [Path("images/1.png"), Path("images/2.png")]


def written(cameras, folder, **settings):
    return list(export_depth(Wall(), cameras, IMAGES, 1.5, folder, DepthExport(**settings), {"method": "wall"}))


def test_z_depth_of_a_wall_is_the_same_everywhere(cameras, tmp_path):
    assert written(cameras, tmp_path) == [(IMAGES[0], 0), (IMAGES[1], 0)]
    found = np.load(tmp_path / "1.npy")
    assert (found.dtype, found.shape) == (np.float32, (6, 8))
    assert found[0, 0] == 0
    assert found.ravel()[1:] == pytest.approx(3.0)
    about = json.loads((tmp_path / "depths.json").read_text())
    assert about["files"] == {"images/1.png": "1.npy", "images/2.png": "2.npy"}
    assert (about["unit"], about["metres_per_scene_unit"], about["method"]) == ("metre", 1.5, "wall")


def test_distance_follows_the_rays(cameras, tmp_path):
    written(cameras, tmp_path, measure="distance", min_accumulation=0.0)
    assert np.load(tmp_path / "2.npy") == pytest.approx(3.0 * ray_norms(cameras[0]))


def test_png_holds_millimetres_and_counts_what_is_too_far(cameras, tmp_path):
    written(cameras, tmp_path, file_format="png")
    assert np.unique(np.array(Image.open(tmp_path / "1.png"))).tolist() == [0, 3000]
    lost = DepthExport(file_format="png").write(np.array([[65.5, 66.0]], dtype=np.float32), tmp_path / "far.v1")
    assert lost == 1
    assert np.array(Image.open(tmp_path / "far.v1.png")).tolist() == [[65500, 0]]


def test_an_unknown_output_is_refused(cameras, tmp_path):
    with pytest.raises(InputError, match="no depth output 'rgb': give one of accumulation, depth"):
        written(cameras, tmp_path, output_name="rgb")


def test_names_differ():
    assert file_names(IMAGES) == ["1", "2"]
    assert file_names([Path("l/1.png"), Path("r/1.png")]) == ["l_1", "r_1"]
    assert file_names([Path("l/1.png"), Path("l/1.jpg")]) == ["0_l_1", "1_l_1"]
