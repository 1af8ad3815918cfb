"""What is on disk is consistent: views with each other, depth with mesh, and nerfstudio's reading with ours."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import open3d as o3d
import pytest
from PIL import Image

from s3im_methods.errors import InputError
from s3im_methods.scenes import ObjectConfig, RoomConfig, write_scene
from s3im_methods.scenes.render import Renderer

TINY: dict[str, Any] = {
    "width": 8,
    "height": 6,
    "train_views": 2,
    "test_views": 1,
    "supersampling": 1,
    "light_samples": 2,
}


@pytest.fixture(scope="module", params=["room", "object"])
def scene(request, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("scenes") / request.param
    views: dict[str, Any] = {"train_views": 24, "test_views": 3, "light_samples": 8}
    if request.param == "room":
        return write_scene(RoomConfig(width=96, height=72, **views), out)
    return write_scene(ObjectConfig(width=80, height=80, **views), out)


@pytest.fixture(scope="module")
def caster(scene):
    mesh = o3d.t.io.read_triangle_mesh(str(scene / "mesh.ply"))
    caster = o3d.t.geometry.RaycastingScene()
    caster.add_triangles(mesh)
    return caster


def _distance(caster, points):
    return caster.compute_distance(o3d.core.Tensor.from_numpy(np.asarray(points, dtype=np.float32))).numpy()


class _Frame:
    """One frame read back from disk with numpy and Pillow alone."""

    def __init__(self, scene: Path, index: int) -> None:
        meta = json.loads((scene / "transforms.json").read_text())
        frame = meta["frames"][index]
        self.pose = np.array(frame["transform_matrix"])
        self.focal, self.cx, self.cy = meta["fl_x"], meta["cx"], meta["cy"]
        self.image = np.asarray(Image.open(scene / frame["file_path"]))[..., :3].astype(int)
        self.millimetres = np.asarray(Image.open(scene / frame["depth_file_path"]))
        self.depth = np.load(scene / frame["depth_npy_path"])
        self.normal = np.load(scene / frame["normal_npy_path"])

    def points(self) -> np.ndarray:
        """World points [h, w, 3] of the pixel centres."""
        rows, columns = np.mgrid[: self.depth.shape[0], : self.depth.shape[1]] + 0.5
        rays = np.stack([(columns - self.cx) / self.focal, (self.cy - rows) / self.focal, -np.ones_like(rows)], -1)
        return self.pose[:3, 3] + self.depth[..., None] * rays @ self.pose[:3, :3].T

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, columns and z-depth of world points."""
        local = (points - self.pose[:3, 3]) @ self.pose[:3, :3]
        depth = -local[..., 2]
        columns = self.cx + self.focal * local[..., 0] / depth
        return self.cy - self.focal * local[..., 1] / depth, columns, depth


def _seen_by_both(a: _Frame, b: _Frame):
    """Points of A that fall into B's image: their pixels in A and in B and their z-depth in B."""
    pixels = np.argwhere(a.depth > 0)
    points = a.points()[tuple(pixels.T)]
    rows, columns, depth = b.project(points)
    height, width = b.depth.shape
    inside = (depth > 0.1) & (rows > 0) & (rows < height) & (columns > 0) & (columns < width)
    there = np.stack([rows, columns], -1)[inside].astype(int)
    covered = b.depth[tuple(there.T)] > 0
    return tuple(pixels[inside][covered].T), tuple(there[covered].T), points[inside][covered], depth[inside][covered]


# Neighbours on the room's walks; on the dome's spiral, eight steps of 137.5 degrees come round to 20 degrees.
PAIRS = {"room": [(0, 1), (8, 9), (18, 19)], "object": [(0, 8), (4, 12), (12, 20)]}


@pytest.mark.parametrize("pair", range(3))
def test_depths_of_two_views_agree(scene, pair):
    a, b = (_Frame(scene, k) for k in PAIRS[scene.name][pair])
    _, there, points, depth = _seen_by_both(a, b)
    assert len(depth) > 0.12 * (a.depth > 0).sum()
    # B's surface near its pixel centre is the plane through that point; a point of A that B sees lies on it.
    off_plane = np.abs(np.einsum("ij,ij->i", points - b.points()[there], b.normal[there]))
    slack = 2.0 * depth / b.focal
    same = np.abs(b.depth[there] - depth) < slack
    hidden = depth > b.depth[there] + slack
    # Neither on B's surface nor behind it: B would have seen through the point. Thin things miss pixel centres.
    assert (~same & ~hidden).mean() < 0.03
    assert same.mean() > 0.7
    # Curved things and edges between two faces leave the plane; the bulk lies on it exactly.
    assert np.quantile(off_plane[same], 0.6) < 1e-5


