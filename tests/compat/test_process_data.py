"""ns-process-data speaks to any COLMAP and ffmpeg, and to folders of any name."""

import importlib.util
import inspect
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nerfstudio.process_data.process_data_utils import CameraModel

from s3im_methods.compat.process_data import suit_colmap, suit_ffmpeg, suited

_COMMON = "database_path image_path ImageReader.single_camera ImageReader.camera_model output_path input_path"
_COMMON += " BundleAdjustment.refine_principal_point VocabTreeMatching.vocab_tree_path"
_OLD = f"{_COMMON} SiftExtraction.use_gpu SiftMatching.use_gpu Mapper.ba_global_function_tolerance"
_NEW = f"{_COMMON} FeatureExtraction.use_gpu FeatureMatching.use_gpu"

# Refuses what it does not know, as COLMAP does, and writes down what it was called with.
_FAKE = """#!{python}
import pathlib, sys
known = {known!r}.split()
if "-h" in sys.argv:
    print("COLMAP {version} (Commit abc)", *("  --" + name + " arg" for name in known), sep="\\n")
    sys.exit()
for argument in sys.argv[2:]:
    if argument.startswith("--") and argument[2:].split("=")[0] not in known:
        sys.exit("unrecognised option " + argument)
with open({log!r}, "a") as log:
    log.write(repr(sys.argv[1:]) + "\\n")
"""


def _copy_of(name: str) -> ModuleType:
    """A fresh module, because that which is imported is changed already."""
    importlib.import_module(name)
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def colmap(tmp_path, monkeypatch):
    """A function that installs a program of a version and returns how to read its calls."""

    def install(version: str, known: str):
        program, log = tmp_path / "bin" / "colmap", tmp_path / "log"
        program.parent.mkdir()
        program.write_text(_FAKE.format(python=sys.executable, known=known, version=version, log=str(log)))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        return lambda: [eval(line) for line in log.read_text().splitlines()]

    return install


