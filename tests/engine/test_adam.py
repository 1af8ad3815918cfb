"""One kernel does what nerfstudio's Adam does in many; runs from before it can be continued."""

from typing import Any

import pytest
import torch
from nerfstudio.engine.optimizers import AdamOptimizerConfig

from s3im_methods.engine.adam import BetaAdamConfig, FusedAdamConfig, arrange_moments


def trained(config, steps: int = 20) -> tuple[torch.nn.Parameter, torch.optim.Optimizer]:
    torch.manual_seed(0)
    parameter = torch.nn.Parameter(torch.randn(50, 4))
    optimizer = config.setup(params=[parameter])
    advance(parameter, optimizer, steps)
    return parameter, optimizer


def advance(parameter: torch.nn.Parameter, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        (parameter**4 - parameter).sum().backward()
        optimizer.step()


def test_the_update_is_nerfstudios():
    settings: dict[str, Any] = {"lr": 1e-2, "eps": 1e-15, "weight_decay": 1e-3}
    stock, _ = trained(AdamOptimizerConfig(**settings))
    ours, optimizer = trained(FusedAdamConfig(**settings))
    torch.testing.assert_close(ours, stock)
    assert optimizer.param_groups[0]["fused"] is True


def test_betas_reach_the_update():
    usual, _ = trained(BetaAdamConfig(lr=1e-2, betas=(0.9, 0.999)))
    expected, _ = trained(FusedAdamConfig(lr=1e-2))
    other, optimizer = trained(BetaAdamConfig(lr=1e-2))
    assert torch.equal(usual, expected) and not torch.allclose(other, expected)
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.99)


def test_a_run_of_nerfstudios_adam_can_be_continued():
    expected, _ = trained(AdamOptimizerConfig(lr=1e-2), steps=30)
    parameter, before = trained(AdamOptimizerConfig(lr=1e-2))
    after = FusedAdamConfig(lr=1e-2).setup(params=[parameter])
    after.load_state_dict(before.state_dict())
    advance(parameter, after, 10)
    torch.testing.assert_close(parameter, expected)


def test_settings_stored_before_there_was_one_kernel_still_make_an_optimizer():
    stored = BetaAdamConfig(lr=1e-2)
    del stored.__dict__["fused"]
    assert trained(stored)[1].param_groups[0]["fused"] is None


@pytest.mark.parametrize("arranged", [True, False])
def test_moments_that_lie_otherwise_in_memory_are_arranged(arranged):
    """Where torch's kernel looks at strides itself one day, the other case fails, and ``arrange_moments`` can go."""
    expected, _ = trained(FusedAdamConfig(lr=1e-2), steps=30)
    torch.manual_seed(0)
    values = torch.randn(50, 4)
    parameter = torch.nn.Parameter(values.t().contiguous().t())
    optimizer = FusedAdamConfig(lr=1e-2).setup(params=[parameter])
    advance(parameter, optimizer, 20)
    state = optimizer.state[parameter]
    for name in ("exp_avg", "exp_avg_sq"):
        state[name] = state[name].contiguous()
    if arranged:
        arrange_moments(optimizer)
    advance(parameter, optimizer, 10)
    assert torch.allclose(parameter, expected, atol=1e-6) is arranged
