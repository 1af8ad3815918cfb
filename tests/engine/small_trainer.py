"""A trainer of one layer, for what needs neither scene nor viewer."""

import types
from pathlib import Path

import torch

from s3im_methods.engine.finite_losses import FiniteLossWatch
from s3im_methods.engine.trainer import S3IMTrainer


class Layer(torch.nn.Linear):
    """Has what nerfstudio's trainer asks of a pipeline."""

    def load_pipeline(self, state: dict, step: int) -> None:
        self.load_state_dict(state)


def trainer(folder: Path, value: float = 1.0) -> S3IMTrainer:
    """A trainer of one parameter, without scene and viewer."""
    result = object.__new__(S3IMTrainer)
    layer = Layer(200, 200)
    torch.nn.init.constant_(layer.weight, value)
    layer.datamanager = types.SimpleNamespace()  # type: ignore[assignment]
    layer.model = types.SimpleNamespace(decides_by_data=False)  # type: ignore[assignment]
    result.pipeline = layer  # type: ignore[assignment]
    result.checkpoint_dir = folder
    result.config = types.SimpleNamespace(  # type: ignore[assignment]
        method_name="layer",
        optimizers={},
        pipeline=types.SimpleNamespace(model=types.SimpleNamespace(_target=Layer)),
        save_only_latest_checkpoint=True,
        load_dir=None,
        load_checkpoint=None,
        load_step=None,
        load_scheduler=True,
        gradient_accumulation_steps={},
    )
    result.optimizers = types.SimpleNamespace(
        optimizers={}, schedulers={}, load_optimizers=lambda _: None, load_schedulers=lambda _: None
    )  # type: ignore[assignment]
    result.grad_scaler = torch.amp.GradScaler("cpu", enabled=False)  # type: ignore[assignment]
    result._losses_seen = FiniteLossWatch()
    return result


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
