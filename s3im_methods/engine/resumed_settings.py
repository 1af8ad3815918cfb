"""What a checkpoint was trained with and is loaded with not: nerfstudio takes flags and config.yml as they come."""

import copy
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from s3im_methods.data.wording import quote
from s3im_methods.engine.checkpoint_notes import Notes, differences, notes_of, read_notes
from s3im_methods.engine.leaves import equal
from s3im_methods.engine.run_config import read_config
from s3im_methods.errors import InputError
from s3im_methods.models.any_method.methods import base_name

# What load_state_dict of torch's optimizers takes from the checkpoint, as a flag's end.
_OF_THE_CHECKPOINT = re.compile(r"\.optimizer\.(lr|eps|weight-decay|betas) \(")
# What each config.yml said, by its path; several processes do not share it, and read the file.
_before_this_run: dict[Path, Notes] = {}


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
    in_file = _before_this_run.get(path) or _notes_in(path)
    before = _with_newer_settings(read_notes(checkpoint), in_file, notes_of(config))
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
    kept = sorted(set(_OF_THE_CHECKPOINT.findall(changed)) - ({"lr"} if not config.load_scheduler else set()))
    if kept:
        has = "has" if len(kept) == 1 else "have"
        changed += (
            f", of which {', '.join(kept)} {has} no effect, because the checkpoint holds the optimizers' settings"
        )
    same = ""
    if path.parent == config.get_base_dir().absolute():
        # Its config.yml holds the new values by now.
        same = " Give the old values to go on with the same."
    elif path.is_file():
        same = f" Give --load-config {quote(path)} to go on with the same."
    return [f"The run is resumed with other settings than those of its checkpoint: {changed}.{same}"]


def optimizers_of(checkpoint: Path, config: Any) -> dict[str, Any]:
    """The configuration of a resumed run's optimizers, with what its checkpoint holds of them.

    nerfstudio's schedules are in proportion to the configured rate and multiply the checkpoint's, and grids that grow
    get a new optimizer: both shall be the run's.

    Args:
        checkpoint: The file.
        config: The resumed run's; it stays as it is.
    """
    saved = torch.load(checkpoint, map_location="cpu", mmap=zipfile.is_zipfile(checkpoint))["optimizers"]
    groups = dict(config.optimizers)
    for name in groups.keys() & saved.keys():
        (state, *_), optimizer = saved[name]["param_groups"], copy.copy(groups[name]["optimizer"])
        values = {key: state[key] for key in ("eps", "weight_decay", "betas") if key in state}
        if config.load_scheduler:
            values["lr"] = state.get("initial_lr", state["lr"])
        for key, value in values.items():
            if hasattr(optimizer, key):
                setattr(optimizer, key, value)
        groups[name] = {**groups[name], "optimizer": optimizer}
    return groups


def lost_gradients(config: Any, step: int) -> str | None:
    """A sentence where a checkpoint lies between two updates of accumulated gradients, which it does not hold.

    Args:
        config: The resumed run's.
        step: The first one that it makes.
    """
    within = [f"{name} {count}" for name, count in config.gradient_accumulation_steps.items() if step % count]
    if not within:
        return None
    return (
        f"The checkpoint lies between two updates of --gradient-accumulation-steps {' '.join(within)} and holds no "
        "gradients: the first update sums fewer steps than in a run that was never stopped."
    )


def remember_settings(config: Any) -> None:
    """Read a run's config.yml before nerfstudio writes the resumed run's settings into it.

    Args:
        config: The resumed run's.
    """
    path = config.get_base_dir().absolute() / "config.yml"
    notes = _notes_in(path)
    if notes is not None:
        _before_this_run[path] = notes


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


def _with_newer_settings(noted: Notes | None, in_file: Notes | None, now: Notes) -> Notes | None:
    """What a checkpoint was trained with; what an older version did not note is what its config.yml is read as.

    Args:
        noted: In the checkpoint.
        in_file: In the config.yml beside it.
        now: Of the resumed run, before the data have decided anything.
    """
    if noted is None or in_file is None or in_file.method != noted.method:
        return noted or in_file
    newer = {
        name: value
        for name, value in in_file.settings.items()
        if name not in noted.settings and not equal(value, now.settings.get(name, value))
    }
    return replace(noted, settings={**noted.settings, **newer})


def _notes_in(path: Path) -> Notes | None:
    try:
        return notes_of(read_config(path)) if path.is_file() else None
    except InputError:
        # The run goes on without it.
        return None
