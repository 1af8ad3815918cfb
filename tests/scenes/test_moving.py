"""The moving rocket: every frame is of another moment, and nerfstudio reads it as it was made."""

import json
from pathlib import Path

import numpy as np
import open3d as o3d
import pytest
import torch
from nerfstudio.data.dataparsers.dnerf_dataparser import DNeRFDataParserConfig
from PIL import Image

from s3im_methods.data.checks.scene import check_scene
from s3im_methods.errors import InputError
from s3im_methods.scenes import ObjectConfig, write_scene
from s3im_methods.scenes.moving import UNIT, moments, rocket_motion

CONFIG = ObjectConfig(width=40, height=40, train_views=5, test_views=2, light_samples=2, supersampling=1, moving=True)


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Path:
    return write_scene(CONFIG, tmp_path_factory.mktemp("scenes") / "moving")


def test_nerfstudio_reads_times_cameras_and_images(scene):
    config = DNeRFDataParserConfig(data=scene)
    check_scene(config)
    train, test = (config.setup().get_dataparser_outputs(split) for split in ("train", "test"))
    torch.testing.assert_close(train.cameras.times.flatten(), torch.tensor([0, 0.25, 0.5, 0.75, 1]))
    torch.testing.assert_close(test.cameras.times.flatten(), torch.tensor([0.25, 0.75]))
    assert train.cameras.fx[0].item() == pytest.approx(CONFIG.focal)
    # D-NeRF looks from 2 to 6 units away, into a box of 1.5.
    distances = train.cameras.camera_to_worlds[:, :, 3].norm(dim=-1)
    torch.testing.assert_close(distances, torch.full((5,), 4.0))
    assert all(Image.open(file).mode == "RGBA" for file in train.image_filenames)
    assert train.image_filenames[0] == scene / "train" / "r_0000.png"
    val = config.setup().get_dataparser_outputs("val")
    assert val.image_filenames == test.image_filenames


def test_what_a_test_view_sees_lies_on_the_mesh_of_its_moment_and_not_on_that_of_another(scene):
    frames = json.loads((scene / "transforms_test.json").read_text())["frames"]
    for frame, other in zip(frames, frames[::-1], strict=True):
        points = seen_points(scene, frame)
        assert distances(scene / frame["mesh_path"], points).max() < 1e-4
        assert distances(scene / other["mesh_path"], points).max() > 0.02


def seen_points(scene: Path, frame: dict) -> np.ndarray:
    depth, pose = np.load(scene / frame["depth_npy_path"]), np.array(frame["transform_matrix"])
    rows, columns = np.nonzero(depth)
    along = np.stack([columns + 0.5 - 20, 20 - rows - 0.5, np.full(len(rows), -CONFIG.focal)], -1) / CONFIG.focal
    return pose[:3, 3] + (depth[rows, columns, None] * along) @ pose[:3, :3].T


def distances(mesh: Path, points: np.ndarray) -> np.ndarray:
    caster = o3d.t.geometry.RaycastingScene()
    caster.add_triangles(o3d.t.io.read_triangle_mesh(str(mesh)))
    return caster.compute_distance(o3d.core.Tensor.from_numpy(points.astype(np.float32))).numpy()


def test_only_the_rocket_moves_and_stays_in_the_picture():
    first, *_, last = (moment for moment in moments(CONFIG) if moment.name.startswith("train"))
    one, other = first.scene.solid.vertices, last.scene.solid.vertices
    moved = np.linalg.norm(one - other, axis=1) > 1e-6
    assert 0 < moved.sum() < len(one)
    shift, rotation = rocket_motion(1.0)
    np.testing.assert_allclose(other[moved], one[moved] @ rotation.T + shift, atol=1e-5)
    assert np.abs(other).max() / UNIT < 1.5
    assert rocket_motion(0.0)[0].tolist() == [0, 0, 0] and np.array_equal(rocket_motion(0.0)[1], np.eye(3))


def test_the_first_moment_is_the_resting_scene():
    from dataclasses import replace

    from s3im_methods.scenes.build import build_scene

    resting = build_scene(replace(CONFIG, moving=False))
    np.testing.assert_array_equal(next(moments(CONFIG)).scene.solid.vertices, resting.solid.vertices)


def test_it_may_replace_itself_and_has_one_layout(scene):
    write_scene(CONFIG, scene, overwrite=True)
    with pytest.raises(InputError, match="--moving writes the layout of D-NeRF"):
        write_scene(ObjectConfig(moving=True, layout="idr"), scene)
