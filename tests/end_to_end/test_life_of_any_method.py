"""Methods that are not of this package, trained with S3IM and used by the commands that a user types, offline."""

import contextlib
import json
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest
from headless_browser import needs_browser, open_browser
from ns_commands import free_port, program, run

pytestmark = pytest.mark.slow

_SMALL = ["--pipeline.model.num-levels", "4", "--pipeline.model.log2-hashmap-size", "10"]
_SMALL += ["--pipeline.model.max-res", "64", "--pipeline.model.hidden-dim", "16", "--pipeline.model.hidden-dim-color"]
_SMALL += ["16", "--pipeline.model.num-proposal-samples-per-ray", "16", "8"]
_SMALL += ["--pipeline.model.num-nerf-samples-per-ray", "8"]
_COARSE = ["--pipeline.model.num-coarse-samples", "8", "--pipeline.model.num-importance-samples", "8"]
FLAGS = {"nerfacto": [*_SMALL, "--pipeline.model.hash-grids", "fused"], "vanilla-nerf": _COARSE, "toy": []}


def train(method: str, scene: Path, out: Path, steps: int, *flags: str) -> str:
    places = ["--output-dir", str(out), "--experiment-name", "run", "--timestamp", "one", "--vis", "tensorboard"]
    rays = ["--pipeline.datamanager.train-num-rays-per-batch", "64", "--max-num-iterations", str(steps)]
    parser = ["nerfstudio-data"] if method == "vanilla-nerf" else []
    return run("s3im", "train", method, "--data", str(scene), *places, *rays, *flags, *FLAGS[method], *parser)


@pytest.fixture
def with_the_toy(monkeypatch):
    folder = Path(__file__).parents[1] / "models" / "any_method"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(folder)))))
    monkeypatch.setenv("NERFSTUDIO_METHOD_CONFIGS", "toy=toy_plugin:toy")


@pytest.mark.parametrize("method", FLAGS)
def test_train_resume_evaluate_and_render_in_fresh_processes(method, room, tmp_path, with_the_toy):
    said = train(method, room, tmp_path, 6)
    assert "Training on the CPU; S3IM's weight: 0.1" in said and "wandb" not in said.split("Config File")[-1]
    folder = tmp_path / "run" / f"{method}+s3im" / "one"
    assert "Done loading" in train(method, room, tmp_path, 9, "--load-dir", str(folder / "nerfstudio_models"))
    (checkpoint,) = (folder / "nerfstudio_models").glob("*.ckpt")
    assert checkpoint.name == "step-000000008.ckpt"
    config = ["--load-config", str(folder / "config.yml")]
    run("ns-eval", *config, "--output-path", str(tmp_path / "m.json"))
    results = json.loads((tmp_path / "m.json").read_text())
    assert results["method_name"] == f"{method}+s3im" and results["results"]["psnr"] > 3
    if method == "nerfacto":
        assert 0 < results["results"]["ssim"] < 1
        video = tmp_path / "video.mp4"
        frames = ["--pose-source", "eval", "--interpolation-steps", "2", "--rendered-output-names", "rgb", "depth"]
        run("ns-render", "interpolate", *config, "--output-path", str(video), *frames)
        assert video.stat().st_size > 500
    elif method == "vanilla-nerf":
        # Its outputs have names of their own.
        run("s3im", "render-depth", *config, "--output-dir", str(tmp_path / "depth"))
        points = ["--num-points", "100", "--num-rays-per-batch", "256", "--normal-method", "open3d"]
        run("ns-export", "pointcloud", *config, "--output-dir", str(tmp_path), *points, "--save-world-frame", "False")
        assert b"element vertex 100" in (tmp_path / "point_cloud.ply").read_bytes()
    else:
        said = run("s3im", "train", method, "--load-config", str(folder / "config.yml"), "--max-num-iterations", "12")
        assert "Done loading" in said and "no effect" not in said
        assert (folder / "nerfstudio_models" / "step-000000011.ckpt").exists()


@needs_browser
def test_the_viewer_shows_a_run_in_a_browser(room, tmp_path):
    train("nerfacto", room, tmp_path, 2)
    config, port = tmp_path / "run" / "nerfacto+s3im" / "one" / "config.yml", free_port()
    command = [str(program("ns-viewer")), "--load-config", str(config), "--viewer.websocket-port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as viewer:
        browser = open_browser("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--window-size=400,300")
        try:
            _wait_for_server(port, viewer)
            browser.get(f"http://localhost:{port}")
            values = "return [...document.querySelectorAll('input')].map(each => each.value)"
            deadline = time.monotonic() + 300
            # The panel offers a model's outputs when a first picture has been rendered.
            while "rgb" not in browser.execute_script(values):
                assert time.monotonic() < deadline, "no picture was rendered"
                time.sleep(0.5)
            assert "Output type" in browser.find_element("tag name", "body").text
        finally:
            browser.quit()
            viewer.kill()


def _wait_for_server(port: int, viewer: subprocess.Popen) -> None:
    deadline = time.monotonic() + 300
    while True:
        assert viewer.poll() is None and time.monotonic() < deadline, "the viewer does not start"
        with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
            return
        time.sleep(0.5)


def test_a_broken_plugin_is_named(monkeypatch, tmp_path):
    info = tmp_path / "bad_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nerfstudio.method_configs]\nbad = bad_plugin_module:bad\n")
    (tmp_path / "bad_plugin_module.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(tmp_path)))))
    said = run("s3im", "train", "nerfacto", "--help", fails=True)
    assert "The plugin bad-plugin cannot be imported" in said and "pip uninstall bad-plugin" in said
    assert "Traceback" not in said and "no_such_module_anywhere" in said
