"""The command line ``s3im export-mesh``: its bad input. A real run is exported by the end-to-end tests."""

import subprocess
import sys

import pytest

from s3im_methods.cli.main import main


def refusal(tmp_path, *flags) -> str:
    with pytest.raises(SystemExit) as error:
        main(["export-mesh", "--load-config", str(tmp_path / "config.yml"), "--output-dir", str(tmp_path), *flags])
    return str(error.value)


def test_wrong_flags(tmp_path):
    assert refusal(tmp_path, "--resolution", "7") == "--resolution is 7: give 8 or more."
    assert refusal(tmp_path, "--components", "-1") == "--components is -1: give 1 or more, or 0 for all."
    assert refusal(tmp_path, "--texture-size", "8") == "--texture-size is 8: give 16 or more."
    assert refusal(tmp_path, "--fusion-views", "0") == "--fusion-views is 0: give 1 or more."
    assert refusal(tmp_path, "--fusion-agreement", "0") == "--fusion-agreement is 0: give 1 or more."
    assert refusal(tmp_path, "--fusion-downscale", "nan") == "--fusion-downscale is nan: give 1 or more."


def test_no_config(tmp_path):
    answer = refusal(tmp_path)
    assert answer == f"No config at '{tmp_path}/config.yml': give the config.yml that ns-train wrote for the run."


def test_the_command_imports_nothing_heavy():
    heavy = "{'torch', 'open3d', 'nerfstudio', 'numpy', 'PIL', 'trimesh', 'scipy', 'skimage', 'psutil'}"
    code = f"import sys, s3im_methods.cli.export_mesh; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
