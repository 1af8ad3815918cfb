"""The cosine decay: nerfstudio's up to its end, and constant from there on."""

import pytest
import torch
from nerfstudio.engine.schedulers import CosineDecaySchedulerConfig

from s3im_methods.engine.cosine_schedule import CosineSchedulerConfig

SETTINGS = {"warm_up_end": 5, "learning_rate_alpha": 0.05, "max_steps": 40}


def rates(config, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = config.setup().get_scheduler(optimizer, 2.0)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_up_to_its_end_it_is_nerfstudios():
    assert rates(CosineSchedulerConfig(**SETTINGS), 41) == rates(CosineDecaySchedulerConfig(**SETTINGS), 41)


def test_it_stays_at_its_end():
    found = rates(CosineSchedulerConfig(**SETTINGS), 80)
    assert found[40] == pytest.approx(0.1)
    assert set(found[40:]) == {found[40]}


def test_nerfstudios_own_rises_again():
    # When this fails, upstream has mended it, and ours can go.
    found = rates(CosineDecaySchedulerConfig(**SETTINGS), 80)
    assert max(found[41:]) > 1.0
