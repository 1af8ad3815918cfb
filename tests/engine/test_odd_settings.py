"""Numbers of rays and steps that cannot be, and flags that others switch off."""

import copy

import pytest
from nerfstudio.configs.method_configs import all_methods

from s3im_methods.engine.leaves import leaves
from s3im_methods.engine.odd_settings import _LEAST, _SWITCHES, check_counts, idle_settings
from s3im_methods.errors import InputError


def config(method: str, **settings):
    found = copy.deepcopy(all_methods[method])
    for path, value in settings.items():
        *parents, last = path.split("__")
        holder = found
        for parent in parents:
            holder = getattr(holder, parent)
        setattr(holder, last, value)
    return found


@pytest.mark.parametrize("method", all_methods)
def test_no_method_is_odd_by_itself(method):
    if hasattr(all_methods[method], "pipeline"):
        check_counts(all_methods[method])
    assert idle_settings(all_methods[method]) == []


@pytest.mark.parametrize("name", _LEAST)
@pytest.mark.parametrize("method", ["s3im-nerfacto", "nerfacto"])
def test_numbers_that_are_too_small(name, method):
    given = config(method, **{name.replace(".", "__"): _LEAST[name]})
    check_counts(given)
    given = config(method, **{name.replace(".", "__"): _LEAST[name] - 1})
    with pytest.raises(InputError, match=rf"--{name.replace('_', '-')} is {_LEAST[name] - 1}: give {_LEAST[name]} or"):
        check_counts(given)


def test_steps_of_accumulation():
    with pytest.raises(InputError, match="--gradient-accumulation-steps of fields is 0: give 1 or more"):
        check_counts(config("s3im-nerfacto", gradient_accumulation_steps={"fields": 0}))


def test_switches_are_settings():
    known = {name for method in all_methods.values() for name, _ in leaves(method)}
    for beginning, switch, _ in _SWITCHES:
        assert switch in known
        assert any(name.startswith(beginning) for name in known - {switch})


def test_flags_of_what_is_off():
    assert idle_settings(config("s3im-nerfacto", pipeline__model__s3im__loss_mult=0.0)) == []
    off = {"pipeline__model__s3im__loss_mult": 0.0, "pipeline__model__s3im__kernel_size": 8}
    assert idle_settings(config("s3im-nerfacto", **off, pipeline__model__s3im__patch_height=8)) == [
        "--pipeline.model.s3im.kernel-size, --pipeline.model.s3im.patch-height have no effect, because "
        "--pipeline.model.s3im.loss-mult is 0.0."
    ]


def test_a_height_that_a_mode_ignores():
    (line,) = idle_settings(config("s3im-nerfacto", pipeline__model__s3im__patch_height=8))
    assert line == ("--pipeline.model.s3im.patch-height has no effect, because --pipeline.model.s3im.mode is grouped.")
    official = {"pipeline__model__s3im__mode": "official", "pipeline__model__s3im__patch_height": 8}
    assert idle_settings(config("s3im-nerfacto", **official)) == []


def test_depth_that_is_not_learned():
    given = config("s3im-depth-nerfacto", pipeline__model__depth__kind="none", pipeline__model__depth__loss_mult=5.0)
    (line,) = idle_settings(given)
    assert line == "--pipeline.model.depth.loss-mult has no effect, because --pipeline.model.depth.kind is none."
