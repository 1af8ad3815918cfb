"""What a checkpoint was trained with and is loaded with not: nerfstudio takes flags and config.yml as they come."""

import copy
from pathlib import Path
from typing import Any

from s3im_methods.data.wording import quote
from s3im_methods.engine.checkpoint_notes import Notes, differences, notes_of, read_notes
from s3im_methods.engine.run_config import read_config
from s3im_methods.errors import InputError
from s3im_methods.models.any_method.methods import base_name


def changed_settings(config: Any, pipeline: Any, checkpoint: Path) -> list[str]:
    """Settings of data and model that a resumed run has otherwise than its checkpoint.

    Args:
        config: The resumed run's.
        pipeline: What it trains; its model knows what the data have decided.
        checkpoint: The file, in the folder ``nerfstudio_models`` of the run that wrote it.

    Returns:
        One sentence, or nothing where all are equal or nothing tells of that run.
    """
    path = checkpoint.absolute().parent.parent / "config.yml"
    before = read_notes(checkpoint) or _notes_in(path)
    if before is None:
        return []
    if base_name(before.method) != base_name(str(config.method_name)):
        return [
            f"The checkpoint is of {before.method}, and the run is of {config.method_name}, in which "
            f"its numbers may mean something else: train {before.method}, or begin with its weights by "
            f"--warm-start {quote(checkpoint)}."
        ]
    now = copy.copy(config)
    if pipeline.model.decides_by_data:
        now.pipeline = copy.copy(config.pipeline)
        now.pipeline.model = pipeline.model.kept_config
    changed = differences(before, notes_of(now))
    if changed is None:
        return []
    if ".optimizer.lr (" in changed:
        changed += ", of which lr has no effect, because the checkpoint holds the learning rates"
    same = f" Give --load-config {quote(path)} to go on with the same." if path.is_file() else ""
    return [f"The run is resumed with other settings than those of its checkpoint: {changed}.{same}"]


def other_run(config: Any, path: Path, checkpoint: Path) -> str | None:
    """What a checkpoint has otherwise than the config.yml that it is loaded with, as where files of two runs got mixed.

    Args:
        config: What the file holds.
        path: The file.
        checkpoint: The checkpoint.

    Returns:
        A sentence, or None where all is equal or the checkpoint does not tell.

    Raises:
        InputError: If its numbers mean something else in this method.
    """
    before = read_notes(checkpoint)
    if before is None:
        return None
    now = notes_of(config)
    if before.model != now.model:
        raise InputError(
            f"The checkpoint {quote(checkpoint)} was trained with {before.method}, and {quote(path)} is of "
            f"{now.method}: give the config.yml of the run that wrote it."
        )
    changed = differences(before, now, "pipeline.")
    if changed is None:
        return None
    return f"The checkpoint {quote(checkpoint)} was trained with other settings than {quote(path)} has: {changed}."


def _notes_in(path: Path) -> Notes | None:
    try:
        return notes_of(read_config(path)) if path.is_file() else None
    except InputError:
        # The run goes on without it.
        return None