def test_colours_of_two_views_agree(scene):
    a, b = (_Frame(scene, k) for k in PAIRS[scene.name][1])
    here, there, _, depth = _seen_by_both(a, b)
    same = np.abs(b.depth[there] - depth) < 0.01
    difference = np.abs(a.image[here] - b.image[there]).max(axis=-1)[same]
    assert np.median(difference) <= 6
    # On surfaces without texture the light alone decides, and it must not depend on the view.
    smooth = _smooth(a.image)[here][same] & _smooth(b.image)[there][same]
    assert smooth.sum() > 50
    assert np.quantile(difference[smooth], 0.9) <= 2


def _smooth(image: np.ndarray) -> np.ndarray:
    """Pixels whose eight neighbours are all within 6 levels."""
    flat = np.zeros(image.shape[:2], dtype=bool)
    window = np.lib.stride_tricks.sliding_window_view(image, (3, 3), axis=(0, 1))
    flat[1:-1, 1:-1] = (window.max(axis=(-1, -2)) - window.min(axis=(-1, -2))).max(axis=-1) <= 6
    return flat


def test_depth_png_is_the_float_depth_to_half_a_millimetre(scene):
    for k in (0, 7, 25):
        frame = _Frame(scene, k)
        assert frame.millimetres.dtype == np.uint16
        assert np.abs(frame.millimetres - 1000.0 * frame.depth.astype(np.float64)).max() <= 0.5
        assert ((frame.millimetres == 0) == (frame.depth == 0)).all()


def test_normals_are_unit_and_face_the_camera(scene):
    for k in (0, 7, 25):
        frame = _Frame(scene, k)
        found = frame.depth > 0
        assert np.allclose(np.linalg.norm(frame.normal, axis=-1), found, atol=1e-5)
        towards = frame.pose[:3, 3] - frame.points()
        assert (np.einsum("hwj,hwj->hw", towards, frame.normal)[found] > 0).all()


def test_points_lie_on_the_mesh(scene, caster):
    for k in (0, 7, 25):
        frame = _Frame(scene, k)
        assert _distance(caster, frame.points()[frame.depth > 0]).max() < 2e-5
    cloud = np.asarray(o3d.io.read_point_cloud(str(scene / "points.ply")).points)  # pyright: ignore[reportArgumentType]
    assert len(cloud) > 5000
    assert _distance(caster, cloud).max() < 2e-5


def test_nothing_lies_between_camera_and_depth(scene, caster):
    frame = _Frame(scene, 9)
    found = frame.depth > 0
    points = frame.points()[found]
    rays = np.concatenate([np.broadcast_to(frame.pose[:3, 3], points.shape), points - frame.pose[:3, 3]], -1)
    assert not caster.test_occlusions(o3d.core.Tensor.from_numpy(rays.astype(np.float32)), tfar=0.999).numpy().any()


def test_point_cloud_has_the_images_colours(scene):
    cloud = o3d.io.read_point_cloud(str(scene / "points.ply"))  # pyright: ignore[reportArgumentType]
    colours = np.asarray(cloud.colors)
    frame = _Frame(scene, 0)
    rows, columns, depth = frame.project(np.asarray(cloud.points))
    height, width = frame.depth.shape
    exact = (np.abs(rows % 1 - 0.5) < 1e-3) & (np.abs(columns % 1 - 0.5) < 1e-3) & (depth > 0)
    exact &= (rows > 0) & (rows < height) & (columns > 0) & (columns < width)
    place = (rows[exact].astype(int), columns[exact].astype(int))
    visible = np.abs(frame.depth[place] - depth[exact]) < 1e-4
    assert visible.sum() > 100
    difference = np.abs(frame.image[place] - 255 * colours[exact])[visible].max(axis=-1)
    # The first view's own points are exact; a few of other views project to a pixel centre by chance.
    assert np.quantile(difference, 0.9) < 1e-3


