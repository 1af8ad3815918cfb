"""Versions and plugins."""

import platform
import sys
from importlib import metadata
from types import ModuleType, SimpleNamespace

import pytest

from s3im_methods.doctor import software
from s3im_methods.doctor.findings import Settings

HERE = Settings()


@pytest.mark.parametrize(("version", "state"), [("3.9.2", "broken"), ("3.12.1", "ok"), ("3.13.0", "broken")])
def test_python(version, state, monkeypatch):
    monkeypatch.setattr(platform, "python_version", lambda: version)
    assert software.look_at_python(HERE).state == state


def test_this_environment_has_what_it_needs():
    assert software.look_at_packages(HERE).state == "ok"


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("numpy<1", {"numpy<1": f"numpy {metadata.version('numpy')} is not <1"}),
        ("no-such-package>=2", {"no-such-package>=2": "no-such-package is not installed"}),
        ("numpy>=1", {}),
        ("no-such-package; extra == 'dev'", {}),
        ("no-such-package; python_version < '3'", {}),
    ],
)
def test_unmet_requirements(requirement, said, monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda package: [requirement])
    assert software.unmet_requirements("any") == said


def test_ours_break_training_and_nerfstudios_are_a_warning(monkeypatch):
    asked = {"s3im-methods": [], "nerfstudio": ["viser<0.1", "scipy<0.1"]}
    monkeypatch.setattr(metadata, "requires", asked.get)
    finding = software.look_at_packages(HERE)
    assert finding.state == "warning" and finding.remedy == "pip install 'viser<0.1'"
    asked["s3im-methods"] = ["numpy<1"]
    assert software.look_at_packages(HERE).state == "broken"


def plugin(name: str, value: str) -> metadata.EntryPoint:
    return metadata.EntryPoint(name, value, "nerfstudio.method_configs")


@pytest.fixture
def plugins(monkeypatch):
    from nerfstudio.plugins.types import MethodSpecification

    found: list[metadata.EntryPoint] = []
    module = ModuleType("a_plugin")
    vars(module).update(good=MethodSpecification(SimpleNamespace(), ""), odd=3)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "a_plugin", module)
    monkeypatch.setattr(metadata, "entry_points", lambda group: found if "method" in group else [])
    return found


def test_a_plugin_that_cannot_be_imported_is_named(plugins):
    plugins += [plugin("fine", "a_plugin:good"), plugin("gone", "no_such_plugin.models:method")]
    finding = software.look_at_plugins(HERE)
    assert finding.state == "broken"
    assert "gone of no_such_plugin (ModuleNotFoundError" in finding.detail and "fine" not in finding.detail
    assert "pip uninstall no_such_plugin" in finding.remedy


def test_what_nerfstudio_leaves_out_is_a_warning(plugins):
    plugins += [plugin("strange", "a_plugin:odd")]
    assert software.look_at_plugins(HERE).state == "warning"
    plugins[:] = [plugin("s3im-one", "a_plugin:good"), plugin("other", "a_plugin:good")]
    assert software.look_at_plugins(HERE).detail == "methods of this package: 1, other plugins: 1"


def test_tinycudann_that_cannot_be_imported_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "tinycudann", raising=False)
    (tmp_path / "tinycudann.py").write_text("raise OSError('Unknown compute capability')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    finding = software.look_at_tinycudann(HERE)
    assert finding.state == "warning" and "Unknown compute capability" in finding.detail


def test_lpips_without_weights_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    assert software.look_at_lpips(HERE).state == "missing"
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth").write_bytes(b"")
    assert software.look_at_lpips(HERE).state == "ok"
