"""What ns-train sees: light, complete, and not in the way of other methods."""

import importlib.metadata
import subprocess
import sys

import pytest
from nerfstudio.plugins.types import MethodSpecification

METHODS = {point.name: point for point in importlib.metadata.entry_points(group="nerfstudio.method_configs")}
OURS = sorted(name for name, point in METHODS.items() if point.value.startswith("s3im_methods."))


def test_our_methods_are_registered():
    assert OURS == ["s3im-nerfacto", "s3im-nerfacto-lite"]


@pytest.mark.parametrize("name", OURS)
def test_entry_points_are_specifications_named_as_they_are_typed(name):
    specification = METHODS[name].load()
    assert isinstance(specification, MethodSpecification)
    assert specification.config.method_name == name
    assert "\n" not in specification.description
    assert 10 < len(specification.description) < 120


def test_a_lite_method_needs_no_camera_optimiser_and_few_steps():
    config = METHODS["s3im-nerfacto-lite"].load().config
    assert config.vis == "viewer"
    assert config.pipeline.model.camera_optimizer.mode == "off"


def test_importing_is_light_and_does_without_optional_packages():
    """What would cost ns-train --help a second is not imported, and what is not installed is not missed."""
    code = """
import sys
sys.modules["tinycudann"] = sys.modules["imageio_ffmpeg"] = sys.modules["numba"] = None
import s3im_methods.method_configs
loaded = {name for name, module in sys.modules.items() if module}
print(sorted(loaded & {"open3d", "matplotlib.pyplot", "trimesh", "numba", "sklearn"}))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "[]"
