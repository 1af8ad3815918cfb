"""nerfstudio's trainer, made repeatable and safe to interrupt.

What it adds: every random number of a step is a function of (seed, rank, step), so that a resumed run repeats the run
that was never stopped; a resumed run ends at ``max_num_iterations`` (nerfstudio 1.1.5 runs that many steps more:
issue 3096, fixed on its main branch); a checkpoint is written beside the old one and put in its place when it is
whole; a loss that is not finite stops the run before it reaches a checkpoint; a checkpoint that cannot be read gets
one sentence.
"""

import os
import shutil
from pathlib import Path

import torch
from nerfstudio.engine.trainer import TRAIN_INTERATION_OUTPUT, Trainer
from nerfstudio.utils import comms
from nerfstudio.utils.decorators import check_main_thread
from nerfstudio.utils.rich_utils import CONSOLE
from nerfstudio.viewer.viewer import Viewer

from s3im_methods.compat.checkpoints import explained_load
from s3im_methods.engine.adam import arrange_moments
from s3im_methods.engine.finite_losses import FiniteLossWatch
from s3im_methods.errors import InputError
from s3im_methods.randomness import seed_global, step_seed
from s3im_methods.samplers import PatchAwarePixelSampler, PatchAwarePixelSamplerConfig

_CPU_VIEWER_RESOLUTION = 164
"""Height of the viewer's still picture, in pixels; the panel's slider "Max res" changes it."""


class S3IMTrainer(Trainer):
    """See the module's docstring; everything else is nerfstudio's."""

    _losses_seen: FiniteLossWatch

    def setup(self, test_mode="val") -> None:
        """Build pipeline, optimisers and viewer, and load a checkpoint where the config names one."""
        sampler = getattr(self.config.pipeline.datamanager, "pixel_sampler", None)
        if isinstance(sampler, PatchAwarePixelSamplerConfig):
            # For what is drawn where no step seeds the sampler: in evaluation, and in other processes.
            sampler.seed = self.config.machine.seed
        super().setup(test_mode)
        self._keep_what_the_data_decided()
        self._losses_seen = FiniteLossWatch()
        if self.device == "cpu" and isinstance(self.viewer_state, Viewer):
            # nerfstudio renders 512 pixels high, and training waits meanwhile: half a minute on a CPU.
            self.viewer_state.control_panel._max_res.value = _CPU_VIEWER_RESOLUTION

    def _keep_what_the_data_decided(self) -> None:
        """Write a preset's settings into config.yml, so that the run is later rendered without its images."""
        model = self.pipeline.model
        if model.decides_by_data and comms.is_main_process():
            self.config.pipeline.model = model.kept_config  # type: ignore[assignment]
            self.config.save_config()

    def train(self) -> None:
        """Train up to ``max_num_iterations``, counted from the run's first step, also when resumed."""
        total = self.config.max_num_iterations
        if self._start_step >= total:
            CONSOLE.print(
                f"Nothing to train: the checkpoint has {self._start_step} steps and --max-num-iterations is {total}."
            )
            return
        # nerfstudio's loop runs this many steps from where it starts.
        self.config.max_num_iterations = total - self._start_step
        try:
            super().train()
        finally:
            self.config.max_num_iterations = total

    def train_iteration(self, step: int) -> TRAIN_INTERATION_OUTPUT:
        """One optimisation step, with its random numbers seeded by the step.

        Raises:
            InputError: If a loss term is NaN or infinite.
        """
        self._seed_step(step)
        output = super().train_iteration(step)
        self._losses_seen.update(step, output[1])
        return output

    def _seed_step(self, step: int) -> None:
        seed, rank = self.config.machine.seed, comms.get_rank()
        seed_global(step_seed(seed, rank, step, "global"), self.device)
        self.pipeline.model.s3im.reseed(step_seed(seed, rank, step, "permutations"))  # type: ignore[union-attr,operator]
        # Where other processes draw the pixels there is none here.
        sampler = getattr(self.pipeline.datamanager, "train_pixel_sampler", None)
        if isinstance(sampler, PatchAwarePixelSampler):
            sampler.reseed(step_seed(seed, rank, step, "pixels"))

    @check_main_thread
    def save_checkpoint(self, step: int) -> None:
        """Write a checkpoint such that an interruption at any moment leaves a loadable one.

        Raises:
            InputError: If a loss or a parameter is not finite; nothing is written then.
        """
        self._losses_seen.check()
        self._check_parameters(step)
        final_dir = self.checkpoint_dir
        # Beside the folder, not in it: nerfstudio's loaders take every name in the folder for a checkpoint.
        staging_dir = final_dir.with_name(final_dir.name + "-writing")
        shutil.rmtree(staging_dir, ignore_errors=True)
        self.checkpoint_dir = staging_dir
        try:
            super().save_checkpoint(step)
        finally:
            self.checkpoint_dir = final_dir
        final_dir.mkdir(parents=True, exist_ok=True)
        for written in staging_dir.glob("*.ckpt"):
            _flush_to_disk(written)
            os.replace(written, final_dir / written.name)
            if self.config.save_only_latest_checkpoint:
                for old in final_dir.glob("*.ckpt"):
                    if old.name != written.name:
                        old.unlink()
        staging_dir.rmdir()

    def _check_parameters(self, step: int) -> None:
        for name, parameter in self.pipeline.named_parameters():
            if not torch.isfinite(parameter).all():
                raise InputError(
                    f"Parameter {name} is not finite after step {step}: training stops without saving it and the last "
                    "good checkpoint stays; lower that group's learning rate."
                )

    def _load_checkpoint(self) -> None:
        source = self.config.load_checkpoint
        if self.config.load_dir is not None:
            source = self.config.load_dir
            if not any(Path(source).glob("step-*.ckpt")):
                raise InputError(
                    f"No checkpoint (step-*.ckpt) in '{source}': give --load-dir the nerfstudio_models folder of a run."
                )
        elif source is not None and not source.is_file():
            raise InputError(f"No checkpoint at '{source}': give --load-checkpoint a step-*.ckpt file.")
        with explained_load(source):
            super()._load_checkpoint()
        for optimizer in self.optimizers.optimizers.values():
            arrange_moments(optimizer)


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
