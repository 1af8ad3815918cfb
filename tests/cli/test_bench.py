"""The command line ``s3im bench``."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from s3im_methods.bench import plan
from s3im_methods.bench.row import Row, read_rows, write_rows
from s3im_methods.bench.table import table_lines
from s3im_methods.cli.main import main

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
STEP = Row("step", "ours", "stock", "times", "ms", [60.0, 62.0, 90.0], [124.0, 186.0, 190.0], 3.0, {"besides": 1.5})
SHARE = Row("share", "S3IM", "a step", "share", "ms", [0.5], [50.0])

SCRIPT = """
import json, sys
rows = sys.argv[sys.argv.index("--rows") + 1]
values = [float(sys.argv[sys.argv.index("--repeats") + 1]) if "--repeats" in sys.argv else 1.0]
row = {"name": NAME, "ours": "ours", "against": "it", "kind": "times", "unit": "ms", "our_values": values,
       "their_values": [4.0], "target": 3.0}
open(rows, "w").write(json.dumps({"rows": [row]}))
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """Scripts that write one row of a known ratio each."""
    out = tmp_path / "benchmarks"
    out.mkdir()
    for benchmark in plan.BENCHMARKS:
        (out / benchmark.script).write_text(SCRIPT.replace("NAME", repr(benchmark.rows[0])))
    return out


def test_one_table_and_one_file_of_all_rows(folder, tmp_path, capsys):
    out = tmp_path / "out" / "speed.json"
    main(["bench", "--benchmarks", str(folder), "--only", "s3im", "sampler", "--output", str(out)])
    said = capsys.readouterr().out
    assert "| s3im | ours: 1.00 ms | it: 4.00 ms | 4.00 | at least 3 | yes |" in said
    assert "| sampler |" in said and "| eikonal |" not in said
    assert [row.ratio for row in read_rows(out)] == [4.0, 4.0]
    machine = json.loads(out.read_text())["machine"]
    assert {"cores", "threads", "cpu", "torch", "date"} <= machine.keys()
    assert machine["cpu"] in said and machine["torch"] in said

    main(["bench", "--benchmarks", str(folder), "--only", "s3im", "--repeats", "2", "--compare-with", str(out)])
    assert "| s3im | ours: 2.00 ms | it: 4.00 ms | 2.00 | at least 3 | no | 4.00 | -50 % |" in capsys.readouterr().out


def test_a_benchmark_that_fails_stops_no_other(folder, capsys):
    (folder / "s3im_cost.py").write_text("raise SystemExit('There is no such device.')")
    with pytest.raises(SystemExit) as end:
        main(["bench", "--benchmarks", str(folder), "--only", "s3im", "sampler"])
    assert end.value.code == 1
    said = capsys.readouterr().out
    assert "s3im_cost.py ended with status 1: There is no such device." in said
    assert "| sampler |" in said


def test_what_was_measured_before_an_interruption_is_shown_and_kept(folder, tmp_path, capsys):
    (folder / "sampler_speed.py").write_text("import os, signal; os.kill(os.getppid(), signal.SIGTERM); signal.pause()")
    out = tmp_path / "speed.json"
    with pytest.raises(SystemExit) as end:
        main(["bench", "--benchmarks", str(folder), "--only", "s3im", "sampler", "--output", str(out)])
    assert end.value.code == 130
    assert "| s3im | ours: 1.00 ms |" in capsys.readouterr().out
    assert [row.name for row in read_rows(out)] == ["s3im"]


def test_what_takes_long_is_measured_only_where_it_is_named(folder, capsys):
    main(["bench", "--benchmarks", str(folder), "--data", str(folder)])
    assert "time-to-quality" not in capsys.readouterr().out
    main(["bench", "--benchmarks", str(folder), "--data", str(folder), "--only", "nerfacto-lite-time-to-quality"])
    assert "| nerfacto-lite-time-to-quality |" in capsys.readouterr().out


def test_a_script_measures_for_real(capsys):
    main(["bench", "--only", "s3im", "--repeats", "1"])
    said = capsys.readouterr().out
    assert "| s3im | S3IM, forward and backward, 4,096 rays, 10 permutations: " in said


