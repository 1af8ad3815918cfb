"""Runs of a few steps in this process, by the trainer and from settings that a user could give."""

import copy
from pathlib import Path
from typing import Any

import torch
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.scripts.train import _set_random_seed


def short_config(method: TrainerConfig, scene: Path, out: Path, steps: int) -> Any:
    """A method's settings for a run of 64 rays per step; its folder is ``out/run/METHOD/one``."""
    result: Any = copy.deepcopy(method)
    result.output_dir, result.experiment_name, result.timestamp = out, "run", "one"
    result.vis, result.max_num_iterations, result.steps_per_save = "tensorboard", steps, 1000
    result.machine.device_type = "cpu"
    result.pipeline.datamanager.data = scene
    result.pipeline.datamanager.train_num_rays_per_batch = 64
    result.pipeline.datamanager.eval_num_rays_per_batch = 64
    return result


def train(settings: Any) -> dict[str, Any]:
    """Train, and return the last checkpoint."""
    _set_random_seed(settings.machine.seed)
    # As ns-train does, before the data are known.
    settings.save_config()
    trainer = settings.setup(local_rank=0, world_size=1)
    trainer.setup()
    trainer.train()
    (checkpoint,) = Path(settings.get_checkpoint_dir()).glob("*.ckpt")
    return torch.load(checkpoint)
