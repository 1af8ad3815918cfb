"""The command line ``s3im check``: table, verdict, status, JSON, picture."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from s3im_methods.cli.check import CheckCommand
from s3im_methods.cli.main import main
from s3im_methods.data.checks.which_parser import which_parser
from s3im_methods.scenes import RoomConfig, write_scene

SIZE: dict[str, Any] = {"width": 24, "height": 18, "train_views": 14, "test_views": 2}


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Path:
    config = RoomConfig(**SIZE, supersampling=1, light_samples=2)
    return write_scene(config, tmp_path_factory.mktemp("cli") / "room")


def test_a_good_scene(scene, tmp_path, capsys):
    main(["check", str(scene), "--picture", str(tmp_path / "scene.png")])
    said = capsys.readouterr().out
    assert "Training would accept this scene.\n" in said and "14 training views, 2 held out" in said
    assert "Dataset is overriding" not in said
    assert said.splitlines()[-1] == f"Next: ns-train s3im-depth-nerfacto-lite --data {scene}"
    assert Image.open(tmp_path / "scene.png").size[0] > 800


@pytest.mark.parametrize(
    ("method", "command"),
    [
        ("nerfacto", "ns-train nerfacto"),
        ("splatfacto", "ns-train splatfacto"),
        ("nerfacto+s3im", "s3im train nerfacto"),
    ],
)
def test_methods_of_nerfstudio_and_those_with_s3im(scene, capsys, method, command):
    main(["check", str(scene), "--method", method])
    assert capsys.readouterr().out.splitlines()[-1] == f"Next: {command} --data {scene}"


def test_the_data_parser_is_named_where_the_method_has_another(scene, capsys):
    main(["check", str(scene), "--method", "tensorf+s3im"])
    assert capsys.readouterr().out.splitlines()[-1] == f"Next: s3im train tensorf --data {scene} nerfstudio-data"


def test_a_method_that_is_asked_for_is_the_next_to_train(scene, capsys):
    main(["check", str(scene), "--method", "s3im-neus-facto-lite"])
    assert capsys.readouterr().out.splitlines()[-1] == f"Next: ns-train s3im-neus-facto-lite --data {scene}"


def test_the_next_command_repeats_the_settings(scene, capsys):
    settings = ["pipeline.datamanager.dataparser.downscale-factor=1", "pipeline.model.s3im.loss-mult=0.3"]
    main(["check", str(scene), "--method", "s3im-nerfacto-lite", "--set", *settings])
    command = f"ns-train s3im-nerfacto-lite --data {scene} --pipeline.model.s3im.loss-mult 0.3"
    assert capsys.readouterr().out.splitlines()[-1] == f"Next: {command} nerfstudio-data --downscale-factor 1"


def test_json(scene, capsys):
    main(["check", str(scene), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["accepted"] and found["warnings"] == [] and found["dataparser"] == "nerfstudio-data"
    assert found["rows"]["split"] == "14 training views, 2 held out"
    assert found["method"] == "s3im-nerfacto-lite" and found["for_pictures"] == "s3im-depth-nerfacto-lite"


def test_warnings_name_flags_of_this_command(scene, capsys, monkeypatch):
    report = CheckCommand._report

    def with_warning(self: CheckCommand, config: Any) -> Any:
        line = "The masks are not used: add `colmap --masks-path masks` at the end of the command."
        return dataclasses.replace(report(self, config), warnings=(line,))

    monkeypatch.setattr(CheckCommand, "_report", with_warning)
    main(["check", str(scene), "--json"])
    (line,) = json.loads(capsys.readouterr().out)["warnings"]
    assert line == "The masks are not used: add `--set pipeline.datamanager.dataparser.masks-path=masks`."


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_refusal_ends_with_status_1(tmp_path, capsys, flags):
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(SystemExit) as ended:
        main(["check", str(tmp_path), *flags])
    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 1 and "ns-process-data images" in said
    assert flags or "Training would refuse this scene: The scene folder" in said


def test_settings_of_the_training_count(scene, capsys):
    with pytest.raises(SystemExit):
        main(["check", str(scene), "--set", "pipeline.datamanager.train-num-rays-per-batch=3"])
    assert "3 rays per batch" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--method", "nerf-of-nobody"], "No method 'nerf-of-nobody': give one of"),
        (["--set", "pipeline"], "'pipeline' is no setting: give FIELD.PATH=VALUE"),
        (["--set", "pipeline.nothing=3"], "would not take the flags"),
        (["--dataparser", "no-data", "--json"], "would not take the flags"),
        (["--picture", "."], "--picture is "),
    ],
)
def test_a_wrong_flag_ends_with_status_2(scene, capsys, flags, sentence):
    with pytest.raises(SystemExit) as ended:
        main(["check", str(scene), *flags])
    said = capsys.readouterr()
    assert ended.value.code == 2 and said.out == "" and sentence in said.err


def test_the_parser_follows_from_the_files(tmp_path):
    signs = {
        "a/transforms.json": "nerfstudio-data",
        "b/transforms_train.json": "blender-data",
        "c/meta_data.json": "sdfstudio-data",
        "d/cameras_sphere.npz": "idr-data",
        "g/metadata.json": "multi-blender",
        "e/colmap/sparse/0/cameras.bin": "colmap",
        "h/sparse/0/cameras.txt": "colmap",
        "i/sparse/cameras.bin": "colmap",
        "f/photo.jpg": "nerfstudio-data",
    }
    for name in signs:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert {name: which_parser(tmp_path / name[0]) for name in signs} == signs


@pytest.mark.parametrize(
    ("header", "frame", "parser"),
    [
        ({"camera_angle_x": 0.7}, {}, "instant-ngp-data"),
        ({"x_fov": 40}, {}, "instant-ngp-data"),
        ({"camera_angle_x": 0.7, "fl_x": 20}, {}, "nerfstudio-data"),
        ({"camera_angle_x": 0.7}, {"fl_x": 20}, "nerfstudio-data"),
        ({}, {}, "nerfstudio-data"),
    ],
)
def test_an_angle_of_view_alone_is_instant_ngps(tmp_path, header, frame, parser):
    file = tmp_path / "transforms.json"
    file.write_text(json.dumps({**header, "frames": [{"file_path": "0.png", **frame}]}))
    assert which_parser(tmp_path) == which_parser(file) == parser
