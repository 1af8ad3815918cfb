"""Every other lite method: trained, resumed, evaluated, rendered and exported by the commands that a user types."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open3d as o3d
import pytest
import trimesh
from ns_commands import assert_resuming_repeats, run, run_folder, train

from s3im_methods.metrics.surface import one_way, sample_surface

pytestmark = pytest.mark.slow

# What makes the method do within the few steps of these runs all that it does in a long one.
FLAGS = {
    "s3im-depth-nerfacto-lite": [],
    "s3im-mipnerf-lite": ["--pipeline.datamanager.scales", "1", "2"],
    "s3im-mipnerf360-lite": ["--pipeline.model.reflection", "ref-nerf"],
    "s3im-tensorf-lite": ["--pipeline.model.upsampling-iters", "10", "20", "40"],
    "s3im-dvgo-lite": ["--pipeline.model.coarse-steps", "15", "--pipeline.model.scaling-steps", "10", "25"],
    "s3im-neus-facto-lite": ["--pipeline.model.sdf-field.unlock-every", "10"],
}


@dataclass(frozen=True)
class Run:
    method: str
    folder: Path

    @property
    def config(self) -> list[str]:
        return ["--load-config", str(self.folder / "config.yml")]


@pytest.fixture(scope="module", params=FLAGS)
def other(request, room, tmp_path_factory) -> Run:
    out = tmp_path_factory.mktemp("runs")
    train(room, out, "--vis", "viewer+tensorboard", *FLAGS[request.param], method=request.param)
    return Run(request.param, run_folder(out, request.param))


def test_evaluation(other, tmp_path):
    run("ns-eval", *other.config, "--output-path", str(tmp_path / "m.json"))
    results = json.loads((tmp_path / "m.json").read_text())["results"]
    assert results["psnr"] > 8
    assert 0 < results["ssim"] < 1
    if other.method not in ("s3im-tensorf-lite", "s3im-dvgo-lite", "s3im-mipnerf-lite"):
        assert 0 < results["depth_abs_rel"] < 1
    if other.method == "s3im-mipnerf-lite":
        assert 2 * results["psnr"] == pytest.approx(results["psnr_scale_1"] + results["psnr_scale_2"], rel=1e-4)


def test_rendering(other, tmp_path):
    video = tmp_path / "video.mp4"
    flags = ["--pose-source", "eval", "--interpolation-steps", "2", "--rendered-output-names", "rgb", "depth"]
    run("ns-render", "interpolate", *other.config, "--output-path", str(video), *flags)
    assert video.stat().st_size > 500


@pytest.mark.parametrize("kind", ["pointcloud", "tsdf", "poisson"])
def test_exports(other, tmp_path, kind):
    points = ["--num-points", "3000", "--num-rays-per-batch", "1024"]
    flags = {
        "pointcloud": points,
        "tsdf": ["--resolution", "32", "--texture-method", "tsdf", "--downscale-factor", "1"],
        "poisson": [*points, "--texture-method", "point_cloud"],
    }[kind]
    run("ns-export", kind, *other.config, "--output-dir", str(tmp_path), *flags)
    if kind == "pointcloud":
        cloud = o3d.io.read_point_cloud(str(tmp_path / "point_cloud.ply"))  # pyright: ignore[reportArgumentType]
        assert len(cloud.points) > 1000
        assert np.linalg.norm(np.asarray(cloud.normals), axis=1).mean() == pytest.approx(1.0, abs=0.05)
    else:
        mesh = o3d.io.read_triangle_mesh(str(tmp_path / f"{kind}_mesh.ply"))  # pyright: ignore[reportArgumentType]
        assert len(mesh.triangles) > 50


def distances(mesh, to) -> np.ndarray:
    """Of 20000 points spread over one mesh to the nearest of as many on another."""
    spread = [sample_surface(np.asarray(each.vertices), np.asarray(each.faces), 20000, seed=0) for each in (mesh, to)]
    return one_way(*spread).distance


@pytest.mark.parametrize("other", ["s3im-neus-facto-lite"], indirect=True)
def test_where_the_signed_distance_is_0_the_room_is(other, room, tmp_path):
    flags = ["--output-dir", str(tmp_path), "--resolution", "64", "--components", "0"]
    assert "Level 0 of the sdf" in run("s3im", "export-mesh", *other.config, *flags)
    found, true = (trimesh.load_mesh(folder / "mesh.ply", process=False) for folder in (tmp_path, room))
    # Metres, of a room of 4 x 3 x 2.6; so few steps do not find its furniture.
    assert np.median(distances(found, true)) < 0.1
    assert found.bounds == pytest.approx(true.bounds, abs=0.5)


@pytest.mark.parametrize("other", ["s3im-neus-facto-lite"], indirect=True)
def test_marching_cubes(other, room, tmp_path):
    # 512 cells are the fewest that the command allows; a beam from wall to wall has few of them. Scene units.
    low, high = (-2.5, -0.1, 0.5), (2.5, 0.1, 0.7)
    flags = ["--resolution", "512", "--target-num-faces", "500", "--num-pixels-per-side", "64"]
    flags += ["--bounding-box-min", *map(str, low), "--bounding-box-max", *map(str, high)]
    run("ns-export", "marching-cubes", *other.config, "--output-dir", str(tmp_path), *flags)
    mesh = trimesh.load_mesh(tmp_path / "sdf_marching_cubes_mesh.ply", process=False)
    assert len(mesh.faces) > 500
    assert len(trimesh.load_mesh(tmp_path / "sdf_marching_cubes_mesh.obj").faces) == pytest.approx(500, abs=5)
    to_scene = json.loads((other.folder / "dataparser_transforms.json").read_text())
    turn, scale = np.array(to_scene["transform"]), to_scene["scale"]
    true = trimesh.load_mesh(room / "mesh.ply", process=False)
    true.vertices = scale * (true.vertices @ turn[:, :3].T + turn[:, 3])
    assert distances(mesh, true).max() < 0.3
    ends = mesh.vertices[:, 0]
    assert ends.min() < -1.5 and ends.max() > 1.5


def test_resuming_repeats_the_run_that_was_never_stopped(other, room, tmp_path):
    assert_resuming_repeats(room, other.folder, tmp_path, other.method, *FLAGS[other.method])
