"""Runs of mip-NeRF's family: several scales, depth, and a resumed run that repeats the straight one."""

import copy
from typing import Any

import pytest
import torch
from short_runs import short_config, train

from s3im_methods import method_configs

TINY = {
    "num_layers": 3,
    "hidden_dim": 16,
    "num_octaves": 4,
}
METHODS = {
    "s3im_mipnerf": {**TINY, "num_coarse_samples": 8, "num_importance_samples": 8},
    "s3im_mipnerf_lite": {"log2_hashmap_size": 10},
    "s3im_mipnerf360": {**TINY, "num_proposal_layers": 2, "proposal_dim": 16},
    "s3im_mipnerf360_lite": {"log2_hashmap_size": 10, "dilation": 0.5},
}


def settings(method: str, scene, out, steps: int) -> Any:
    result = short_config(getattr(method_configs, method).config, scene, out, steps)
    for name, value in METHODS[method].items():
        setattr(result.pipeline.model, name, value)
    result.pipeline.datamanager.scales = (1, 2)
    result.mixed_precision = False
    return result


@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_run_repeats_the_straight_one_at_several_scales(method, scenes, tmp_path):
    scene = scenes / "room"
    straight = train(settings(method, scene, tmp_path / "straight", 6))
    first = settings(method, scene, tmp_path / "resumed", 3)
    train(copy.deepcopy(first))
    again = settings(method, scene, tmp_path / "resumed", 6)
    again.load_dir = first.get_checkpoint_dir()
    resumed = train(again)
    assert straight["step"] == resumed["step"] == 5
    for key, value in straight["pipeline"].items():
        torch.testing.assert_close(resumed["pipeline"][key], value, rtol=0, atol=0, msg=lambda m, k=key: f"{k}: {m}")


def test_each_scale_is_judged_by_itself(scenes, tmp_path):
    trainer = settings("s3im_mipnerf360_lite", scenes / "room", tmp_path, 1).setup(local_rank=0, world_size=1)
    trainer.setup()
    assert trainer.pipeline.model.config.depth.kind == "bounded"
    found = trainer.pipeline.get_average_eval_image_metrics()
    assert {"psnr", "psnr_scale_1", "psnr_scale_2", "ssim_scale_2", "depth_abs_rel_scale_2"} <= found.keys()
    assert 2 * found["psnr"] == pytest.approx(found["psnr_scale_1"] + found["psnr_scale_2"])


def test_networks_of_mip_nerf_360_have_the_papers_adam_and_hash_grids_nerfactos():
    for method, expected in (("s3im_mipnerf360", (1e-6, 1e-3)), ("s3im_mipnerf360_lite", (1e-15, None))):
        optimizers = getattr(method_configs, method).config.optimizers
        for name in ("fields", "proposal_networks"):
            optimizer = optimizers[name]["optimizer"]
            assert (optimizer.eps, optimizer.max_norm) == expected


@pytest.mark.parametrize("mixed_precision", [False, True])
def test_gradients_of_each_group_of_mip_nerf_360_are_clipped(mixed_precision, scenes, tmp_path, monkeypatch):
    given = settings("s3im_mipnerf360", scenes / "room", tmp_path, 2)
    given.mixed_precision = mixed_precision
    norms: list[float] = []

    step = torch.optim.Adam.step

    def seen(optimizer: torch.optim.Adam, *args: Any) -> Any:
        (group,) = optimizer.param_groups
        if group["eps"] == 1e-6:
            norms.append(torch.stack([p.grad.norm() for p in group["params"] if p.grad is not None]).norm().item())
        return step(optimizer, *args)

    monkeypatch.setattr(torch.optim.Adam, "step", seen)
    checkpoint = train(given)
    assert len(norms) == 4 and max(norms) <= 1.01e-3
    assert all(value.isfinite().all() for value in checkpoint["pipeline"].values())
