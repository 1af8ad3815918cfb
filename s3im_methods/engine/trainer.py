"""nerfstudio's trainer, made repeatable and safe to interrupt.

What it adds: every random number of a step is a function of (seed, rank, step), so that a resumed run repeats the run
that was never stopped; a resumed run ends at ``max_num_iterations`` (nerfstudio 1.1.5 runs that many steps more:
issue 3096, fixed on its main branch); checkpoints are whole (:mod:`s3im_methods.engine.safe_checkpoints`) and loaded
with their settings (:mod:`s3im_methods.engine.resumption`); a training that is interrupted ends between two steps
(:mod:`s3im_methods.engine.interruption`); a loss that is not finite stops the run before it reaches a checkpoint;
several of the latest checkpoints can be kept, each judged on the held-out views; a training can begin with another
run's weights.
"""

import copy
import json
import os
import traceback
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nerfstudio.engine.trainer import TRAIN_INTERATION_OUTPUT, TrainerConfig
from nerfstudio.utils import comms, writer
from nerfstudio.utils.decorators import check_main_thread
from nerfstudio.viewer.viewer import Viewer

from s3im_methods.compat.viewer_turns import PacedViewer, TurnLock
from s3im_methods.console import say, warn
from s3im_methods.engine.finite_losses import FiniteLossWatch
from s3im_methods.engine.interruption import Interruption, what_is_left
from s3im_methods.engine.resumption import Resumption
from s3im_methods.engine.run_place import checkpoint_name, fit_hardware
from s3im_methods.engine.small_numbers import small_numbers_are_0
from s3im_methods.engine.training_start import save_config
from s3im_methods.engine.warm_start import begin_with_weights
from s3im_methods.errors import InputError
from s3im_methods.interruptions import NO_READER, drop_output, output_fails
from s3im_methods.outputs import cannot_write, check_output_folder, is_about_the_place, reason
from s3im_methods.randomness import seed_global, step_seed
from s3im_methods.samplers import PatchAwarePixelSampler, PatchAwarePixelSamplerConfig

_CPU_VIEWER_RESOLUTION = 164
"""Longer side of the viewer's still picture, in pixels; the panel's slider "Max res" changes it."""


EVALUATIONS = "evaluations.jsonl"
"""File in a run's folder with a line of metrics for each checkpoint that was judged."""


@dataclass
class S3IMTrainerConfig(TrainerConfig):
    """nerfstudio's settings of a training, and what ours adds."""

    _target: type = field(default_factory=lambda: S3IMTrainer)
    """The class to instantiate."""
    keep_checkpoints: int | None = None
    """How many of the latest checkpoints stay; if not set, save-only-latest-checkpoint decides between one and all."""
    eval_at_save: bool = False
    """Whether to evaluate all held-out views at each checkpoint; metrics are printed and added to evaluations.jsonl in
    the run's folder."""
    warm_start: Path | None = None
    """A checkpoint, or a run's folder, whose weights the training begins with, at step 0 and with new optimisers; to
    resume a run give load-dir in its place."""


