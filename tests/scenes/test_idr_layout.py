"""IDR's layout says the same as nerfstudio's: cameras, masks, depth and normals, read by ``idr-data``."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import open3d as o3d
import pytest
import torch
import trimesh
from PIL import Image

from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.parsers.idr import IDRDataParserConfig
from s3im_methods.data.surface_dataset import SurfaceDataset
from s3im_methods.exporters.mesh.world_frame import world_frame
from s3im_methods.scenes import ObjectConfig, RoomConfig, write_scene

SIZES = {"width": 24, "height": 18, "train_views": 5, "test_views": 2, "supersampling": 1, "light_samples": 2}


@pytest.fixture(scope="module", params=[RoomConfig, ObjectConfig])
def folders(request, tmp_path_factory) -> tuple[Path, Path]:
    """The same scene in both layouts."""
    config, out = request.param(**SIZES), tmp_path_factory.mktemp("layouts")
    return write_scene(config, out / "ns"), write_scene(replace(config, layout="idr"), out / "idr")


def test_rays_through_known_pixels_end_on_the_mesh(folders):
    _, idr = folders
    outputs = IDRDataParserConfig(data=idr, eval_interval=0).setup().get_dataparser_outputs("train")
    frame, mesh = world_frame(outputs), o3d.t.geometry.RaycastingScene()
    mesh.add_triangles(o3d.t.io.read_triangle_mesh(str(idr / "mesh.ply")))
    for k in range(7):
        depth = np.load(idr / "depths" / f"{k:03d}.npy")
        rows, columns = np.nonzero(depth)
        coords = torch.from_numpy(np.column_stack([rows, columns]) + 0.5).float()
        rays = outputs.cameras.generate_rays(torch.full((len(rows), 1), k), coords=coords)
        along = depth[rows, columns] * rays.metadata["directions_norm"][:, 0].numpy() * frame.scale
        points = frame.to_world(rays.origins.numpy() + along[:, None] * rays.directions.numpy())
        distance = mesh.compute_distance(o3d.core.Tensor.from_numpy(points.astype(np.float32))).numpy()
        assert distance.max() < 2e-3


def test_the_unit_sphere_holds_the_mesh(folders):
    _, idr = folders
    scale = np.load(idr / "cameras_sphere.npz")["scale_mat_0"]
    vertices = np.asarray(trimesh.load_mesh(idr / "mesh.ply").vertices)
    radii = np.linalg.norm((vertices - scale[:3, 3]) / scale[0, 0], axis=1)
    assert 0.5 < radii.max() < 1


def test_normals_are_those_of_nerfstudios_layout_in_the_scenes_axes(folders):
    ns, idr = folders
    outputs = IDRDataParserConfig(data=idr, eval_interval=0).setup().get_dataparser_outputs("train")
    dataset = SurfaceDataset(outputs, depth=DepthSourceConfig(source="none"))
    frames = json.loads((ns / "transforms.json").read_text())["frames"]
    turn = world_frame(outputs).rotation
    for k in (0, 6):
        world = np.load(ns / frames[k]["normal_npy_path"])
        known = np.linalg.norm(world, axis=-1) > 0
        np.testing.assert_allclose(dataset[k]["normal"].numpy()[known], (world @ turn.T)[known], atol=1e-5)


def test_objects_have_masks_and_are_seen_before_white(folders):
    ns, idr = folders
    if "transparent" not in (ns / "transforms.json").read_text():
        assert not (idr / "mask").exists()
        return
    image, mask = (np.asarray(Image.open(idr / folder / "000.png")) for folder in ("image", "mask"))
    alpha = np.asarray(Image.open(ns / "images" / "train_0000.png"))[..., 3]
    assert np.array_equal(mask > 127, alpha > 127) and (image[alpha == 0] == 255).all() and 0 < (mask > 127).mean() < 1


def test_such_a_folder_may_be_overwritten(tmp_path):
    config = ObjectConfig(**{**SIZES, "layout": "idr"})
    write_scene(config, tmp_path / "scene")
    write_scene(config, tmp_path / "scene", overwrite=True)
