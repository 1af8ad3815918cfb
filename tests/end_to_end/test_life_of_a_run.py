"""ns-train, ns-eval, ns-render, ns-export and s3im overview, as a user types them, on a machine without a GPU."""

import contextlib
import json
import subprocess
import time
import urllib.request

import numpy as np
import open3d as o3d
import pytest
from ns_commands import METHOD, STEPS, assert_resuming_repeats, free_port, program, run, train
from PIL import Image

pytestmark = pytest.mark.slow


def test_training_leaves_config_checkpoint_and_events(trained):
    assert (trained / "config.yml").exists()
    assert [path.name for path in (trained / "nerfstudio_models").iterdir()] == [f"step-{STEPS - 1:09d}.ckpt"]
    assert list(trained.glob("events.out.tfevents*"))


def test_ns_eval(trained, tmp_path):
    output = run("ns-eval", "--load-config", str(trained / "config.yml"), "--output-path", str(tmp_path / "m.json"))
    results = json.loads((tmp_path / "m.json").read_text())["results"]
    assert results["psnr"] > 8
    assert "lpips" not in results
    assert output.count("LPIPS is unavailable") == 1


@pytest.mark.parametrize("kind", ["interpolate", "spiral", "camera-path"])
def test_ns_render(trained, tmp_path, kind):
    flags = {
        "interpolate": ["--pose-source", "eval", "--interpolation-steps", "2"],
        "spiral": ["--seconds", "0.2", "--radius", "0.1"],
        "camera-path": ["--camera-path-filename", str(camera_path(tmp_path / "path.json"))],
    }[kind]
    video = tmp_path / "video.mp4"
    run("ns-render", kind, "--load-config", str(trained / "config.yml"), "--output-path", str(video), *flags)
    assert video.stat().st_size > 500


def camera_path(path):
    """The file that the viewer's render tab saves: two key frames' cameras, 32 x 24."""
    pose = [1, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1]
    cameras = [{"camera_to_world": pose, "fov": 60, "aspect": 4 / 3} for _ in range(2)]
    path.write_text(
        json.dumps(
            {
                "camera_type": "perspective",
                "render_height": 24,
                "render_width": 32,
                "fps": 2,
                "seconds": 1,
                "camera_path": cameras,
            }
        )
    )
    return path


def test_ns_render_dataset(trained, tmp_path):
    names = ["rgb", "gt-rgb", "depth"]
    config = ["--load-config", str(trained / "config.yml"), "--output-path", str(tmp_path)]
    run("ns-render", "dataset", *config, "--split", "test", "--rendered-output-names", *names)
    for name in names:
        images = list((tmp_path / "test" / name).rglob("*.jpg"))
        assert len(images) == 3
        assert Image.open(images[0]).size == (32, 24)


@pytest.mark.parametrize("kind", ["pointcloud", "tsdf", "poisson", "cameras"])
def test_ns_export(trained, tmp_path, kind):
    flags = {
        "pointcloud": ["--num-points", "3000", "--num-rays-per-batch", "1024"],
        "tsdf": ["--resolution", "32", "--texture-method", "tsdf", "--downscale-factor", "1"],
        "poisson": ["--num-points", "3000", "--num-rays-per-batch", "1024", "--texture-method", "point_cloud"],
        "cameras": [],
    }[kind]
    run("ns-export", kind, "--load-config", str(trained / "config.yml"), "--output-dir", str(tmp_path), *flags)
    if kind == "cameras":
        assert len(json.loads((tmp_path / "transforms_train.json").read_text())) == 8
    elif kind == "pointcloud":
        cloud = o3d.io.read_point_cloud(str(tmp_path / "point_cloud.ply"))  # pyright: ignore[reportArgumentType]
        assert len(cloud.points) > 1000
        assert np.linalg.norm(np.asarray(cloud.normals), axis=1).mean() == pytest.approx(1.0, abs=0.05)
    else:
        mesh = o3d.io.read_triangle_mesh(str(tmp_path / f"{kind}_mesh.ply"))  # pyright: ignore[reportArgumentType]
        assert len(mesh.triangles) > 50
        assert len(mesh.vertex_colors) == len(mesh.vertices)
        # The default volume of tsdf reaches from -1 to 1, with 32 voxels.
        assert kind == "poisson" or np.abs(np.asarray(mesh.vertices)).max() < 1 + 2 / 32


def test_overview(trained, tmp_path):
    picture = tmp_path / "overview.png"
    run("s3im", "overview", "--load-config", str(trained / "config.yml"), "--output-path", str(picture))
    image = np.asarray(Image.open(picture))
    assert image.shape[1] >= 4 * 32
    assert image.std() > 20


def test_resuming_ends_where_the_run_would_and_repeats_it(room, trained, tmp_path):
    assert_resuming_repeats(room, trained, tmp_path, METHOD)


def test_resuming_a_finished_run_changes_nothing(room, trained, tmp_path):
    checkpoints = trained / "nerfstudio_models"
    output = train(room, tmp_path, "--vis", "viewer", "--load-dir", str(checkpoints))
    assert f"Nothing to train: the checkpoint has {STEPS} steps" in output


def test_methods_are_listed_with_their_descriptions():
    output = run("ns-train", "--help")
    assert "s3im-nerfacto" in output
    assert "trained with S3IM" in output


def test_ns_viewer_serves_a_trained_run(trained, tmp_path):
    port = free_port()
    flags = ["--load-config", str(trained / "config.yml"), "--viewer.websocket-port", str(port)]
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen([str(program("ns-viewer")), *flags], stdout=file, stderr=subprocess.STDOUT)
    try:
        page = b""
        deadline = time.monotonic() + 180
        while b"<html" not in page and time.monotonic() < deadline and process.poll() is None:
            time.sleep(1)
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5) as answer:
                page = answer.read()
        assert b"<html" in page, log.read_text()[-3000:]
    finally:
        process.terminate()
        process.wait(timeout=30)
