"""The log-linear learning rate against its formula, and as torch and nerfstudio use it."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig

from s3im_methods.engine.log_linear_schedule import LogLinearSchedulerConfig, log_linear_rate
from s3im_methods.errors import InputError


@given(step=st.integers(0, 25_000))
def test_it_is_the_papers_formula(step):
    config = LogLinearSchedulerConfig(lr_final=2e-5, max_steps=25_000)
    m, k = 0.01, step / 25_000
    expected = (m + (1 - m) * math.sin(math.pi / 2 * min(step / 512, 1))) * math.exp(
        (1 - k) * math.log(2e-3) + k * math.log(2e-5)
    )
    assert log_linear_rate(config, 2e-3, step) == pytest.approx(expected, rel=1e-12)


def test_it_begins_small_and_ends_at_the_last_step():
    config = LogLinearSchedulerConfig(lr_final=1e-4, max_steps=2000)
    assert log_linear_rate(config, 1e-2, 0) == pytest.approx(1e-4)
    assert log_linear_rate(config, 1e-2, 2000) == log_linear_rate(config, 1e-2, 9999) == pytest.approx(1e-4)


def rates(config, steps: int, lr: float = 1e-2) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = config.setup().get_scheduler(optimizer, lr)
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def test_torch_follows_it():
    config = LogLinearSchedulerConfig(lr_final=1e-3, max_steps=30, warmup_steps=5)
    assert rates(config, 40) == pytest.approx([log_linear_rate(config, 1e-2, step) for step in range(40)])


def test_without_a_warm_up_it_is_nerfstudios_decay():
    ours = LogLinearSchedulerConfig(lr_final=1e-3, max_steps=30, warmup_steps=0)
    assert rates(ours, 40) == pytest.approx(rates(ExponentialDecaySchedulerConfig(lr_final=1e-3, max_steps=30), 40))


@pytest.mark.parametrize(
    ("settings", "lr", "flag"),
    [({"lr_final": 0.0}, 1e-2, "lr-final"), ({}, 0.0, r"optimizer\.lr"), ({"max_steps": 0}, 1e-2, "max-steps")],
)
def test_settings_out_of_range_name_their_flag(settings, lr, flag):
    with pytest.raises(InputError, match=flag):
        rates(LogLinearSchedulerConfig(**settings), 1, lr)
