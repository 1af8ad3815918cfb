"""A mesh of a trained run, and its judgement, by the commands that a user types."""

import json
from typing import Any

import numpy as np
import pytest
import trimesh
from ns_commands import run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("method", ["level-set", "depth-fusion"])
def test_a_run_becomes_a_mesh_that_can_be_judged(trained, room, tmp_path, method):
    flags = ["--load-config", str(trained / "config.yml"), "--output-dir", str(tmp_path), "--method", method]
    output = run("s3im", "export-mesh", *flags, "--resolution", "64", "--components", "0")
    assert "in the units and axes of the data" in output
    path = tmp_path / ("mesh.ply" if method == "level-set" else "mesh_depth_fusion.ply")
    mesh: Any = trimesh.load(path, process=False)
    assert len(mesh.faces) > 100
    assert np.unique(mesh.visual.vertex_colors, axis=0).shape[0] > 10
    pair = [str(path), str(room / "mesh.ply")]
    files = ["--output-path", str(tmp_path / "e.json"), "--picture-path", str(tmp_path / "e.png")]
    output = run("s3im", "eval-mesh", *pair, *files, "--unit", "m", "--samples", "20000", "--scene", str(room))
    assert "Chamfer-L1" in output
    found = json.loads((tmp_path / "e.json").read_text())
    # After so few steps there is no shape to judge; that meshes come in the data's units is tested on a ball.
    assert all(0 < found[name] < float("inf") for name in ("accuracy", "completeness"))
    assert (tmp_path / "e.png").is_file()
