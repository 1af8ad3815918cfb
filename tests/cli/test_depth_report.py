"""The command line ``s3im depth-report``."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from s3im_methods.cli.main import main
from s3im_methods.data.depth.picture import colour_depth
from s3im_methods.scenes import RoomConfig, write_scene


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    out = tmp_path_factory.mktemp("exact") / "room"
    config = RoomConfig(width=24, height=18, train_views=4, test_views=2, light_samples=4, supersampling=1)
    return write_scene(config, out)


def report(scene, tmp_path, capsys, *flags) -> str:
    main(["depth-report", str(scene), "--output-path", str(tmp_path / "r.png"), *flags])
    return capsys.readouterr().out


def test_table_and_picture(room, tmp_path, capsys):
    output = report(room, tmp_path, capsys, "--max-views", "2")
    meta = json.loads((room / "transforms.json").read_text())
    for frame in meta["frames"]:
        depth = np.load(room / frame["depth_npy_path"])
        row = next(line for line in output.splitlines() if frame["file_path"][7:] in line)
        low, middle, high = depth.min(), np.median(depth), depth.max()
        cells = [cell.strip() for cell in row.split("│")]
        assert cells[2] == "100.0"
        assert [float(cell) for cell in cells[4:7]] == pytest.approx([low, middle, high], abs=2e-3)
    assert "Depth of room from sensor: 6 of 6 images have depth, on 100.0 % of their pixels" in output
    assert "no effect" not in output
    picture = Image.open(tmp_path / "r.png")
    assert picture.width >= 2 * 24
    assert picture.height >= 2 * 18


def test_alignment_is_shown_with_its_residual(room, tmp_path, capsys):
    meta = json.loads((room / "transforms.json").read_text())
    for frame in meta["frames"]:
        name = f"{frame['file_path'][7:-4]}_mono.npy"
        np.save(room / name, 2 * np.load(room / frame["depth_npy_path"]) + 1)
        frame["mono_depth_file_path"] = name
    path = room / "mono.json"
    path.write_text(json.dumps(meta))
    output = report(path, tmp_path, capsys, "--depth.source", "monocular")
    fits = re.findall(r"x ([\d.]+) - ([\d.]+), off by ([\d.]+) %, \d+ % of 432 px fit", output)
    assert len(fits) == 6
    # The sensor's millimetres are rounded.
    assert np.array(fits, dtype=float) == pytest.approx(np.tile([0.5, 0.5, 0.01], (6, 1)), abs=0.02)


def test_sentences_name_the_flags_of_this_command(room, tmp_path, capsys):
    with pytest.raises(SystemExit) as refusal:
        report(room, tmp_path, capsys, "--depth.far", "0")
    assert str(refusal.value) == "--depth.far is 0 metres where --depth.near is 0: give a larger one, or drop it."
    with pytest.raises(SystemExit) as refusal:
        report(room, tmp_path, capsys, "--depth.source", "monocular")
    assert "There is no monocular depth in" in str(refusal.value)
    assert "--pipeline" not in str(refusal.value)
    with pytest.raises(SystemExit) as refusal:
        report(room, tmp_path, capsys, "--max-views", "0")
    assert str(refusal.value) == "--max-views is 0: give 1 or more."


def test_a_scene_of_another_parser_is_for_another_command(tmp_path, capsys):
    (tmp_path / "my scan").mkdir()
    (tmp_path / "my scan" / "cameras_sphere.npz").touch()
    with pytest.raises(SystemExit) as refusal:
        report(tmp_path / "my scan", tmp_path, capsys)
    assert str(refusal.value).endswith(
        "this command reads only transforms.json; check the scene with `s3im check "
        f"'{tmp_path}/my scan' --dataparser idr-data`."
    )


def test_no_depth_is_grey_and_near_differs_from_far():
    colours = colour_depth(np.array([[0.0, 1.0, 2.0]]), 1.0, 2.0)
    assert colours[0, 0].tolist() == [205, 205, 205]
    assert colours[0, 1, 2] > colours[0, 1, 0]
    assert colours[0, 2, 0] > colours[0, 2, 2]


def test_commands_import_nothing_heavy():
    heavy = "{'torch', 'open3d', 'nerfstudio', 'numpy', 'PIL', 'cv2'}"
    modules = "s3im_methods.cli.depth_report, s3im_methods.cli.render_depth"
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unit_and_constants_for_no_reading_are_shown(room, tmp_path, capsys):
    meta = json.loads((room / "transforms.json").read_text())
    for frame in meta["frames"]:
        depth = np.load(room / frame["depth_npy_path"]).astype(np.float32)
        depth[0, :5], depth[1, 0] = 1e10, np.nan
        frame["depth_file_path"] = f"{frame['file_path'][7:-4]}_sky.npy"
        np.save(room / frame["depth_file_path"], depth)
    path = room / "sky.json"
    path.write_text(json.dumps(meta))
    output = report(path, tmp_path, capsys)
    assert output.count("1, 1e+10 x 5") == 6
    assert "floating-point numbers count 1 metre each (assumed), as depth along the viewing axis (assumed)" in output
    assert "These stored depth values are treated as no reading: 1e+10 (20 times)." in output


def test_rows_tell_cameras_apart(room, tmp_path, capsys):
    meta = json.loads((room / "transforms.json").read_text())
    meta = {key: value for key, value in meta.items() if not key.endswith("_filenames")}
    for index, frame in enumerate(meta["frames"]):
        place = room / f"images/cam{index % 2}" / f"{index // 2}.png"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes((room / frame["file_path"]).read_bytes())
        frame["file_path"] = place.relative_to(room).as_posix()
    path = room / "cameras.json"
    path.write_text(json.dumps(meta))
    output = report(path, tmp_path, capsys)
    assert all(f"cam{camera}/{number}.png" in output for camera in (0, 1) for number in (0, 1, 2))
