"""ffmpeg is found where the system has none."""

import os
import shutil
import subprocess

import imageio_ffmpeg
import pytest
from nerfstudio.utils.install_checks import check_ffmpeg_installed

from s3im_methods.compat.ffmpeg import put_ffmpeg_on_path


def test_a_system_without_ffmpeg_gets_the_wheels(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert shutil.which("ffmpeg") is None
    put_ffmpeg_on_path(tmp_path / "cache")
    program = shutil.which("ffmpeg")
    assert program is not None
    assert "ffmpeg version" in subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stdout
    put_ffmpeg_on_path(tmp_path / "cache")
    assert os.environ["PATH"].count("cache") == 1


def test_two_environments_keep_a_link_each(tmp_path, monkeypatch):
    """One environment may be deleted while a process of the other one runs."""
    found = []
    for name in ("one", "two"):
        program = tmp_path / name / "ffmpeg-linux"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda program=program: str(program))
        monkeypatch.setenv("PATH", str(tmp_path / "empty"))
        put_ffmpeg_on_path(tmp_path / "cache")
        found.append((os.environ["PATH"], program))
    shutil.rmtree(tmp_path / "two")
    path, program = found[0]
    linked = shutil.which("ffmpeg", path=path)
    assert linked is not None and os.path.realpath(linked) == str(program)
    assert shutil.which("ffmpeg", path=found[1][0]) is None


def test_a_stale_link_of_an_earlier_version_is_in_nobodys_way(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "ffmpeg").symlink_to(tmp_path / "gone")
    put_ffmpeg_on_path(tmp_path / "cache")
    assert shutil.which("ffmpeg") is not None


def test_a_link_that_another_process_made_first(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    put_ffmpeg_on_path(tmp_path / "cache")
    first = shutil.which("ffmpeg")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    put_ffmpeg_on_path(tmp_path / "cache")
    assert first is not None and shutil.which("ffmpeg") == first


def test_the_systems_own_ffmpeg_is_kept(tmp_path, monkeypatch):
    (tmp_path / "ffmpeg").write_text("#!/bin/sh\n")
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    put_ffmpeg_on_path(tmp_path / "cache")
    assert os.environ["PATH"] == str(tmp_path)


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    (tmp_path / "file").write_text("")
    put_ffmpeg_on_path(tmp_path / "file" / "cache")
    assert os.environ["PATH"] == str(tmp_path / "empty")


def test_upstream_still_needs_it(tmp_path, monkeypatch, capsys):
    """ns-render begins with this; when it takes imageio-ffmpeg's program instead, drop our link."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit):
        check_ffmpeg_installed()
    assert "ffmpeg" in capsys.readouterr().out
