"""The command line ``s3im export-mesh``: its bad input. A real run is exported by the end-to-end tests."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import trimesh

from s3im_methods.cli.main import main
from s3im_methods.exporters.mesh.extraction import ColouredMesh
from s3im_methods.exporters.mesh.marching import Triangles


def refusal(tmp_path, *flags) -> str:
    with pytest.raises(SystemExit) as error:
        main(["export-mesh", "--load-config", str(tmp_path / "config.yml"), "--output-dir", str(tmp_path), *flags])
    return str(error.value)


def test_wrong_flags(tmp_path):
    assert refusal(tmp_path, "--resolution", "7") == "--resolution is 7: give 8 or more."
    assert refusal(tmp_path, "--components", "-1") == "--components is -1: give 1 or more, or 0 for all."
    assert refusal(tmp_path, "--faces", "99") == "--faces is 99: give 100 or more."
    assert refusal(tmp_path, "--texture-size", "8") == "--texture-size is 8: give 16 or more."
    assert refusal(tmp_path, "--fusion-views", "0") == "--fusion-views is 0: give 1 or more."
    assert refusal(tmp_path, "--fusion-agreement", "0") == "--fusion-agreement is 0: give 1 or more."
    assert refusal(tmp_path, "--fusion-downscale", "nan") == "--fusion-downscale is nan: give 1 or more."


def test_a_crop_box_is_checked_before_the_run_is_loaded(tmp_path):
    answer = refusal(tmp_path, "--crop-min", "0", "1", "0", "--crop-max", "1", "1", "1")
    assert answer.startswith("The crop box is empty: along y it runs from 1 to 1. Give another --crop-min")
    answer = refusal(tmp_path, "--crop-max", "1", "nan", "1")
    assert answer == "--crop-max is 1 nan 1: give three finite numbers."
    assert "No config" in refusal(tmp_path, "--crop-max", "1", "1", "1")


def test_flags_without_effect(tmp_path):
    fusion = ["--method", "depth-fusion"]
    assert refusal(tmp_path, "--fusion-views", "5") == (
        "--fusion-views has no effect with --method level-set: leave it out."
    )
    assert "--level has no effect with --method depth-fusion" in refusal(tmp_path, *fusion, "--level", "3")
    assert "--texture-size has no effect without --texture" in refusal(tmp_path, "--texture-size", "512")
    assert "No config" in refusal(tmp_path, *fusion, "--fusion-views", "5", "--texture", "--texture-size", "512")


def test_all_exports_have_names_of_their_own(tmp_path, monkeypatch):
    """Both methods in every format, textured too, into one folder: no file is written twice by different exports."""
    ball = trimesh.creation.icosphere(1, 1.0)
    made = ColouredMesh(
        Triangles(np.asarray(ball.vertices), np.asarray(ball.faces, dtype=np.int64)),
        np.asarray(ball.vertices),
        np.zeros((len(ball.vertices), 3), np.uint8),
    )
    pipeline = SimpleNamespace(datamanager=None, device="cpu", model=None)
    outputs = SimpleNamespace(cameras=SimpleNamespace(to=lambda _: None))
    place = "s3im_methods.exporters.mesh"
    monkeypatch.setattr("s3im_methods.cli.export_mesh.load_run", lambda *_, **__: (None, pipeline, 0))
    monkeypatch.setattr(f"{place}.training_split.training_split", lambda _: outputs)
    monkeypatch.setattr(f"{place}.world_frame.world_frame", lambda _: None)
    monkeypatch.setattr(f"{place}.outline_level.surface_level", lambda _: None)
    monkeypatch.setattr(f"{place}.extraction.extract_mesh", lambda *_, **__: made)
    monkeypatch.setattr(f"{place}.appearance.surface_colours", lambda _, points, *__: np.zeros(points.shape, np.uint8))
    written = {}
    for method in ("level-set", "depth-fusion"):
        for ending in ("ply", "obj", "glb"):
            flags = ["--load-config", str(tmp_path / "c.yml"), "--output-dir", str(tmp_path / method / ending)]
            flags += ["--method", method, "--file-format", ending, "--texture", "--texture-size", "32"]
            main(["export-mesh", *flags])
            written[method, ending] = {path.name for path in (tmp_path / method / ending).iterdir()}
    assert written["level-set", "ply"] == {"mesh.ply", "mesh_textured.glb"}
    assert written["level-set", "obj"] == {
        "mesh.obj",
        "mesh_textured.obj",
        "mesh_textured.mtl",
        "mesh_textured.png",
    }
    assert written["depth-fusion", "glb"] == {"mesh_depth_fusion.glb", "mesh_depth_fusion_textured.glb"}
    level_set, fusion = (
        set().union(*(names for (method, _), names in written.items() if method == wanted))
        for wanted in ("level-set", "depth-fusion")
    )
    assert not level_set & fusion


def test_no_config(tmp_path):
    answer = refusal(tmp_path)
    assert answer == f"No config at '{tmp_path}/config.yml': give the config.yml that ns-train wrote for the run."


def test_the_command_imports_nothing_heavy():
    heavy = "{'torch', 'open3d', 'nerfstudio', 'numpy', 'PIL', 'trimesh', 'scipy', 'skimage', 'psutil'}"
    code = f"import sys, s3im_methods.cli.export_mesh; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
