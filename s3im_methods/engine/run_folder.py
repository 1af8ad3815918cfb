"""The folder of a run: its name, and that one training at a time writes into it.

nerfstudio names it by the second in which the training began. Of two that are started together, as by a script, both
write into the same folder, and each removes the other's checkpoints. With ``--data ..`` it lies outside the output
folder.
"""

import fcntl
import os
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from s3im_methods.console import warn
from s3im_methods.data.wording import quote
from s3im_methods.engine.run_place import steps_in
from s3im_methods.errors import InputError
from s3im_methods.outputs import cannot_write

if TYPE_CHECKING:
    from nerfstudio.engine.trainer import TrainerConfig

_LOCK = ".training"

# Open as long as this process lives: with it, however it ends, the locks go.
_held: dict[Path, IO[str]] = {}


def name_run(config: "TrainerConfig") -> None:
    """Name a run by its scene and the time, and differently from every run that is there.

    Args:
        config: The run's. What the user has named stays.

    Raises:
        InputError: If the folder cannot be made.
    """
    data = config.data or getattr(config.pipeline.datamanager, "data", None)
    if config.experiment_name is None and data is not None:
        scene = Path(os.path.abspath(data))
        config.experiment_name = (scene.parent if scene.is_file() else scene).stem or "unnamed"
    if config.timestamp != "{timestamp}":
        return
    now, number = datetime.now().strftime("%Y-%m-%d_%H%M%S"), 1
    while True:
        config.timestamp = now if number == 1 else f"{now}-{number}"
        folder = config.get_base_dir()
        try:
            folder.mkdir(parents=True)
            return
        except FileExistsError:
            number += 1
        except OSError as error:
            raise cannot_write(folder, error) from error


def claim(config: "TrainerConfig") -> None:
    """Keep other trainings out of a run's folder until this process ends, and say which run is replaced.

    Args:
        config: The run's, with the timestamp that it will have.

    Raises:
        InputError: If another training is at work there, or nothing can be written there.
    """
    folder = config.get_base_dir().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = _held.get(folder) or (folder / _LOCK).open("w")
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        # Of the process, not of the file: the processes that load images do not keep it when this one is killed.
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise InputError(
            f"Another training is at work in {quote(folder)}: wait until it has ended, or give another --timestamp, "
            "--experiment-name or --output-dir."
        ) from None
    except OSError:
        # Not every file server has locks; there, nobody watches.
        pass
    _held[folder] = lock
    steps = steps_in(config.get_checkpoint_dir())
    if steps and config.load_dir is None and config.load_checkpoint is None:
        warn(
            f"{quote(folder)} holds a run up to step {steps[-1]}, whose checkpoints this training replaces. To "
            "keep them, press Ctrl-C and give another --timestamp."
        )
