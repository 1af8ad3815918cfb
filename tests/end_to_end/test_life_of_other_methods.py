"""Every other lite method: trained, resumed, evaluated, rendered and exported by the commands that a user types."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open3d as o3d
import pytest
from ns_commands import assert_resuming_repeats, run, run_folder, train

pytestmark = pytest.mark.slow

# What makes the method do within the few steps of these runs all that it does in a long one.
FLAGS = {
    "s3im-depth-nerfacto-lite": [],
    "s3im-tensorf-lite": ["--pipeline.model.upsampling-iters", "10", "20", "40"],
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
    if other.method != "s3im-tensorf-lite":
        assert 0 < results["depth_abs_rel"] < 1


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


def test_resuming_repeats_the_run_that_was_never_stopped(other, room, tmp_path):
    assert_resuming_repeats(room, other.folder, tmp_path, other.method, *FLAGS[other.method])