def test_every_script_of_the_plan_takes_the_flags_that_it_is_given():
    for script in {benchmark.script for benchmark in plan.BENCHMARKS}:
        source = (BENCHMARKS / script).read_text()
        assert "Arguments(Settings)" in source and "    repeats: int" in source, script
    for benchmark in plan.BENCHMARKS:
        assert ("    data: Path\n" in (BENCHMARKS / benchmark.script).read_text()) == benchmark.on_scene


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--only", "s3im", "steps"], "--only names no row 'steps': give some of nerfacto-lite-step, "),
        (["--repeats", "0"], "--repeats is 0: give 1 or more."),
        (["--benchmarks", "nowhere"], "'nowhere' lacks method_speed.py: give --benchmarks the folder 'benchmarks' of"),
        (["--data", "nowhere"], "No scene at 'nowhere': give --data the folder that holds transforms.json."),
        (["--compare-with", "no.json"], "No results at 'no.json': give a file that s3im bench --output wrote."),
    ],
)
def test_bad_flags_give_one_sentence(flags, sentence, capsys):
    with pytest.raises(SystemExit) as refusal:
        main(["bench", *flags])
    assert str(refusal.value).startswith(sentence)


def test_what_could_not_be_measured_or_written_is_refused_first(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (tmp_path / "file").touch()
    for flags, sentence in {
        ("--device", "cuda"): "--device is cuda, and torch finds no CUDA here: give cpu.",
        ("--output", str(tmp_path)): f"--output is '{tmp_path}', which is a folder: give a file, for instance",
        (
            "--output",
            str(tmp_path / "file" / "x"),
        ): f"--output leads through '{tmp_path / 'file'}', which is a file, not a folder",
    }.items():
        with pytest.raises(SystemExit) as refusal:
            main(["bench", "--benchmarks", str(folder), "--only", "s3im", *flags])
        assert str(refusal.value).startswith(sentence)
        assert capsys.readouterr().out == ""


def test_an_installed_package_says_where_the_benchmarks_are(monkeypatch, tmp_path):
    package = tmp_path / "site-packages" / "s3im_methods"
    package.mkdir(parents=True)
    monkeypatch.setattr(plan.s3im_methods, "__file__", str(package / "__init__.py"))
    with pytest.raises(SystemExit, match="which an installed package lacks: give that folder of a checkout with"):
        plan.benchmarks_folder(None)
    shutil.copytree(BENCHMARKS, tmp_path / "mine")
    assert plan.benchmarks_folder(tmp_path / "mine") == tmp_path / "mine"


@pytest.mark.parametrize("content", ["no json", "[]", '{"rows": [{"name": "step"}]}', '{"rows": [1]}'])
def test_another_file_is_no_result(content, tmp_path):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(SystemExit, match="holds no results: give a file that s3im bench --output wrote"):
        read_rows(path)


def test_rows_survive_their_file(tmp_path):
    write_rows(tmp_path / "rows.json", [STEP, SHARE])
    assert read_rows(tmp_path / "rows.json") == [STEP, SHARE]


def test_ratios_are_of_medians_and_targets_have_a_direction():
    assert (STEP.ratio, STEP.met) == (3.0, True)
    assert (SHARE.ratio, SHARE.met) == (0.01, None)
    slower = Row("step", "ours", "stock", "times", "ms", [62.1], [186.0], 3.0)
    assert slower.met is False
    assert Row("share", "S3IM", "a step", "share", "ms", [0.5], [50.0], 0.01).met is True
    assert Row("share", "S3IM", "a step", "share", "ms", [0.6], [50.0], 0.01).met is False


def test_what_is_not_stored_has_empty_cells():
    lines = table_lines([SHARE, STEP], {"share": Row("share", "S3IM", "a step", "share", "ms", [0.4], [50.0])})
    assert lines[2].endswith("| 1.0 % |  |  | 0.8 % | +25 % |")
    assert lines[3].endswith("| 3.00 | at least 3 | yes |  |  |")


def test_command_line_module_imports_nothing_heavy():
    heavy = "{'torch', 'open3d', 'nerfstudio', 'numpy', 'PIL'}"
    code = f"import sys, s3im_methods.cli.bench; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