def test_mesh_has_colours(scene):
    colours = np.asarray(o3d.io.read_triangle_mesh(str(scene / "mesh.ply")).vertex_colors)  # pyright: ignore[reportArgumentType]
    assert len(np.unique((255 * colours).round(), axis=0)) > 500


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_nerfstudio_reads_the_scene(scene, caster, split):
    from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
    from nerfstudio.data.datasets.depth_dataset import DepthDataset

    parser = NerfstudioDataParserConfig(data=scene, load_3D_points=True).setup()
    outputs = parser.get_dataparser_outputs(split=split)
    assert len(outputs.image_filenames) == (24 if split == "train" else 3)
    assert all(path.name.startswith("train" if split == "train" else "test") for path in outputs.image_filenames)
    to_world = np.linalg.inv(np.vstack([outputs.dataparser_transform.numpy(), [0, 0, 0, 1]]))

    dataset = DepthDataset(outputs)
    depth = dataset[1]["depth_image"][..., 0].numpy()
    rows, columns = np.nonzero(depth)
    coordinates = np.stack([rows, columns], -1) + 0.5
    rays = outputs.cameras.generate_rays(camera_indices=1, coords=_tensor(coordinates))
    distance = depth[rows, columns, None] * rays.metadata["directions_norm"].numpy()
    points = rays.origins.numpy() + distance * rays.directions.numpy()
    world = points / outputs.dataparser_scale @ to_world[:3, :3].T + to_world[:3, 3]
    # Depth is rounded to half a millimetre; along a slanted ray that is a little more.
    assert _distance(caster, world).max() < 8e-4

    cloud = outputs.metadata["points3D_xyz"].numpy() / outputs.dataparser_scale @ to_world[:3, :3].T + to_world[:3, 3]
    assert _distance(caster, cloud).max() < 1e-4


def _tensor(values):
    import torch

    return torch.from_numpy(values).float()


@pytest.mark.parametrize("config", [RoomConfig, ObjectConfig])
def test_same_seed_gives_identical_files_and_another_seed_other_images(config, tmp_path):
    first, again, other = (
        write_scene(config(**TINY, seed=seed), tmp_path / name) for name, seed in (("a", 4), ("b", 4), ("c", 5))
    )
    files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert len(files) == 4 * 3 + 4
    for file in files:
        assert (first / file).read_bytes() == (again / file).read_bytes(), file
        if file.parent.name == "images":
            assert (first / file).read_bytes() != (other / file).read_bytes(), file


def test_background_of_the_object(tmp_path):
    clear = write_scene(ObjectConfig(**TINY), tmp_path / "clear") / "images" / "train_0000.png"
    white = write_scene(ObjectConfig(**TINY, background="white"), tmp_path / "white") / "images" / "train_0000.png"
    rgba, rgb = np.asarray(Image.open(clear)).astype(float), np.asarray(Image.open(white)).astype(float)
    assert (rgba.shape, rgb.shape) == ((6, 8, 4), (6, 8, 3))
    share = rgba[..., 3:] / 255
    assert 0 < share.mean() < 1
    assert np.abs(rgb - (share * rgba[..., :3] + 255 * (1 - share))).max() <= 0.5


def test_room_images_are_rgb(tmp_path):
    out = write_scene(RoomConfig(**TINY), tmp_path / "room")
    assert Image.open(out / "images" / "test_0000.png").mode == "RGB"
    meta = json.loads((out / "transforms.json").read_text())
    assert meta["camera_model"] == "OPENCV"
    assert (meta["w"], meta["h"], meta["cx"], meta["cy"]) == (8, 6, 4.0, 3.0)
    assert meta["val_filenames"] == meta["test_filenames"] == ["images/test_0000.png"]
    assert meta["settings"]["seed"] == 0


def test_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Renderer, "render", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_scene(ObjectConfig(**TINY), tmp_path / "scene")
    assert list(tmp_path.iterdir()) == []


def test_refusals_come_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("s3im_methods.scenes.build.build_scene", lambda _: pytest.fail("work was done"))
    (tmp_path / "x").write_text("")
    with pytest.raises(InputError, match=r"is not empty"):
        write_scene(RoomConfig(**TINY), tmp_path)
    with pytest.raises(InputError, match=r"--fov is 1 degrees"):
        write_scene(RoomConfig(**TINY, fov=1.0), tmp_path / "new")


def test_a_failed_mesh_write_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(o3d.io, "write_triangle_mesh", lambda *_: False)
    with pytest.raises(InputError, match=r"cannot be written to .* \(Open3D could not write mesh\.ply\)\.$"):
        write_scene(ObjectConfig(**TINY), tmp_path / "scene")
    assert list(tmp_path.iterdir()) == []
