"""nerfstudio's trainer, resumed with the settings of its optimisers that the checkpoint holds.

A line names other settings that have changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nerfstudio.engine.optimizers import Optimizers
from nerfstudio.utils import comms

from s3im_methods.compat.checkpoints import explained_load
from s3im_methods.console import say, warn
from s3im_methods.engine.adam import arrange_moments
from s3im_methods.engine.changed_scene import moved_cameras
from s3im_methods.engine.resumed_settings import changed_settings, lost_gradients, optimizers_of
from s3im_methods.engine.run_place import find_checkpoint
from s3im_methods.engine.safe_checkpoints import SafeCheckpoints


class Resumption(SafeCheckpoints):
    """See the module's docstring."""

    _optimizers_of_the_run: dict[str, Any] | None = None

    def setup_optimizers(self) -> Optimizers:
        """Build the optimizers, in a resumed run with the settings that its checkpoint holds.

        Raises:
            InputError: If the checkpoint cannot be read.
        """
        config = self.config
        if config.load_dir is None and config.load_checkpoint is None:
            return super().setup_optimizers()
        source, typed = find_checkpoint(config, self.checkpoint_dir.name), config.optimizers
        assert source is not None
        try:
            with explained_load(source):
                self._optimizers_of_the_run = config.optimizers = optimizers_of(source, config)
            return super().setup_optimizers()
        finally:
            # What was typed is still to be compared with the checkpoint's notes.
            config.optimizers = typed

    def _load_checkpoint(self) -> None:
        config = self.config
        asked = config.load_dir, config.load_step
        source = find_checkpoint(config, self.checkpoint_dir.name)
        if source is not None and asked[0] is not None:
            config.load_dir, config.load_step = source.parent, int(source.stem.removeprefix("step-"))
            if config.load_dir != Path(asked[0]):
                say(f"--load-dir is a run's folder: the checkpoint is loaded from {config.load_dir}.")
        if source is not None and comms.is_main_process():
            moved = moved_cameras(self.pipeline, source.absolute().parent.parent)
            for line in (*changed_settings(config, self.pipeline, source), *([moved] if moved else [])):
                warn(line)
        try:
            with explained_load(source), _scaler_of_another_device(self.grad_scaler):
                super()._load_checkpoint()
        finally:
            # The next one to resume this run shall not be told to begin here again.
            config.load_dir, config.load_step = asked
        for optimizer in self.optimizers.optimizers.values():
            arrange_moments(optimizer)
        if self._optimizers_of_the_run is not None:
            # The next checkpoint's notes tell what was trained with.
            config.optimizers = self._optimizers_of_the_run
        lost = lost_gradients(config, self._start_step)
        if lost is not None and comms.is_main_process():
            warn(lost)
        if source is not None and comms.is_main_process():
            self._say_what_is_replaced()


@contextmanager
def _scaler_of_another_device(scaler: Any) -> Iterator[None]:
    """Without CUDA there is no gradient scaler, and its state is empty, which torch refuses to load."""
    load = scaler.load_state_dict

    def load_where_there_is_one(state: dict) -> None:
        if state or not scaler.is_enabled():
            load(state)
        else:
            say("The checkpoint was written without a gradient scaler: a new one begins.")

    scaler.load_state_dict = load_where_there_is_one
    try:
        yield
    finally:
        del scaler.load_state_dict
