"""Remedies of a refused scene, in the flags of the command that was called."""

from pathlib import Path

import pytest

from s3im_methods.cli.main import main
from s3im_methods.errors import InputError, NoSurfaceError
from s3im_methods.remedies import of_transforms_only, remedies_in, with_dataparser_flags

AT_THE_END = [
    ("or add `instant-ngp-data` at the end of the command.", "or add `--dataparser instant-ngp-data`."),
    (
        "add `nerfstudio-data --eval-mode interval --eval-interval 8` at the end of the command, or take more.",
        "add `--set pipeline.datamanager.dataparser.eval-mode=interval pipeline.datamanager.dataparser.eval-interval=8`"
        ", or take more.",
    ),
    (
        "looks like one for `colmap`: add that at the end of the command.",
        "looks like one for `colmap`: add `--dataparser colmap`.",
    ),
    ("There is no scene.", "There is no scene."),
]


@pytest.mark.parametrize(("message", "expected"), AT_THE_END)
def test_a_data_parser_is_a_flag(message, expected):
    assert with_dataparser_flags(message) == expected


def test_a_scene_of_another_parser_is_for_another_command():
    message = "S holds no transforms.json but a transforms_train.json: add `blender-data` at the end of the command."
    instead = "this command reads only transforms.json; check the scene with `s3im check S --dataparser blender-data`."
    assert of_transforms_only(message, Path("S")).endswith(instead)


def test_the_kind_of_an_error_stays():
    with pytest.raises(NoSurfaceError, match="A remedy"), remedies_in(str.capitalize):
        raise NoSurfaceError("a remedy")


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        (["check", "S", "--dataparser", "nerfstudio-data"], "add `--dataparser blender-data`"),
        (["attach", "S", "--masks", "M"], "`s3im check S --dataparser blender-data`"),
        (["eval-mesh", "a.ply", "b.ply", "--scene", "S"], "`s3im check S --dataparser blender-data`"),
        (["compare", "--methods", "s3im-nerfacto-lite", "--scenes", "S", "--output-dir", "out"], "add `--dataparser"),
        (["depth-report", "S"], "`s3im check S --dataparser blender-data`"),
    ],
)
def test_each_command_names_what_it_has(command, remedy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for folder in ("S", "M"):
        (tmp_path / folder).mkdir()
    (tmp_path / "S/transforms_train.json").write_text("{}")
    with pytest.raises((SystemExit, InputError)) as refusal:
        main(command)
    said = f"{refusal.value} {' '.join(capsys.readouterr().out.split())}"
    assert remedy in said and "at the end of the command" not in said
