"""Paths in a config.yml of another system or Python are read as paths of this one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from s3im_methods.compat.paths import read_paths_of_other_systems

FILES = {
    "pathlib.WindowsPath\n- C:\\\n- Users\n- me\\fox\n": Path("C:/Users/me/fox"),
    "pathlib.WindowsPath\n- outputs\n": Path("outputs"),
    "pathlib.WindowsPath []\n": Path(),
    "pathlib._local.WindowsPath\n- D:\\\n- fox\n": Path("D:/fox"),
    "pathlib._local.PosixPath\n- /\n- data\n- fox\n": Path("/data/fox"),
    "pathlib.PosixPath\n- data\n- fox\n": Path("data/fox"),
}


@pytest.mark.parametrize("text", FILES)
def test_paths(text):
    read_paths_of_other_systems()
    read = yaml.load(f"!!python/object/apply:{text}", Loader=yaml.Loader)
    assert read == FILES[text] and type(read) is type(Path())


@pytest.mark.skipif(os.name == "nt", reason="there a path of Windows is nothing special")
def test_upstream_still_cannot_read_them():
    """When this fails, nerfstudio writes paths as text or reads those of Windows: drop ``compat.paths``."""
    code = "import yaml; yaml.load('!!python/object/apply:pathlib.WindowsPath [a]', Loader=yaml.Loader)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "WindowsPath" in result.stderr.splitlines()[-1]
