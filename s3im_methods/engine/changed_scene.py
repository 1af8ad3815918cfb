"""Whether a scene's cameras still stand where they stood in a training.

nerfstudio turns, moves and scales a scene by all of its cameras. Where photos were added or removed since, the same
place has other coordinates, and a run that is loaded shows its views from beside where they were taken.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

# In scene units, in which the cameras lie between -1 and 1, and what float32 loses of a place far from the origin.
_TOLERANCE, _ROUNDING = 1e-3, 1e-6


def moved_cameras(pipeline: Any, run: Path) -> str | None:
    """Compare the placement of a scene with the one that a run was trained with.

    Args:
        pipeline: With the scene as it is now.
        run: Folder of the run, with its dataparser_transforms.json.

    Returns:
        A sentence, or None where both are the same or nobody can tell.
    """
    outputs = getattr(pipeline.datamanager, "train_dataparser_outputs", None)
    then = _recorded(run / "dataparser_transforms.json")
    if outputs is None or then is None:
        return None
    now = np.asarray(outputs.dataparser_transform, np.float64) * outputs.dataparser_scale
    if now.shape == then.shape and np.abs(now - then).max() <= _TOLERANCE + _ROUNDING * np.abs(then).max():
        return None
    return (
        "The scene's cameras are placed or scaled otherwise than in the training, as after photos were added or "
        "removed, so that this run shows them from other places: load it with the scene as it was, or train again."
    )


def _recorded(path: Path) -> np.ndarray | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return np.asarray(found["transform"], np.float64) * float(found["scale"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