def _run(module: ModuleType, tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(module, "get_vocab_tree", lambda: tmp_path / "downloaded tree.fbow")
    suit_colmap(module)
    scene = tmp_path / "my scene (1)"
    scene.mkdir()
    module.run_colmap(scene / "images", scene / "colmap", CameraModel.OPENCV, gpu=False)
    return scene


def test_a_new_colmap_gets_its_own_options_and_its_own_tree(colmap, tmp_path, monkeypatch, capsys):
    calls = colmap("3.13.0", _NEW)
    scene = _run(_copy_of("nerfstudio.process_data.colmap_utils"), tmp_path, monkeypatch)
    extract, match, reconstruct, refine = calls()
    images, database = str(scene / "images"), str(scene / "colmap" / "database.db")
    assert extract[:5] == ["feature_extractor", "--database_path", database, "--image_path", images]
    assert extract[-2:] == ["--FeatureExtraction.use_gpu", "0"]
    assert match == ["vocab_tree_matcher", "--database_path", database, "--FeatureMatching.use_gpu", "0"]
    assert reconstruct[-2:] == ["--output_path", str(scene / "colmap" / "sparse")]
    assert refine[:3] == ["bundle_adjuster", "--input_path", str(scene / "colmap" / "sparse" / "0")]
    assert "has no option --Mapper.ba_global_function_tolerance, so it is left out" in " ".join(
        capsys.readouterr().out.split()
    )


def test_an_old_colmap_gets_what_nerfstudio_writes(colmap, tmp_path, monkeypatch):
    calls = colmap("3.8", _OLD)
    _run(_copy_of("nerfstudio.process_data.colmap_utils"), tmp_path, monkeypatch)
    extract, match, reconstruct, _ = calls()
    assert extract[-2:] == ["--SiftExtraction.use_gpu", "0"]
    tree = ["--VocabTreeMatching.vocab_tree_path", str(tmp_path / "downloaded tree.fbow")]
    assert match[-4:] == ["--SiftMatching.use_gpu", "0", *tree]
    assert reconstruct[-1] == "--Mapper.ba_global_function_tolerance=1e-6"


def test_upstream_still_speaks_to_an_old_colmap_without_quotes(colmap, tmp_path, monkeypatch):
    calls = colmap("3.13.0", _NEW)
    module = _copy_of("nerfstudio.process_data.colmap_utils")
    monkeypatch.setattr(module, "get_vocab_tree", lambda: tmp_path / "tree")
    with pytest.raises(SystemExit):
        module.run_colmap(tmp_path / "images", tmp_path, CameraModel.OPENCV, gpu=False)
    assert not (tmp_path / "log").exists()
    (tmp_path / "bin" / "colmap").unlink()
    (tmp_path / "bin").rmdir()
    calls = colmap("3.8", _OLD)
    module.run_colmap(tmp_path / "my images", tmp_path, CameraModel.OPENCV, gpu=False)
    assert calls()[0][4] == str(tmp_path / "my")
    assert "demuc.de" in inspect.getsource(module)  # the tree that COLMAP cannot read from 3.12 on


def test_photos_of_several_sizes_are_turned_in_folders_with_spaces():
    lines: list[str] = []
    module = ModuleType("process_data_utils")
    module.run_command = lambda cmd, verbose=False: lines.append(cmd)  # type: ignore[attr-defined]
    suit_ffmpeg(module)
    module.run_command("ffmpeg -y -i my photos/a b.jpg -metadata:s:v:0 rotate=0 my scene/frame_00001.jpg")
    module.run_command('ffmpeg -y -noautorotate -i "a b.jpg" -vf scale=2:2 "c d.jpg"')
    words = [shlex.split(line) for line in lines]
    assert words[0][3] == "my photos/a b.jpg" and words[0][-1] == "my scene/frame_00001.jpg" and len(words[0]) == 7
    assert lines[1] == 'ffmpeg -y -noautorotate -i "a b.jpg" -vf scale=2:2 "c d.jpg"'


_NAMES = st.text(st.characters(categories=("L", "N", "P", "S", "Zs"), exclude_characters='"'), min_size=1)


@given(_NAMES.map(str.strip).filter(bool))
def test_each_value_arrives_as_one_word(value):
    if " --" in f" {value}":
        return
    line = suited(f"echo x --first {value} --second=1e-6 --flag", frozenset())
    assert shlex.split(line) == ["echo", "x", "--first", value, "--second=1e-6", "--flag"]
    assert subprocess.run(["sh", "-n", "-c", line], check=False).returncode == 0


def test_a_program_whose_options_are_unknown_gets_all_of_them():
    assert suited("colmap mapper --anything 1", frozenset()) == "colmap mapper --anything 1"
    assert suited("colmap -h", frozenset()) == "colmap -h"


_FILM = """#!/bin/sh
[ "$1" = -hide_banner ] && echo '{known}' && exit
case "$*" in *{refused}*) echo "Unrecognized option" >&2; exit 1;; esac
for argument; do echo "$argument"; done > {log}
"""


@pytest.mark.parametrize(
    ("known", "refused", "times"), [("-fps_mode[:<stream_spec>]", "-vsync", 3), ("-vsync", "-fps_mode", 0)]
)
def test_frames_of_a_film_are_taken_with_the_option_that_ffmpeg_has(tmp_path, monkeypatch, known, refused, times):
    (tmp_path / "ffmpeg").write_text(_FILM.format(known=known, refused=refused, log=tmp_path / "log"))
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    module = _copy_of("nerfstudio.process_data.process_data_utils")
    suit_ffmpeg(module)
    monkeypatch.setattr(module, "get_num_frames_in_video", lambda video: 10)
    (tmp_path / "my film.mp4").touch()
    module.convert_video_to_images(tmp_path / "my film.mp4", tmp_path / "my scene", 10, num_downscales=2)
    words = (tmp_path / "log").read_text().splitlines()
    assert words.count("-fps_mode") == times and words.count("-vsync") == int(times == 0)
    outputs = [index for index, word in enumerate(words) if word.startswith("[out") and words[index - 1] == "-map"]
    assert len(outputs) == 3
    for index in outputs if times else []:
        assert words[index + 1 : index + 3] == ["-fps_mode", "vfr"]


def test_upstream_still_asks_every_ffmpeg_for_vsync():
    assert "-vsync vfr" in inspect.getsource(_copy_of("nerfstudio.process_data.process_data_utils"))
