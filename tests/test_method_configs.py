"""What ns-train sees: light, complete, and not in the way of other methods."""

import dataclasses
import importlib
import importlib.metadata
import subprocess
import sys

import pytest
import yaml
from nerfstudio.plugins.types import MethodSpecification

METHODS = {point.name: point for point in importlib.metadata.entry_points(group="nerfstudio.method_configs")}
OURS = sorted(name for name, point in METHODS.items() if point.value.startswith("s3im_methods."))


def test_our_methods_are_registered():
    bases = [
        "depth-nerfacto",
        "dvgo",
        "mipnerf",
        "mipnerf360",
        "nerfacto",
        "neus",
        "neus-facto",
        "tensorf",
        "unisurf",
        "volsdf",
    ]
    assert sorted(f"s3im-{base}{size}" for base in bases for size in ("", "-lite")) == OURS


@pytest.mark.parametrize("name", OURS)
def test_entry_points_are_specifications_named_as_they_are_typed(name):
    specification = METHODS[name].load()
    assert isinstance(specification, MethodSpecification)
    assert specification.config.method_name == name
    assert "\n" not in specification.description
    assert 10 < len(specification.description) < 120


@pytest.mark.parametrize("name", [name for name in OURS if name.endswith("-lite")])
def test_a_lite_method_needs_no_camera_optimiser_and_few_steps(name):
    config = METHODS[name].load().config
    assert config.vis == "viewer"
    # nerfstudio's surface models have none.
    optimizer = getattr(config.pipeline.model, "camera_optimizer", None)
    assert optimizer is None or optimizer.mode == "off"


def test_methods_share_no_settings():
    """What one method's run changes in its settings must not reach another's."""
    seen: dict[int, str] = {}
    for name in OURS:
        config = METHODS[name].load().config
        parts = [config.pipeline, config.pipeline.model, config.pipeline.datamanager, config.optimizers]
        for part in [*parts, *vars(config.pipeline.model).values()]:
            if dataclasses.is_dataclass(part) or isinstance(part, dict | list):
                assert seen.setdefault(id(part), name) == name


@pytest.mark.parametrize(
    ("path", "name"),
    [("neus_facto_config", "S3IMNeuSFactoModelConfig"), ("tensorf_config", "S3IMTensoRFModelConfig")],
)
def test_settings_are_also_where_older_run_folders_look_for_them(path, name):
    old = importlib.import_module(f"s3im_methods.models.{path}")
    configs = [METHODS[method].load().config.pipeline.model for method in OURS]
    assert any(type(config) is getattr(old, name) for config in configs)


@pytest.mark.parametrize("name", OURS)
def test_settings_survive_a_run_folder(name):
    """nerfstudio writes them to config.yml and reads them back."""
    config = METHODS[name].load().config
    assert yaml.load(yaml.dump(config), Loader=yaml.Loader) == config


def test_importing_is_light_and_does_without_optional_packages():
    """What would cost ns-train --help a second is not imported, and what is not installed is not missed."""
    code = """
import sys
sys.modules["tinycudann"] = sys.modules["imageio_ffmpeg"] = sys.modules["numba"] = sys.modules["triton"] = None
import s3im_methods.method_configs
loaded = {name for name, module in sys.modules.items() if module}
print(sorted(loaded & {"open3d", "matplotlib.pyplot", "trimesh", "numba", "sklearn"}))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "[]"


def test_upstream_still_asks_for_cuda_where_there_is_none():
    """When this fails, nerfstudio looks for a GPU itself (pull request 3523): drop ``_machine``."""
    code = (
        "import torch; torch.cuda.is_available = lambda: False\n"
        "from nerfstudio.configs.base_config import MachineConfig; print(MachineConfig().device_type)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "cuda"