class S3IMTrainer(Resumption):
    """See the module's docstring; everything else is nerfstudio's.

    Args:
        config: Ours or, from the config.yml of an old run, nerfstudio's.
        local_rank: Of this process on its machine.
        world_size: How many processes train.
    """

    _losses_seen: FiniteLossWatch
    _interruption: Interruption
    _last_made: int | None = None

    def __init__(self, config: TrainerConfig, local_rank: int = 0, world_size: int = 1) -> None:
        # A config.yml may come from a machine with a GPU.
        fit_hardware(config)
        super().__init__(config, local_rank, world_size)
        self.train_lock = TurnLock()  # type: ignore[assignment]

    def setup(self, test_mode="val") -> None:
        """Build pipeline, optimisers and viewer, and load a checkpoint where the config names one.

        Raises:
            InputError: If the run's folder cannot be written, the scene not be used or the checkpoint not be loaded.
        """
        check_output_folder(self.checkpoint_dir, "--output-dir")
        if (keep := self._setting("keep_checkpoints")) is not None and keep < 1:
            raise InputError(f"--keep-checkpoints is {keep}: give 1 or more.")
        if self._setting("eval_at_save") and self.world_size > 1:
            # One of them evaluates, and the others wait for it only as long as their next exchange may last.
            raise InputError(
                f"--eval-at-save works with one process only, but this training has {self.world_size}: leave the flag "
                "out and evaluate the checkpoints with ns-eval, or give --machine.num-devices 1."
            )
        sampler = getattr(self.config.pipeline.datamanager, "pixel_sampler", None)
        if isinstance(sampler, PatchAwarePixelSamplerConfig):
            # For what is drawn where no step seeds the sampler: in evaluation, and in other processes.
            sampler.seed = self.config.machine.seed
        try:
            super().setup(test_mode)
        except Exception as error:
            if not any(frame.name == "setup_event_writer" for frame in traceback.extract_tb(error.__traceback__)):
                raise
            raise InputError(
                f"--vis {self.config.vis} cannot begin ({reason(error).rstrip('.')}): log in there, or give --vis "
                "tensorboard."
            ) from error
        self._keep_what_the_data_decided()
        self._say_what_is_not_reached()
        self._losses_seen = FiniteLossWatch()
        if isinstance(self.viewer_state, Viewer):
            self.viewer_state.__class__ = PacedViewer
        if self.device == "cpu" and isinstance(self.viewer_state, Viewer):
            # nerfstudio renders 512 pixels high, and training waits meanwhile: half a minute on a CPU.
            self.viewer_state.control_panel._max_res.value = _CPU_VIEWER_RESOLUTION

    def _say_what_is_not_reached(self) -> None:
        total = self.config.max_num_iterations
        ends = self.pipeline.model.schedule_ends()  # type: ignore[operator]
        late = {name: end for name, end in ends.items() if end > total}
        if late and comms.is_main_process():
            flags = ", ".join(f"--pipeline.model.{name} (step {end})" for name, end in late.items())
            warn(
                f"The run ends after {total} steps, before these schedules do: {flags}. Raise "
                "--max-num-iterations, or give them fewer steps."
            )

    def _setting(self, name: str) -> Any:
        """A setting of ours, or its default where the config is nerfstudio's."""
        return getattr(self.config, name, getattr(S3IMTrainerConfig, name))

    def _keep_what_the_data_decided(self) -> None:
        """Write a preset's settings into config.yml, so that the run is later rendered without its images."""
        model = self.pipeline.model
        if model.decides_by_data and comms.is_main_process():
            self.config.pipeline.model = model.kept_config  # type: ignore[assignment]
            save_config(self.config)

    def train(self) -> None:
        """Train up to ``max_num_iterations``, counted from the run's first step, also when resumed."""
        total = self.config.max_num_iterations
        if self._start_step >= total:
            there = f"the checkpoint has {self._start_step} steps and " if self._start_step else ""
            say(f"Nothing to train: {there}--max-num-iterations is {total}.")
            return
        self._config_of_the_run = copy.copy(self.config)
        # nerfstudio's loop runs this many steps from where it starts.
        self.config.max_num_iterations = total - self._start_step
        try:
            with Interruption(self._stop) as self._interruption, self._arithmetic():
                super().train()
        except OSError as error:
            # The terminal is closed, or nobody reads on, as in ns-train ... | head.
            is_unheard = error.filename is None and output_fails()
            if is_unheard:
                drop_output()
            elif not (is_about_the_place(error) or self._is_gone(error)):
                raise
            if self._last_made == self.step:
                self.save_checkpoint(self.step)
            if is_unheard:
                raise SystemExit(NO_READER) from None
            # dataparser_transforms.json, or the events for tensorboard.
            raise InputError(f"{cannot_write(self.base_dir, error)} {what_is_left(self.config)}") from error
        finally:
            self.config.max_num_iterations = total

    def _arithmetic(self) -> AbstractContextManager[None]:
        return small_numbers_are_0() if self.device == "cpu" else nullcontext()

    def _is_gone(self, error: OSError) -> bool:
        """Whether somebody has removed or renamed the run's folder, as the writer of tensorboard's events finds."""
        return isinstance(error, FileNotFoundError) and Path(os.fsdecode(error.filename or "")).is_relative_to(
            self.base_dir
        )

    def _stop(self) -> None:
        # nerfstudio's loop looks at it before each step.
        self.stop_training = True

    def _after_train(self) -> None:
        """Write the last checkpoint; nerfstudio numbers that of a training that was stopped by the step not made.

        Raises:
            SystemExit: If the training was interrupted.
        """
        self._interruption.close()
        number = self._interruption.signal
        if number is None or self._last_made == self._start_step + self.config.max_num_iterations - 1:
            super()._after_train()
            return
        if self._last_made is not None:
            self.save_checkpoint(self._last_made)
        writer.write_out_storage()
        with suppress(OSError):
            say(f"\n{what_is_left(self.config)}", whole=True)
        raise SystemExit(128 + number)

    def _train_complete_viewer(self) -> None:
        """Show the result until Ctrl-C, which is how this ends."""
        try:
            super()._train_complete_viewer()
        except KeyboardInterrupt:
            say("The viewer is closed.")

    def train_iteration(self, step: int) -> TRAIN_INTERATION_OUTPUT:
        """One optimisation step, with its random numbers seeded by the step.

        Raises:
            InputError: If a loss term is NaN or infinite.
        """
        self._seed_step(step)
        output = super().train_iteration(step)
        self._losses_seen.update(step, output[1])
        self._last_made = step
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
        """Write a checkpoint, after which an interruption leaves one that can be loaded, and evaluate it where wanted.

        Raises:
            InputError: If a loss or a parameter is not finite, or the disk is full.
        """
        self._losses_seen.check()
        super().save_checkpoint(step)
        if self._setting("eval_at_save"):
            self._evaluate_checkpoint(step)

    def _evaluate_checkpoint(self, step: int) -> None:
        # A picture of the viewer between two views would put the model back into training mode.
        with self.train_lock:
            found = self.pipeline.get_average_eval_image_metrics(step=step)
        metrics = {name: round(float(value), 6) for name, value in found.items() if not name.endswith("_std")}
        try:
            with (self.base_dir / EVALUATIONS).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **metrics}) + "\n")
        except OSError as error:
            raise cannot_write(self.base_dir, error) from error
        shown = ", ".join(
            f"{name} {metrics[name]:.4g}" for name in ("psnr", "masked_psnr", "ssim", "lpips") if name in metrics
        )
        say(f"Held-out views after step {step}: {shown}.")

    def _load_checkpoint(self) -> None:
        config = self.config
        if self._setting("warm_start") is not None:
            if config.load_dir is None and config.load_checkpoint is None:
                if config.load_step is not None:
                    raise InputError(
                        f"--load-step is {config.load_step}, which --warm-start does not read: give --warm-start the "
                        f"file of that step, {checkpoint_name(config.load_step)}."
                    )
                begin_with_weights(self.pipeline, config.warm_start)  # type: ignore[attr-defined]
                return
            say("The run is resumed, so --warm-start has no effect.")
        super()._load_checkpoint()
