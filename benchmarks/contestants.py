"""Trainings that compete, each in a process of its own, by nerfstudio's own trainer.

A process of its own, because a training changes what the whole process does: how its memory is freed, which kernels are
switched off, how much memory it has had. Heavy imports are in the functions that the process runs.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from timing import milliseconds

# nerfstudio 1.1.5 uses much that today's torch calls deprecated; pages of warnings would hide the figures.
os.environ.setdefault("PYTHONWARNINGS", "ignore")

Side = Literal["ours", "stock", "plain"]


@dataclass(frozen=True)
class Contestant:
    """What is trained.

    Args:
        method: One of this package's.
        side: ``ours`` is the method as it is; ``stock`` nerfstudio's nerfacto in its torch implementation with the
            method's sizes, its plain loss, and nerfstudio's sampler, pipeline, trainer and Adam; ``plain`` the method
            without this package's kernels for its grids and views, without skipped samples and without the fused Adam,
            and TensoRF-lite with the samples and the width that it had until these gave the same quality as fewer.
        data: The scene.
        device: Where to train.
        seed: Of the training.
        settings: Further settings, as pairs of a field's path below the trainer's configuration and its value.
    """

    method: str
    side: Side
    data: Path
    device: str = "cpu"
    seed: int = 0
    settings: tuple[tuple[str, Any], ...] = ()


def configuration(contestant: Contestant, out: Path) -> Any:
    """The trainer's configuration, for a training without viewer and event files.

    Args:
        contestant: What is trained.
        out: Folder for what nerfstudio writes.
    """
    import copy

    from s3im_methods import method_configs

    config: Any = copy.deepcopy(getattr(method_configs, contestant.method.replace("-", "_")).config)
    config.output_dir, config.timestamp, config.vis = out, "run", "none"
    config.machine.device_type, config.machine.seed = contestant.device, contestant.seed
    config.logging.local_writer.enable = False
    config.pipeline.datamanager.data = contestant.data
    if "nerfacto" in contestant.method:
        # Ours would put transparent images before white and learn their alpha; the other side is to have the same task.
        config.pipeline.model.background_color = "last_sample"
        config.pipeline.model.opacity_loss_mult = 0.0
    for path, value in contestant.settings:
        *parents, name = path.split(".")
        place = config
        for parent in parents:
            place = getattr(place, parent)
        setattr(place, name, value)
    if contestant.side == "ours":
        return config
    for group in config.optimizers.values():
        group["optimizer"].fused = False
    if contestant.side == "stock":
        _make_stock(config)
    else:
        _make_plain(config)
    return config


def _make_stock(config: Any) -> None:
    from dataclasses import fields

    from nerfstudio.data.pixel_samplers import PixelSamplerConfig
    from nerfstudio.engine.trainer import Trainer
    from nerfstudio.models.nerfacto import NerfactoModelConfig
    from nerfstudio.pipelines.base_pipeline import VanillaPipelineConfig

    manager, model = config.pipeline.datamanager, config.pipeline.model
    sizes = {field.name: getattr(model, field.name) for field in fields(NerfactoModelConfig)}
    del sizes["_target"]
    manager.pixel_sampler = PixelSamplerConfig()
    config._target = Trainer
    config.pipeline = VanillaPipelineConfig(
        datamanager=manager, model=NerfactoModelConfig(**{**sizes, "implementation": "torch"})
    )


def _make_plain(config: Any) -> None:
    import torch

    from s3im_methods.encodings.tensor_grids import AxisVM
    from s3im_methods.losses import total_variation
    from s3im_methods.models import s3im_tensorf

    model = config.pipeline.model
    if "tensorf" in config.method_name:
        # There are no settings for the first four; the process is this contestant's own.
        s3im_tensorf.quick_tensorf = lambda model: None
        AxisVM._fused = staticmethod(lambda points: False)
        AxisVM.memory_format = torch.contiguous_format
        total_variation.fused_available = lambda: False
        if config.method_name.endswith("lite"):
            model.num_samples, model.head_width = 32, 64
    elif "neus" in config.method_name:
        model.sdf_field.implementation, model.sdf_field.band = "torch", 0.0
    else:
        model.implementation = "torch"


class Session:
    """A training, inside its process.

    Args:
        contestant: What is trained.
        out: Folder for what nerfstudio writes.
    """

    def __init__(self, contestant: Contestant, out: Path) -> None:
        began = time.perf_counter()
        from nerfstudio.scripts.train import _set_random_seed

        from s3im_methods.compat.lpips import lpips_without_download

        config = configuration(contestant, out)
        _set_random_seed(config.machine.seed)
        with lpips_without_download():
            self.trainer = config.setup(local_rank=0, world_size=1)
            self.trainer.setup()
        self._device, self._steps = contestant.device, 0
        self._start_seconds = time.perf_counter() - began

    def start_seconds(self) -> float:
        """Time from an empty process to one that is ready to train."""
        return self._start_seconds

    def rays(self) -> int:
        """Rays per step."""
        return self.trainer.pipeline.datamanager.get_train_rays_per_batch()

    def steps(self, count: int) -> list[float]:
        """Train so many steps, and return how many milliseconds each took."""
        return [milliseconds(self._step, self._device) for _ in range(count)]

    def _step(self) -> None:
        # The body of nerfstudio's loop.
        from nerfstudio.engine.callbacks import TrainingCallbackLocation as Location

        self.trainer.step = self._steps
        self.trainer.pipeline.train()
        for callback in self.trainer.callbacks:
            callback.run_callback_at_location(self._steps, location=Location.BEFORE_TRAIN_ITERATION)
        self.trainer.train_iteration(self._steps)
        for callback in self.trainer.callbacks:
            callback.run_callback_at_location(self._steps, location=Location.AFTER_TRAIN_ITERATION)
        self._steps += 1

    def view_size(self, scale: float) -> tuple[int, int]:
        """Width and height of the first view, in pixels, its sides times ``scale``."""
        camera = self._camera(scale)
        return int(camera.width), int(camera.height)

    def view(self, scale: float = 1.0) -> float:
        """Render the first view, its sides times ``scale``, and return how many milliseconds it took."""
        camera, pipeline = self._camera(scale), self.trainer.pipeline
        pipeline.eval()
        return milliseconds(lambda: pipeline.model.get_outputs_for_camera(camera), self._device)

    def _camera(self, scale: float) -> Any:
        import copy

        camera = copy.deepcopy(self.trainer.pipeline.datamanager.train_dataset.cameras[0:1])
        camera.rescale_output_resolution(scale)
        return camera.to(self._device)

    def s3im(self, count: int) -> list[float]:
        """Milliseconds of S3IM's loss, forward and backward, on so many batches."""
        import torch

        loss, rays = self.trainer.pipeline.model.s3im.loss_fn, self.rays()
        predicted = torch.rand(rays, 3, device=self._device, requires_grad=True)
        target = torch.rand(rays, 3, device=self._device)
        return [milliseconds(lambda: loss(predicted, target).backward(), self._device) for _ in range(count)]

    def peak_memory_mb(self) -> float:
        """The most memory that the process has had; on a GPU, of the GPU's."""
        import torch

        from s3im_methods.bench.machine import peak_memory_mb

        if self._device.startswith("cuda"):
            return torch.cuda.max_memory_allocated() / (1 << 20)
        return peak_memory_mb()


class Running:
    """A contestant's process; use it in a ``with`` statement, at whose end the process ends.

    Args:
        contestant: What is trained.

    Raises:
        InputError: If the training cannot begin.
    """

    def __init__(self, contestant: Contestant) -> None:
        self._contestant = contestant
        self._folder = TemporaryDirectory(prefix="s3im-bench-")
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    def __enter__(self) -> "Running":
        self._pool.submit(_begin, self._contestant, Path(self._folder.name)).result()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        self._folder.cleanup()

    def ask(self, method: str, *arguments: Any) -> Any:
        """What a method of :class:`Session` returns there."""
        return self._pool.submit(_ask, method, *arguments).result()

    def steps(self, count: int) -> Sequence[float]:
        """Train so many steps, and return how many milliseconds each took."""
        return self.ask("steps", count)


_session: Session | None = None


def _begin(contestant: Contestant, out: Path) -> None:
    global _session  # noqa: PLW0603
    _session = Session(contestant, out)


def _ask(method: str, *arguments: Any) -> Any:
    return getattr(_session, method)(*arguments)
