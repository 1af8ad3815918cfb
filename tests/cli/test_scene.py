"""The command line ``s3im scene``."""

import json
import subprocess
import sys

import pytest

from s3im_methods.cli.main import main
from s3im_methods.scenes.render import Renderer

SETTINGS = {"width": 8, "height": 6, "train-views": 2, "test-views": 1, "supersampling": 1, "light-samples": 2}
TINY = [part for name, value in SETTINGS.items() for part in (f"--{name}", str(value))]


@pytest.mark.parametrize(("kind", "extra"), [("room", []), ("object", ["--background", "white"])])
def test_writes_a_scene_and_says_how_to_use_it(kind, extra, tmp_path, capsys):
    out = tmp_path / "my scene"
    main(["scene", kind, str(out), *TINY, *extra])
    meta = json.loads((out / "transforms.json").read_text())
    assert len(meta["train_filenames"]) == 2
    assert (meta["w"], meta["h"]) == (8, 6)
    assert meta["settings"].get("background") == (extra[1] if extra else None)
    said = capsys.readouterr()
    assert "Wrote 2 training and 1 test views of 8 x 6" in said.out
    assert f"ns-train s3im-nerfacto-lite --data '{out}'" in said.out
    assert "Rendering" in said.err


def test_overwrite_flag(tmp_path):
    arguments = ["scene", "object", str(tmp_path / "s"), *TINY]
    main(arguments)
    with pytest.raises(SystemExit) as refusal:
        main(arguments)
    assert str(refusal.value).endswith("is not empty: give another one, or --overwrite to replace it.")
    main([*arguments, "--overwrite", "--seed", "3"])
    assert json.loads((tmp_path / "s" / "transforms.json").read_text())["settings"]["seed"] == 3


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--width", "0"], "--width is 0: give 1 or more."),
        (["--train-views", "1"], "--train-views is 1: give 2 or more."),
        (["--fov", "200"], "--fov is 200 degrees: give a horizontal field of view from 5 to 150."),
    ],
)
def test_bad_flags_give_one_sentence(flags, sentence, tmp_path):
    with pytest.raises(SystemExit) as refusal:
        main(["scene", "room", str(tmp_path / "s"), *flags])
    assert str(refusal.value) == sentence
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["scene"], ["scene", "house", "x"], ["scene", "room"]])
def test_incomplete_commands_exit_with_usage(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "--help" in capsys.readouterr().err


def test_help_names_every_flag(capsys):
    with pytest.raises(SystemExit) as end:
        main(["scene", "object", "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for flag in (*SETTINGS, "fov", "seed", "background", "overwrite"):
        assert f"--{flag}" in text


def test_interruption_exits_with_130(tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Renderer, "render", interrupt)
    with pytest.raises(SystemExit) as end:
        main(["scene", "object", str(tmp_path / "s"), *TINY])
    assert end.value.code == 130
    assert "Interrupted." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_command_line_module_imports_nothing_heavy():
    heavy = "{'torch', 'open3d', 'nerfstudio', 'numpy', 'PIL'}"
    code = f"import sys, s3im_methods.cli.main, s3im_methods.cli.scene; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
