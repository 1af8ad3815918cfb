"""The command line ``s3im compare``: its bad input, and a whole comparison of a few steps."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from s3im_methods.cli.main import main
from s3im_methods.compare.results import only_one
from s3im_methods.compare.schedule import Failure
from s3im_methods.scenes import RoomConfig, write_scene


def refusal(tmp_path, *flags) -> str:
    with pytest.raises(SystemExit) as error:
        methods = [] if "--methods" in flags else ["--methods", "m"]
        main(["compare", *methods, "--scenes", "s", "--output-dir", str(tmp_path / "out"), *flags])
    assert not (tmp_path / "out").exists()
    return str(error.value)


def test_wrong_flags(tmp_path):
    for flag in ("--seeds", "--max-num-iterations", "--held-out-views", "--jobs", "--curve-points"):
        assert refusal(tmp_path, flag, "0") == f"{flag} is 0: give 1 or more."
    assert refusal(tmp_path, "--seconds", "nan") == "--seconds is nan: give a number above 0."
    assert refusal(tmp_path, "--mesh-resolution", "4") == "--mesh-resolution is 4: give 8 or more."
    assert refusal(tmp_path, "--mesh-thresholds", "0.1", "0") == (
        "--mesh-thresholds is '0.1 0': give one or more distances above 0."
    )
    assert refusal(tmp_path, "--methods") == "--methods is empty: give one or more."
    assert refusal(tmp_path, "--axes", "loss=x") == (
        "The axis loss has no value 'x': give some of none, s3im, add, keep, control, patch, both."
    )
    assert refusal(tmp_path, "--set", "x").startswith("'x' is no setting: give FIELD.PATH=VALUE")
    assert refusal(tmp_path).startswith("No method 'm': give one of s3im-depth-nerfacto")


def test_the_command_imports_nothing_heavy():
    heavy = "{'torch', 'open3d', 'nerfstudio', 'numpy', 'PIL', 'trimesh', 'scipy', 'skimage', 'psutil'}"
    code = f"import sys, s3im_methods.cli.compare; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def room(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("scenes") / "room"
    write_scene(RoomConfig(width=32, height=24, train_views=8, test_views=3, supersampling=1, light_samples=4), out)
    return out


def failing(jobs, at_once, say):
    """No run is made: the first fails."""
    return [Failure(jobs[0], "The reason.")] if jobs else []


def interrupted(jobs, at_once, say):
    """The first run is made; then comes Ctrl-C."""
    jobs[0].folder.mkdir(parents=True)
    known = {"id": jobs[0].id, "method": jobs[0].method, "scene": "room", "seed": 0, "variant": jobs[0].variant}
    jobs[0].result.write_text(json.dumps({**known, "metrics": {"psnr": 20.0}}))
    raise KeyboardInterrupt


def test_tables_and_page_are_written_whatever_happens(room, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    given = asked(room, out)
    where = f"This table is in {out / 'results.md'}; curves and pictures are in {out / 'report.html'}."

    def call(*flags: str) -> str:
        for name in ("report.html", "results.md", "results.csv"):
            (out / name).unlink(missing_ok=True)
        with pytest.raises(SystemExit) as ended:
            main([*given, "--seeds", "1", "--axes", *flags])
        said = capsys.readouterr().out
        assert all((out / name).is_file() for name in ("report.html", "results.md", "results.csv"))
        assert (out / "results.md").read_text() in said and where in said
        return f"{ended.value.code}: {said.splitlines()[-1]}"

    monkeypatch.setattr("s3im_methods.compare.schedule.make_runs", failing)
    last = call("loss=none")
    assert last.startswith("1: room, s3im-nerfacto-lite, loss=none, seed 0 failed: The reason. See ")
    assert "No run is finished yet." in (out / "report.html").read_text()
    monkeypatch.setattr("s3im_methods.compare.schedule.make_runs", interrupted)
    assert call("loss=none,s3im") == "130: Next: open that page in a browser."
    assert "| room | s3im-nerfacto-lite | none | 1 | 20.00 |" in (out / "results.md").read_text()
    monkeypatch.setattr("s3im_methods.compare.schedule.make_runs", failing)
    # Nothing is missing.
    (out / "report.html").unlink()
    main([*given, "--seeds", "1", "--axes", "loss=none"])
    assert where in capsys.readouterr().out and (out / "report.html").is_file()


def all_done(jobs, at_once, say):
    """Every run is made."""
    for job in jobs:
        job.folder.mkdir(parents=True)
        job.result.write_text(json.dumps({"id": job.id}))
    return []


def asked(scene: Path, out: Path) -> list[str]:
    return ["compare", "--methods", "s3im-nerfacto-lite", "--scenes", str(scene), "--output-dir", str(out)]


def test_a_second_call_finds_the_runs_of_the_first_whatever_the_order_of_the_axes(room, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("s3im_methods.compare.schedule.make_runs", all_done)
    for axes, said in {
        ("loss=none", "views=3"): "1 runs, of which 0",
        ("views=3", "loss=none"): "1 runs, of which 1",
    }.items():
        main([*asked(room, tmp_path / "out"), "--seeds", "1", "--axes", *axes])
        assert said in capsys.readouterr().out


def test_one_comparison_at_a_time_works_in_a_folder(room, tmp_path, monkeypatch):
    monkeypatch.setattr("s3im_methods.compare.schedule.make_runs", all_done)
    with only_one(tmp_path), pytest.raises(SystemExit) as refusal:
        main(asked(room, tmp_path))
    assert str(refusal.value).startswith(f"Another s3im compare is at work in '{tmp_path}'")


def test_the_scene_of_a_folder_may_not_change(room, tmp_path, monkeypatch):
    monkeypatch.setattr("s3im_methods.compare.schedule.make_runs", all_done)
    scene = shutil.copytree(room, tmp_path / "room")
    given = asked(scene, tmp_path / "out")
    main([*given, "--seeds", "1"])
    meta = json.loads((scene / "transforms.json").read_text())
    (scene / "transforms.json").write_text(json.dumps({**meta, "fl_x": meta["fl_x"] * 1.1}))
    with pytest.raises(SystemExit) as refusal:
        main([*given, "--seeds", "2"])
    assert "holds runs on another scene 'room', or that scene, its split or its scale has changed" in str(refusal.value)


def test_runs_of_a_folder_are_evaluated_at_the_same_scales(room, tmp_path, monkeypatch):
    monkeypatch.setattr("s3im_methods.compare.schedule.make_runs", all_done)
    given = [*asked(room, tmp_path / "out"), "--seeds", "1", "--axes"]
    main([*given, "scales=1,1+2"])
    # A second call may ask for some of the values if the scales of evaluation stay the same.
    main([*given, "scales=1+2"])
    with pytest.raises(SystemExit) as refusal:
        main([*given, "scales=1,1+4"])
    assert "holds runs that were evaluated with other scales of the scene 'room', made by: " in str(refusal.value)


def command(room: Path, out: Path, *flags: str, rays: int = 64) -> list[str]:
    """Of a comparison of 8 steps."""
    program = str(Path(sys.executable).parent / "s3im")
    given = [program, "compare", "--methods", "s3im-nerfacto-lite", "--scenes", str(room), "--output-dir", str(out)]
    settings = ["--set", f"pipeline.datamanager.train-num-rays-per-batch={rays}", "machine.device-type=cpu"]
    return [*given, "--max-num-iterations", "8", "--curve-points", "2", "--held-out-views", "2", *settings, *flags]


def compare(room: Path, out: Path, *flags: str, status: int = 0, rays: int = 64) -> str:
    done = subprocess.run(
        command(room, out, *flags, rays=rays), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == status, done.stdout[-3000:]
    return done.stdout


@pytest.mark.slow
def test_a_comparison_and_what_a_second_call_adds(room, tmp_path):
    out = tmp_path / "out"
    first = compare(room, out, "--seeds", "1", "--axes", "loss=none,s3im", "--jobs", "2")
    assert "2 runs, of which 0 are done." in first and "[2/2] room, s3im-nerfacto-lite, loss=" in first
    runs = {path.parent.name: path.stat().st_mtime_ns for path in out.glob("runs/*/run.json")}
    assert sorted(runs) == [f"room.s3im-nerfacto-lite.loss-{value}.seed-0" for value in ("none", "s3im")]
    second = compare(room, out, "--seeds", "2", "--axes", "loss=none,s3im")
    assert "4 runs, of which 2 are done." in second
    later = {path.parent.name: path.stat().st_mtime_ns for path in out.glob("runs/*/run.json")}
    assert len(later) == 4 and {name: later[name] for name in runs} == runs
    with (out / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["loss"], row["minus"], row["psnr_n"]) for row in rows] == [
        ("none", "", "2"),
        ("s3im", "", "2"),
        ("s3im", "none", "2"),
    ]
    found = [json.loads(path.read_text()) for path in sorted(out.glob("runs/*s3im.seed-*/run.json"))]
    mean = sum(run["metrics"]["psnr"] for run in found) / 2
    assert float(rows[1]["psnr"]) == pytest.approx(mean)
    assert (out / "results.md").read_text().strip() in second
    assert (out / "report.html").stat().st_size > 20_000
    assert (out / "pictures.jpg").stat().st_size > 5_000
    assert "holds runs with other settings" in compare(room, out, status=1, rays=32)


@pytest.mark.slow
def test_the_command_of_a_run_is_the_same_training(room, tmp_path):
    compare(room, tmp_path / "out", "--seeds", "1", "--axes", "loss=control", "corruption=noise")
    (path,) = tmp_path.glob("out/runs/*/run.json")
    typed = json.loads(path.read_text())["command"]
    program = Path(sys.executable).parent / "ns-train"
    where = f"--output-dir {tmp_path / 'typed'} --viewer.quit-on-train-completion True"
    subprocess.run(f"{program} {typed.removeprefix('ns-train ')} {where}", shell=True, check=True, capture_output=True)
    (ours,), (theirs,) = path.parent.rglob("*.ckpt"), (tmp_path / "typed").rglob("*.ckpt")
    assert ours.name == theirs.name == "step-000000007.ckpt"
    first, second = (torch.load(file, map_location="cpu", weights_only=False)["pipeline"] for file in (ours, theirs))
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_run_that_fails_stops_no_other_and_a_kill_leaves_whole_results(room, tmp_path):
    out, scene = tmp_path / "out", tmp_path / "scene"
    shutil.copytree(room, scene)
    axis = "optimizers.fields.optimizer.lr"
    said = compare(scene, out, "--seeds", "1", "--axes", f"{axis}=1e38,0.01", status=1)
    assert "1e38, seed 0: failed: " in said and "0.01, seed 0: done in " in said
    assert said.splitlines()[-1].endswith("log.txt.") and "1e38, seed 0 failed: " in said.splitlines()[-1]
    # A third variant, killed while it trains.
    flags = ["--seeds", "1", "--axes", f"{axis}=0.01,0.02"]
    ours = subprocess.Popen(command(scene, out, *flags), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (log,) = wait_for(lambda: list(out.glob("runs/*0.02.*seed-0/log.txt")))
    ours.send_signal(signal.SIGTERM)
    assert ours.wait(timeout=60) == 130
    assert not (log.parent / "run.json").exists()
    assert f"{log.parent.name}</code>: it is not finished" in (out / "report.html").read_text()
    assert compare(scene, out, *flags).count("done in") == 1
    assert (log.parent / "run.json").exists()


@pytest.mark.slow
def test_nerfstudios_own_methods_beside_ours(room, tmp_path):
    out = tmp_path / "out"
    program = str(Path(sys.executable).parent / "s3im")
    given = ["compare", "--methods", "s3im-tensorf-lite", "tensorf", "--scenes", str(room), "--output-dir", str(out)]
    axis = ["--axes", "pipeline.datamanager.train-num-rays-per-batch=64"]
    few = ["--seeds", "1", "--max-num-iterations", "3", "--held-out-views", "1", "--curve-points", "2"]
    done = subprocess.run(
        [program, *given, *axis, *few, "--dataparser", "nerfstudio-data"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    with (out / "results.csv").open() as file:
        assert [row["method"] for row in csv.DictReader(file) if row["psnr"]] == ["s3im-tensorf-lite", "tensorf"]


def wait_for(condition, seconds: float = 120.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found
