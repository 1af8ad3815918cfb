"""Which methods can be trained with S3IM, and the sentence for each that cannot."""

from types import SimpleNamespace

import pytest
from nerfstudio.configs.method_configs import all_methods

from s3im_methods.errors import InputError
from s3im_methods.models.any_method.configs import with_s3im
from s3im_methods.models.any_method.methods import refusal

REFUSED = {
    "splatfacto": "renders whole images, not rays",
    "splatfacto-big": "renders whole images, not rays",
    "generfacto": "choose a method that learns from photos, such as nerfacto.",
    "instant-ngp": "occupancy grid, which needs CUDA",
    "instant-ngp-bounded": "occupancy grid, which needs CUDA",
    "s3im-nerfacto": "'s3im-nerfacto' has S3IM already: its flags are --pipeline.model.s3im.*",
    "nerfacot": "No method 'nerfacot': did you mean nerfacto?",
    "NeRFacto": "No method 'NeRFacto': did you mean nerfacto?",
    "some-thing-else-entirely": "s3im train alone lists those that are installed.",
    "kplanes": "'kplanes' is not installed: install it by pip install kplanes-nerfstudio.",
    "volinga": "'volinga' is not installed: ",
    "zipnerf": "'zipnerf' is not installed: install it by pip install git+https://github.com/SuLvXiangXin/zipnerf-pytorch.",
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


def test_two_methods_are_one_too_many():
    for name in ("nerfacto", "s3im-nerfacto"):
        with pytest.raises(InputError, match=rf"^Two methods are given, {name} and dnerf: s3im train takes one"):
            with_s3im(name, ["dnerf", "--data", "scene"])


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
