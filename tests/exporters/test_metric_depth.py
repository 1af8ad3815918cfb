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
    """A model that sees a wall across the viewing axis, with a hole in the first pixel.

    The wall is 2 scene units ahead, and as much farther as the camera stands along its axis.
    """

    def get_outputs_for_camera(self, camera):
        ahead = 2 + camera.camera_to_worlds[0, 2, 3]
        distance = camera.generate_rays(camera_indices=0, keep_shape=True).metadata["directions_norm"] * ahead
        opaque = torch.ones_like(distance)
        opaque[0, 0] = 0.1
        return {"depth": distance, "accumulation": opaque, "rgb": torch.zeros(*distance.shape[:2], 3)}


@pytest.fixture
def cameras() -> Cameras:
    """Two that differ in place and lens."""
    poses = torch.eye(4)[None, :3].repeat(2, 1, 1)
    poses[1, 2, 3] = 1.0
    return Cameras(poses, torch.tensor([[5.0], [9.0]]), torch.tensor([[5.0], [9.0]]), 4.0, 3.0, 8, 6)


IMAGES = [Path("images/1.png"), Path("images/2.png")]


def written(cameras, folder, **settings):
    return list(export_depth(Wall(), cameras, IMAGES, 1.5, folder, DepthExport(**settings), {"method": "wall"}))


def test_z_depth_of_a_wall_is_the_same_everywhere(cameras, tmp_path):
    assert written(cameras, tmp_path) == [(IMAGES[0], 0), (IMAGES[1], 0)]
    found = np.load(tmp_path / "1.npy")
    assert (found.dtype, found.shape) == (np.float32, (6, 8))
    assert found[0, 0] == 0
    assert found.ravel()[1:] == pytest.approx(3.0)
    assert np.load(tmp_path / "2.npy").ravel()[1:] == pytest.approx(4.5)
    about = json.loads((tmp_path / "depths.json").read_text())
    assert about["files"] == {"images/1.png": "1.npy", "images/2.png": "2.npy"}
    assert (about["unit"], about["metres_per_scene_unit"], about["method"]) == ("metre", 1.5, "wall")
    assert (about["measures"], about["none"]) == ("depth along the viewing axis", 0)


def test_distance_follows_the_rays(cameras, tmp_path):
    written(cameras, tmp_path, measure="distance", min_accumulation=0.0)
    assert np.load(tmp_path / "2.npy") == pytest.approx(4.5 * ray_norms(cameras[1]))
    assert json.loads((tmp_path / "depths.json").read_text())["measures"] == "distance along the ray"


def test_png_holds_millimetres_and_counts_what_is_too_far(cameras, tmp_path):
    written(cameras, tmp_path, file_format="png")
    assert np.unique(np.array(Image.open(tmp_path / "1.png"))).tolist() == [0, 3000]
    assert json.loads((tmp_path / "depths.json").read_text())["unit"] == "millimetre"
    far = np.array([[1.0006, 65.5, 65.535, 65.536]], dtype=np.float32)
    assert DepthExport(file_format="png").write(far, tmp_path / "far.v1") == 1
    assert np.array(Image.open(tmp_path / "far.v1.png")).tolist() == [[1001, 65500, 65535, 0]]


def test_what_is_too_transparent_or_no_number_is_none(cameras):
    depth = torch.tensor([[[1.0], [1.0], [float("nan")], [float("inf")]]])
    outputs = {"depth": depth, "accumulation": torch.tensor([[[0.49], [0.5], [1.0], [1.0]]])}
    export = DepthExport(measure="distance")
    assert export.metres(outputs, cameras[0], 2.0).tolist() == [[0, 2, 0, 0]]
    assert export.metres({"depth": depth}, cameras[0], 2.0).tolist() == [[2, 2, 0, 0]]


def test_an_unknown_output_is_refused(cameras, tmp_path):
    with pytest.raises(InputError, match="no depth output 'rgb': give one of accumulation, depth"):
        written(cameras, tmp_path, output_name="rgb")


def test_names_differ():
    assert file_names(IMAGES) == ["1", "2"]
    assert file_names([Path("l/1.png"), Path("r/1.png")]) == ["l_1", "r_1"]
    assert file_names([Path("a/l/1.png"), Path("b/l/1.png")]) == ["a_l_1", "b_l_1"]
    assert file_names([Path("l/1.png"), Path("l/1.jpg")]) == ["0_l_1", "1_l_1"]
