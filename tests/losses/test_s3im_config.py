"""S3IM's settings and its weight over the steps."""

from dataclasses import replace
from itertools import pairwise

import pytest
import tyro
import yaml
from hypothesis import given
from hypothesis import strategies as st

from s3im_methods.errors import InputError
from s3im_methods.losses import S3IM, S3IMConfig, s3im_weight


def test_defaults_build_the_default_module():
    config, module, default = S3IMConfig(), S3IMConfig().build(), S3IM()
    for name in ("kernel_size", "stride", "repeat_time", "patch_height", "patch_width", "mode"):
        assert getattr(module, name) == getattr(default, name) == getattr(config, name)
    assert module.denominators == "held" and default.denominators == "free"  # The module alone is the paper's.


def test_every_setting_reaches_the_module():
    settings = {
        "kernel_size": 5,
        "stride": 2,
        "repeat_time": 3,
        "patch_height": 32,
        "patch_width": 16,
        "mode": "official",
        "denominators": "free",
    }
    module = S3IMConfig(**settings).build()  # type: ignore[arg-type]
    assert {name: getattr(module, name) for name in settings} == settings


def test_settings_can_be_given_on_the_command_line():
    arguments = ["--loss-mult", "0.5", "--mode", "patch", "--stride", "1", "--start-step", "10", "--ramp-steps", "20"]
    config = tyro.cli(S3IMConfig, args=arguments)
    assert config == S3IMConfig(loss_mult=0.5, mode="patch", stride=1, start_step=10, ramp_steps=20)


@given(step=st.integers(0, 10**6), mult=st.floats(0, 100))
def test_by_default_the_weight_is_constant(step, mult):
    assert s3im_weight(S3IMConfig(loss_mult=mult), step) == mult


@given(step=st.integers(0, 300), start=st.integers(0, 100), ramp=st.integers(0, 100), mult=st.floats(0, 100))
def test_the_weight_is_zero_then_a_line_then_constant(step, start, ramp, mult):
    weight = s3im_weight(S3IMConfig(loss_mult=mult, start_step=start, ramp_steps=ramp), step)
    if step < start:
        assert weight == 0
    elif step >= start + ramp:
        assert weight == mult
    else:
        assert weight == pytest.approx(mult * (step - start) / ramp)


@given(start=st.integers(0, 100), ramp=st.integers(0, 100), fall=st.integers(1, 300), mult=st.floats(0.01, 100))
def test_in_balance_the_weight_falls_to_zero_at_the_end_and_stays_there(start, ramp, fall, mult):
    top, end = start + ramp, start + ramp + fall
    config = S3IMConfig(loss_mult=mult, start_step=start, ramp_steps=ramp, end_step=end)
    weights = [s3im_weight(config, step) for step in range(top, end + 2)]
    assert weights[0] == mult and weights[-2:] == [0.0, 0.0]
    assert all(after < before for before, after in pairwise(weights[:-1]))
    # Half of it is left in the middle, and as much is gone before it as is left after it.
    assert [a + b for a, b in zip(weights[:-1], weights[-2::-1], strict=True)] == pytest.approx([mult] * (fall + 1))


@given(step=st.integers(0, 1000))
def test_the_papers_sum_never_falls(step):
    assert s3im_weight(S3IMConfig(balance="add", end_step=10), step) == 1.0


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            {"start_step": 5, "ramp_steps": 5, "end_step": 10},
            "end_step (--pipeline.model.s3im.end-step) is 10: give a step after --pipeline.model.s3im.start-step and "
            "--pipeline.model.s3im.ramp-steps, which end at step 10, or None.",
        ),
        ({"loss_mult": -1.0}, "weight (--pipeline.model.s3im.loss-mult) is -1.0: give a number, 0 or above."),
        ({"loss_mult": float("nan")}, "weight (--pipeline.model.s3im.loss-mult) is nan: give a number, 0 or above."),
        ({"loss_mult": float("inf")}, "weight (--pipeline.model.s3im.loss-mult) is inf: give a number, 0 or above."),
        ({"start_step": -5}, "start_step (--pipeline.model.s3im.start-step) is -5: give 0 or more steps."),
        ({"ramp_steps": -1}, "ramp_steps (--pipeline.model.s3im.ramp-steps) is -1: give 0 or more steps."),
        ({"kernel_size": 0}, "kernel_size (--pipeline.model.s3im.kernel-size) is 0: give at least 1."),
        ({"repeat_time": 0}, "repeat_time (--pipeline.model.s3im.repeat-time) is 0: give at least 1."),
        ({"patch_height": 0}, "patch_height (--pipeline.model.s3im.patch-height) is 0: give at least 1."),
        ({"patch_width": -64}, "patch_width (--pipeline.model.s3im.patch-width) is -64: give at least 1."),
    ],
)
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(InputError) as raised:
        replace(S3IMConfig(), **setting).build()
    assert str(raised.value) == f"S3IM's {message}"


def test_by_default_s3im_pulls_no_harder_than_the_method():
    assert S3IMConfig().balance == "keep"


@pytest.mark.parametrize("balance", ["keep", "add"])
def test_denominators_are_held_in_balance_and_free_in_the_papers_sum(balance):
    config = S3IMConfig(balance=balance)
    assert config.build().denominators == {"keep": "held", "add": "free"}[balance]
    for chosen in ("held", "free"):
        assert replace(config, denominators=chosen).build().denominators == chosen


def test_a_config_from_before_held_denominators_goes_on_with_free_ones():
    old = yaml.load("!!python/object:s3im_methods.losses.s3im_config.S3IMConfig {balance: keep}", yaml.Loader)
    for config in (old, replace(old, loss_mult=1.0)):
        assert (config.balance, config.denominators) == ("keep", "free")


def test_a_config_from_before_the_setting_goes_on_with_the_sum():
    old = yaml.load("!!python/object:s3im_methods.losses.s3im_config.S3IMConfig {loss_mult: 0.5}", yaml.Loader)
    assert (old.loss_mult, old.balance) == (0.5, "add")
    assert replace(old, loss_mult=1.0).balance == "add"


def test_a_control_of_s3im_in_balance_is_refused():
    with pytest.raises(InputError, match=r"role control needs .*balance add"):
        S3IMConfig(role="control", balance="keep").build()
