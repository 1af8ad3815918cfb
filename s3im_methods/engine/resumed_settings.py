"""What a resumed run is trained with that its checkpoint was not: nerfstudio takes the flags as they come."""

import copy
import math
from pathlib import Path
from typing import Any

from s3im_methods.data.wording import quote
from s3im_methods.engine.leaves import equal, flag, leaves
from s3im_methods.engine.run_config import read_config
from s3im_methods.errors import InputError
from s3im_methods.models.any_method.methods import base_name

# What may differ from one part of a run to the next, and what a trainer writes into its configuration.
_FREE = ("eval_num_", "eval_image_indices", "_target", "seed", "num_processes", "queue_size", "max_thread_workers")
_MOST_NAMED = 6


def changed_settings(config: Any, pipeline: Any, checkpoint: Path) -> list[str]:
    """Settings of data and model that differ from those in the config.yml beside a checkpoint.

    Args:
        config: The resumed run's.
        pipeline: What it trains; its model knows what the data have decided.
        checkpoint: The file, in the folder ``nerfstudio_models`` of the run that wrote it.

    Returns:
        One sentence, or nothing where all are equal or that run's config.yml is not there.
    """
    path = checkpoint.absolute().parent.parent / "config.yml"
    if not path.is_file():
        return []
    try:
        before = read_config(path)
    except InputError:
        # The run goes on without it.
        return []
    if base_name(str(before.method_name)) != base_name(str(config.method_name)):
        return [
            f"The checkpoint is of {before.method_name}, and the run is of {config.method_name}, in which "
            f"its numbers may mean something else: train {before.method_name}, or begin with its weights by "
            f"--warm-start {quote(checkpoint)}."
        ]
    settings = copy.copy(config.pipeline)
    if pipeline.model.decides_by_data:
        settings.model = pipeline.model.kept_config
    then, now = dict(leaves(before.pipeline)), dict(leaves(settings))
    found = [
        f"{flag('pipeline.' + name)} (was {_shown(then[name])}, is {_shown(now[name])})"
        for name in then.keys() & now.keys()
        if not _is_free(name) and not _is_same(name, then[name], now[name])
    ]
    if not found:
        return []
    more = f", and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return [
        f"The run is resumed with other settings than those of its checkpoint: {', '.join(sorted(found)[:_MOST_NAMED])}"
        f"{more}. Give --load-config {quote(path)} to go on with the same."
    ]


def _is_free(name: str) -> bool:
    return any(part.startswith(_FREE) for part in name.split("."))


def _is_same(name: str, one: Any, other: Any) -> bool:
    if name.endswith(".data") and isinstance(one, Path) and isinstance(other, Path):
        # A scene may be moved.
        return one.absolute().name == other.absolute().name
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6) or (one != one and other != other)
    return equal(one, other)


def _shown(value: Any) -> str:
    return quote(str(value) if isinstance(value, Path) else value)
