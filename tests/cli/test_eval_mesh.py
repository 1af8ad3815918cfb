"""The command line ``s3im eval-mesh``."""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from s3im_methods.cli.main import main
from s3im_methods.scenes import RoomConfig, write_scene


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    out = tmp_path_factory.mktemp("measured") / "room"
    config = RoomConfig(width=24, height=18, train_views=4, test_views=2, light_samples=4, supersampling=1)
    return write_scene(config, out)


@pytest.fixture(scope="module")
def balls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("balls")
    for name, radius in (("small", 1.0), ("large", 1.03)):
        trimesh.creation.icosphere(4, radius).export(folder / f"{name}.ply")
    return folder


def judged(tmp_path, predicted, reference, *flags):
    files = ["--output-path", str(tmp_path / "m" / "e.json"), "--picture-path", str(tmp_path / "m" / "e.png")]
    main(["eval-mesh", str(predicted), str(reference), "--samples", "50000", *files, *flags])
    return json.loads((tmp_path / "m" / "e.json").read_text())


def test_what_hides_points_needs_a_scene(balls, tmp_path):
    with pytest.raises(SystemExit, match="--occluder reference has no effect without --scene: give the scene"):
        judged(tmp_path, balls / "large.ply", balls / "small.ply", "--occluder", "reference")


def test_table_json_and_picture(balls, tmp_path, capsys):
    found = judged(tmp_path, balls / "large.ply", balls / "small.ply", "--unit", "mm")
    output = capsys.readouterr().out
    # Points lie sqrt(4 pi / 50000) = 0.016 apart, which adds a little to each distance.
    assert found["accuracy"] == pytest.approx(0.031, abs=1e-3)
    assert [at["threshold"] for at in found["at"]] == [0.01, 0.02, 0.05]
    assert [at["f_score"] for at in found["at"]] == pytest.approx([0, 0, 1], abs=1e-3)
    assert (found["unit"], found["samples"], found["align"], found["scene"]) == ("mm", 50000, "none", None)
    assert found["sample_spacing"]["reference"] == pytest.approx(0.0158, abs=2e-4)
    for words in ("mean distance (mm)", "(accuracy)", "(completeness)", "Chamfer-L1", "within 0.05 mm", "(recall)"):
        assert words in output
    assert "Points lie 0.016 mm apart on the prediction" in output
    assert Image.open(tmp_path / "m" / "e.png").width > 1000


def test_a_seed_repeats_and_equal_meshes_get_different_points(balls, tmp_path):
    same = [balls / "small.ply"] * 2
    first, again = (judged(tmp_path, *same, "--seed", "5") for _ in range(2))
    other = judged(tmp_path, *same, "--seed", "6")
    assert first == again
    assert first["accuracy"] != other["accuracy"]
    assert first["accuracy"] == pytest.approx(0.5 * first["sample_spacing"]["reference"], rel=0.05)


def test_alignment_is_off_unless_asked_for_and_then_reported(balls, tmp_path, capsys):
    trimesh.load(balls / "large.ply").apply_translation([0.2, 0, 0]).export(tmp_path / "moved.ply")
    assert judged(tmp_path, tmp_path / "moved.ply", balls / "small.ply")["accuracy"] > 0.08
    capsys.readouterr()
    found = judged(tmp_path, tmp_path / "moved.ply", balls / "small.ply", "--align", "similarity")
    assert found["accuracy"] < 0.01
    assert np.cbrt(np.linalg.det(np.array(found["alignment"])[:3, :3])) == pytest.approx(1 / 1.03, abs=2e-3)
    assert "The prediction was aligned (similarity): moved by " in capsys.readouterr().out


def test_culling_forgives_what_no_camera_sees(room, tmp_path, capsys):
    """A box far outside the room costs accuracy, unless only what the cameras see counts."""
    true = trimesh.load(room / "mesh.ply", process=False)
    outside = trimesh.creation.box((4, 4, 4), trimesh.transformations.translation_matrix([30, 0, 0]))
    trimesh.util.concatenate([true, outside]).export(tmp_path / "more.ply")
    all_of_it = judged(tmp_path, tmp_path / "more.ply", room / "mesh.ply")
    seen = judged(tmp_path, tmp_path / "more.ply", room / "mesh.ply", "--scene", str(room))
    assert all_of_it["accuracy"] > 1
    assert seen["accuracy"] < 0.05
    assert 0.2 < seen["kept_share"]["predicted"] < seen["kept_share"]["reference"] < 1
    assert "share that counts" in capsys.readouterr().out


def test_a_surface_that_is_too_deep_counts_unless_the_reference_hides_it(room, tmp_path):
    true: Any = trimesh.load(room / "mesh.ply", process=False)
    centre = true.bounds.mean(axis=0)
    true.vertices = centre + 1.2 * (true.vertices - centre)
    true.export(tmp_path / "deep.ply")
    flags = ["--scene", str(room), "--thresholds", "0.05"]
    own = judged(tmp_path, tmp_path / "deep.ply", room / "mesh.ply", *flags)
    reference = judged(tmp_path, tmp_path / "deep.ply", room / "mesh.ply", *flags, "--occluder", "reference")
    assert own["kept_share"]["predicted"] > 2 * reference["kept_share"]["predicted"] > 0
    assert own["accuracy"] > 0.1


def refusal(*words) -> str:
    with pytest.raises(SystemExit) as error:
        main(["eval-mesh", *map(str, words)])
    return str(error.value)


def test_wrong_flags(balls):
    pair = [balls / "small.ply", balls / "large.ply"]
    assert refusal(*pair, "--thresholds", "0.1", "0") == "--thresholds is '0.1 0': give one or more distances above 0."
    assert refusal(*pair, "--samples", "10") == "--samples is 10: give 1000 or more."
    assert refusal(*pair, "--seed", "-1") == "--seed is -1: give 0 or more."


def test_nothing_is_left_after_culling(room, tmp_path):
    trimesh.creation.box((1, 1, 1), trimesh.transformations.translation_matrix([0, 0, 900])).export(
        tmp_path / "far.ply"
    )
    answer = refusal(tmp_path / "far.ply", room / "mesh.ply", "--scene", room, "--samples", "2000")
    assert "sees any of" in answer
    assert "far.ply': give a mesh in the coordinates of that scene's transforms.json, or leave out --scene." in answer


def test_the_command_imports_nothing_heavy():
    heavy = "{'torch', 'open3d', 'nerfstudio', 'numpy', 'PIL', 'trimesh', 'scipy'}"
    code = f"import sys, s3im_methods.cli.eval_mesh; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
