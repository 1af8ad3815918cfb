"""The command line ``s3im doctor``."""

import io
import json
import subprocess
import sys

import pytest
from rich.console import Console

from s3im_methods.cli.main import main
from s3im_methods.doctor import checks
from s3im_methods.doctor.findings import Check, Finding
from s3im_methods.doctor.report import show, to_json

FOUND = {
    "torch": Finding("ok", "2.6.0"),
    "COLMAP": Finding("missing", "not found", "apt-get install colmap"),
    "hash grids, cpu": Finding("ok", "fused", numbers={"forward": 1e-7, "first_derivatives": float("nan")}),
}


@pytest.fixture
def table(monkeypatch):
    """Findings that the test chooses in place of this machine's."""
    found = dict(FOUND)

    def noisy(name: str):
        def look(settings):
            print("a library prints this")
            return found[name]

        return look

    monkeypatch.setattr(checks, "LIGHT", (Check("COLMAP", noisy("COLMAP")),))
    monkeypatch.setattr(checks, "torch_checks", lambda: (Check("torch", noisy("torch"), needed=True),))
    monkeypatch.setattr(
        checks, "grid_checks", lambda device: (Check(f"hash grids, {device}", noisy("hash grids, cpu")),)
    )
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    return found


def test_lines_with_remedies_and_a_verdict(table, capsys):
    main(["doctor"])
    said = capsys.readouterr().out
    assert "→ apt-get install colmap" in said
    assert said.endswith("Training works here. 1 of 3 checks has something to say.\n")


def test_json_and_nothing_else_on_standard_output(table, capsys):
    main(["doctor", "--json"])
    written = json.loads(capsys.readouterr().out)
    assert written["training_works"] is True
    assert [check["check"] for check in written["checks"]] == ["COLMAP", "torch", "hash grids, cpu"]
    assert written["checks"][2]["numbers"] == {"forward": 1e-7, "first_derivatives": None}


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_what_training_needs_decides_the_exit_status(flags, table, capsys):
    table["hash grids, cpu"] = Finding("broken", "wrong", "use torch")
    with pytest.raises(SystemExit) as end:
        main(["doctor", *flags])
    assert end.value.code == 1


def test_without_torch_its_kernels_are_not_asked(table, capsys):
    table["torch"] = Finding("broken", "no torch")
    with pytest.raises(SystemExit):
        main(["doctor"])
    said = capsys.readouterr().out
    assert "hash grids" not in said and said.endswith("Training does not work here: torch.\n")


def test_a_gpu_gets_every_check(table, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    main(["doctor"])
    said = capsys.readouterr().out
    assert "hash grids, cpu" in said and "hash grids, cuda" in said
    monkeypatch.undo()
    names = [check.name for check in checks.grid_checks("cuda")]
    assert names == ["hash grids, cuda", "surface grids, cuda", "mixed precision", "GPU memory"]


@pytest.mark.parametrize("width", [80, 160])
def test_long_findings_stay_in_their_column(width):
    page = io.StringIO()
    show(Console(file=page, width=width), "COLMAP", Finding("missing", "word " * 60, "do " * 60))
    lines = page.getvalue().splitlines()
    assert all(len(line.rstrip()) <= width for line in lines)
    assert lines[0].startswith("missing  COLMAP") and all(line.startswith(" " * 30) for line in lines[1:])


def test_json_is_standard_json():
    assert "NaN" not in to_json(FOUND)


def test_the_light_checks_import_nothing_heavy():
    code = """
import sys
from s3im_methods.doctor.checks import LIGHT
from s3im_methods.doctor.findings import Settings, examine
names = [name for name, finding in examine(LIGHT, Settings())]
print(len(names), sorted({"torch", "nerfstudio", "cv2", "scipy", "numpy", "numba", "PIL"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == [str(len(checks.LIGHT)), "[]\n"]
