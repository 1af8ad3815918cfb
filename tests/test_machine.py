"""A bare machine gets what it lacks, or one command to run, before anything is downloaded."""

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace

import pytest

from s3im_methods import machine

ROOT = Path(__file__).parents[1]


@pytest.fixture
def bare(monkeypatch):
    """A machine whose lacks, commands and user are chosen by the test."""
    state = SimpleNamespace(libraries=set(), modules=set(), programs={"apt-get", "c++", "cc"}, ran=[], status=0, user=0)

    def load(name: str) -> None:
        if name in state.libraries:
            raise OSError(f"{name}: cannot open shared object file")

    def run(command: list[str], **_: object) -> SimpleNamespace:
        state.ran.append(command)
        if command[1] == "install" and state.status == 0:
            state.libraries.clear()
            state.modules.clear()
        return SimpleNamespace(returncode=state.status)

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", load)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in state.modules else name)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name in state.programs else None)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(os, "geteuid", lambda: state.user)
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"include": str(ROOT / "no headers")})
    monkeypatch.setattr(os.path, "exists", lambda path: path.endswith("Python.h") or path == ".venv")
    monkeypatch.setattr(sys, "argv", ["machine.py"])
    return state


def test_a_complete_machine_is_told_nothing(bare, capsys):
    machine.main()
    assert capsys.readouterr() == ("", "")
    assert bare.ran == []


def test_root_gets_what_is_missing_and_no_more(bare, capsys):
    bare.libraries, bare.modules = {"libusb-1.0.so.0", "libGL.so.1"}, {"ensurepip"}
    machine.main()
    venv = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    assert bare.ran[-1][-3:] == ["libgl1", "libusb-1.0-0", venv]
    assert [command[:2] for command in bare.ran] == [["apt-get", "update"], ["apt-get", "install"]]
    assert "lacks libGL.so.1, libusb-1.0.so.0, Python's module venv. Installing with" in capsys.readouterr().out


def test_without_root_the_one_command_is_said(bare):
    bare.libraries, bare.user = {"libusb-1.0.so.0"}, 1000
    with pytest.raises(SystemExit) as refusal:
        machine.main()
    assert "sudo apt-get install --yes --no-install-recommends libusb-1.0-0" in str(refusal.value)
    assert bare.ran == []


def test_another_system_is_told_the_names_of_the_libraries(bare):
    bare.libraries, bare.programs = {"libEGL.so.1"}, {"cc"}
    with pytest.raises(SystemExit, match=r"lacks libEGL\.so\.1, a C\+\+ compiler\. Install them"):
        machine.main()


def test_what_apt_cannot_give_is_said(bare):
    bare.libraries, bare.status = {"libudev.so.1"}, 100
    with pytest.raises(SystemExit, match=r"status 100 and this machine still lacks libudev\.so\.1"):
        machine.main()


@pytest.mark.parametrize(("free", "said"), [(4e9, True), (50e9, False)])
def test_little_space_is_said_before_a_first_installation(free, said, bare, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free))
    monkeypatch.setattr(os.path, "exists", lambda path: path.endswith("Python.h"))
    machine.main()
    assert ("Only 4.0 GB are free" in capsys.readouterr().out) == said


def make(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["make", "--silent", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_make_stops_before_it_makes_an_environment(tmp_path):
    """Where the machine's check fails, a Python that would make the environment is not asked to."""
    python = program(
        tmp_path / "python", 'case "$*" in *machine.py*) echo no libusb; exit 1;; *venv*) echo made;; esac'
    )
    done = make("demo", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")
    assert done.returncode != 0
    assert done.stdout == "no libusb\n"


@pytest.mark.parametrize(
    ("python", "sentence"), [("python9", "There is no python9: install Python 3.10"), ("3.9", "Python 3.9 is not")]
)
def test_make_says_which_python_it_needs(python, sentence, tmp_path):
    if python == "3.9":
        fake = "import sys; sys.version_info = (3, 9, 0); sys.argv[:2] = sys.argv[1:]; exec(sys.argv[1])"
        python = program(tmp_path / "python", f'exec {sys.executable} -c "{fake}" "$@"')
    done = make("machine", f"PYTHON={python}")
    assert done.returncode != 0
    assert sentence in done.stdout + done.stderr


def test_the_documented_list_is_what_is_looked_for():
    assert make("system-libraries", f"PYTHON={sys.executable}").stdout.split() == list(machine.LIBRARIES.values())
