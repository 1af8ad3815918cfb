"""Which methods can be trained with S3IM, and the sentence for each that cannot."""

import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest
from nerfstudio.configs.method_configs import all_methods

from s3im_methods.errors import InputError
from s3im_methods.models.any_method import methods
from s3im_methods.models.any_method.configs import with_s3im
from s3im_methods.models.any_method.methods import known_methods, refusal

REFUSED = {
    "splatfacto": "renders whole images, not rays",
    "splatfacto-big": "renders whole images, not rays",
    "generfacto": "learns from a prompt, not from photos",
    "instant-ngp": "occupancy grid, which needs CUDA",
    "instant-ngp-bounded": "occupancy grid, which needs CUDA",
    "s3im-nerfacto": "'s3im-nerfacto' has S3IM already: its flags are --pipeline.model.s3im.*",
    "nerfacot": "No method 'nerfacot': did you mean nerfacto?",
    "some-thing-else-entirely": "s3im train --help lists those that are installed.",
    "kplanes": "'kplanes' is not installed: install it by pip install kplanes-nerfstudio.",
    "volinga": "'volinga' is not installed: ",
}


@pytest.fixture
def no_cuda(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


@pytest.mark.parametrize("name", REFUSED)
def test_a_sentence_says_why_not(name, no_cuda):
    sentence = refusal(name)
    assert sentence is not None and REFUSED[name] in sentence and "\n" not in sentence
    if not name.startswith("s3im-"):
        with pytest.raises(InputError) as refused:
            with_s3im(name)
        assert str(refused.value) == sentence


def test_with_cuda_instant_ngp_can(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert refusal("instant-ngp") is None and refusal("splatfacto") is not None


def test_a_method_of_others_that_has_s3im_is_left_to_itself(monkeypatch):
    model = SimpleNamespace(_target=object, s3im_loss_mult=1.0)
    pipeline = SimpleNamespace(datamanager=SimpleNamespace(_target=object), model=model)
    monkeypatch.setitem(all_methods, "theirs", SimpleNamespace(pipeline=pipeline))
    assert refusal("theirs") == "'theirs' has S3IM already: ns-train has its flags, so train it by ns-train theirs."


def test_a_method_without_a_model_is_refused(monkeypatch):
    monkeypatch.setitem(all_methods, "odd", SimpleNamespace(pipeline=SimpleNamespace()))
    assert "has no data manager and model" in str(refusal("odd"))


def test_our_own_methods_are_as_they_are():
    config = with_s3im("s3im-nerfacto-lite", ["--max-num-iterations", "7"])
    own = all_methods["s3im-nerfacto-lite"]
    assert config.method_name == "s3im-nerfacto-lite" and config.max_num_iterations == 7
    assert type(config) is type(own) and config._target is own._target and own.max_num_iterations != 7


def test_a_broken_plugin_is_named(monkeypatch):
    # What nerfstudio's import ends with then; a module that is None cannot be imported.
    monkeypatch.setitem(sys.modules, "nerfstudio.configs.method_configs", None)
    broken = EntryPoint("bad", "no_such_module_here:bad", "nerfstudio.method_configs")
    monkeypatch.setattr(methods, "entry_points", lambda group: [broken] if group == broken.group else [])
    with pytest.raises(InputError) as refused:
        known_methods()
    sentence = str(refused.value)
    assert "The plugin no_such_module_here cannot be imported" in sentence and "ModuleNotFoundError" in sentence
    assert "pip uninstall" in sentence


def test_nerfstudios_own_failure_is_not_blamed_on_a_plugin(monkeypatch):
    monkeypatch.setitem(sys.modules, "nerfstudio.configs.method_configs", None)
    monkeypatch.setattr(methods, "entry_points", lambda group: [])
    with pytest.raises(ImportError):
        known_methods()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 accepts it")
def test_a_plugin_for_older_pythons_is_told_which(monkeypatch, tmp_path):
    (tmp_path / "older_plugin.py").write_text(
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Settings:\n    width: int = 1\n"
        "@dataclass\nclass Config:\n    settings: Settings = Settings()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "nerfstudio.configs.method_configs", None)
    point = EntryPoint("older", "older_plugin:Config", "nerfstudio.method_configs")
    monkeypatch.setattr(methods, "entry_points", lambda group: [point] if group == point.group else [])
    with pytest.raises(InputError, match=r"mutable default .* use Python 3\.10, which accepts it"):
        known_methods()
