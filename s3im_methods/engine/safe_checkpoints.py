"""nerfstudio's trainer, with checkpoints that are whole or not there, wherever a run is interrupted or the disk full.

A checkpoint is written beside the old one and put in its place when it is whole. One for which there is no room goes
among the temporary files. Where somebody has removed or renamed the run's folder, config.yml is written again.
"""

import os
import shutil
import tempfile
from pathlib import Path

import torch
from nerfstudio.engine.trainer import Trainer, TrainerConfig
from nerfstudio.utils.decorators import check_main_thread

from s3im_methods.console import warn
from s3im_methods.data.wording import quote
from s3im_methods.engine.checkpoint_notes import notes_of, write_notes
from s3im_methods.engine.run_place import checkpoint_name, steps_in
from s3im_methods.engine.training_start import save_config
from s3im_methods.errors import InputError
from s3im_methods.outputs import why_not_written


class SafeCheckpoints(Trainer):
    """See the module's docstring."""

    _began_with_config: bool = False
    _config_of_the_run: TrainerConfig | None = None

    def train(self) -> None:
        """Train, and note whether there is a config.yml that has to stay."""
        self._began_with_config = (self.base_dir / "config.yml").exists()
        super().train()

    @check_main_thread
    def save_checkpoint(self, step: int) -> None:
        """Write a checkpoint such that an interruption at any moment leaves a loadable one.

        Raises:
            InputError: If a parameter is not finite, or the disk is full. The last checkpoint stays then, and
                where the disk is full the new one is among the temporary files.
        """
        self._check_parameters(step)
        final_dir = self.checkpoint_dir
        # Beside the folder, not in it: nerfstudio's loaders take every name in the folder for a checkpoint.
        staging_dir = final_dir.with_name(final_dir.name + "-writing")
        shutil.rmtree(staging_dir, ignore_errors=True)
        try:
            self._write_checkpoint(step, staging_dir)
            final_dir.mkdir(parents=True, exist_ok=True)
            for file in staging_dir.glob("*.ckpt"):
                _flush_to_disk(file)
                os.replace(file, final_dir / file.name)
                self._drop_old_checkpoints(final_dir, step)
        except (OSError, RuntimeError) as error:
            why = why_not_written(error, staging_dir)
            shutil.rmtree(staging_dir, ignore_errors=True)
            raise self._saved_elsewhere(step, why) from error
        finally:
            shutil.rmtree(staging_dir, ignore_errors=True)
        self._restore_folder()

    def _write_checkpoint(self, step: int, folder: Path) -> None:
        final_dir, self.checkpoint_dir = self.checkpoint_dir, folder
        try:
            # torch's writer raises a RuntimeError where the disk is full.
            super().save_checkpoint(step)
            write_notes(folder / checkpoint_name(step), notes_of(self.config))
        finally:
            self.checkpoint_dir = final_dir

    def _saved_elsewhere(self, step: int, why: str) -> InputError:
        """What is said of a checkpoint that cannot be written, after it was put among the temporary files."""
        folder, last = self.checkpoint_dir, steps_in(self.checkpoint_dir)
        failed = f"The checkpoint of step {step} cannot be written to '{folder}' ({why})"
        other = None
        try:
            other = Path(tempfile.mkdtemp(prefix="s3im-checkpoint-"))
            self._write_checkpoint(step, other)
        except (OSError, RuntimeError):
            if other is not None:
                shutil.rmtree(other, ignore_errors=True)
            if last:
                return InputError(
                    f"{failed}, and the one of step {last[-1]} stays: free space there and resume with --load-dir, or "
                    "give another --output-dir."
                )
            return InputError(
                f"{failed}, and there is no earlier one: free space there, or give another --output-dir, and start "
                "again."
            )
        return InputError(
            f"{failed}, so it was written to '{other}': move it to the former when there is space, then resume with "
            "--load-dir."
        )

    def _restore_folder(self) -> None:
        """Write config.yml again where somebody removed or renamed the run's folder: no run is loaded without it."""
        if self._began_with_config and not (self.base_dir / "config.yml").exists():
            warn(f"'{self.base_dir}' was removed or renamed: it is written again.")
            save_config(self._config_of_the_run or self.config)
            outputs = getattr(self.pipeline.datamanager, "train_dataparser_outputs", None)
            if outputs is not None:
                outputs.save_dataparser_transform(self.base_dir / "dataparser_transforms.json")

    def _drop_old_checkpoints(self, folder: Path, latest: int) -> None:
        """Keep as many as the settings want, up to the one just written: later ones are of a run that was replaced."""
        keep = self._most_checkpoints()
        if keep is None:
            return
        steps = steps_in(folder)
        kept = [step for step in steps if step <= latest][-keep:]
        for step in set(steps).difference(kept):
            (folder / checkpoint_name(step)).unlink()

    def _most_checkpoints(self) -> int | None:
        """How many may stay; None for all."""
        return getattr(self.config, "keep_checkpoints", None) or (
            1 if self.config.save_only_latest_checkpoint else None
        )

    def _say_what_is_replaced(self) -> None:
        """Name checkpoints of later steps than that with which a run is resumed: its first save removes them."""
        later = [step for step in steps_in(self.checkpoint_dir) if step >= self._start_step]
        if later and self._most_checkpoints() is not None:
            warn(
                f"{quote(self.checkpoint_dir)} holds later checkpoints (up to step {later[-1]}). The first new "
                "checkpoint replaces them: copy them elsewhere now if you need them."
            )

    def _check_parameters(self, step: int) -> None:
        for name, parameter in self.pipeline.named_parameters():
            if not torch.isfinite(parameter).all():
                raise InputError(
                    f"Parameter {name} is not finite after step {step}: training stops without saving it, and the last "
                    "good checkpoint stays. Lower that group's learning rate."
                )


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
