"""What the training images tell a model of an object that was cut out of its surroundings."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.data.scene_box import SceneBox
from PIL import Image

from s3im_methods.data.scene_facts import SceneFacts, add_facts
from s3im_methods.data.scene_sphere import MARGIN, SceneSphere, fit_scene_sphere

_LOOKED_AT = 8
_LEAST_SHARE = 0.05
_CLEAR_BELOW = 128
_MOST_SCALE = 2.0


def add_cut_out_facts(dataset: InputDataset) -> None:
    """Look at some images, and at the cameras, and tell the model.

    Args:
        dataset: The training set, whose facts get ``has_transparent_background`` and, of what was cut out,
            ``object_box_scale`` and ``object_sphere``. Where its parser names a colour to blend transparent images
            with, they count as opaque, and so do images that are gone.
    """
    transparent = has_transparent_background(dataset)
    add_facts(dataset.metadata, has_transparent_background=transparent)
    sphere = fit_scene_sphere(dataset.cameras) if transparent else None
    if sphere is not None and sphere.kind == "object":
        known = SceneFacts.of(dataset.metadata).object_sphere
        add_facts(
            dataset.metadata, object_box_scale=_box_scale(dataset.scene_box, sphere), object_sphere=known or sphere
        )


def has_transparent_background(dataset: InputDataset) -> bool:
    """Whether the images were cut out of their surroundings, and no colour is put behind them.

    Args:
        dataset: The training set.
    """
    return dataset._dataparser_outputs.alpha_color is None and _are_cut_out(dataset.image_filenames)


def _are_cut_out(images: Sequence[Path]) -> bool:
    """Whether half of up to eight images, evenly spaced, have a twentieth of transparent pixels: not a close-up's
    border alone, nor the corners that are left where a lens was straightened."""
    places = np.unique(np.linspace(0, len(images) - 1, min(_LOOKED_AT, len(images))).round().astype(int))
    shares = [_transparent_share(images[place]) for place in places]
    return float(np.median(shares)) >= _LEAST_SHARE


def _transparent_share(path: Path) -> float:
    if not path.is_file():
        return 0.0
    with Image.open(path) as file:
        if file.mode != "RGBA":
            return 0.0
        return float((np.asarray(file.getchannel("A")) < _CLEAR_BELOW).mean())


def _box_scale(box: SceneBox, sphere: SceneSphere) -> float | None:
    low, high = box.aabb
    # The sphere with its margin holds all that the views show; the object ends within what they are wide.
    center, radius = torch.tensor(sphere.center), sphere.radius / MARGIN
    needed = float(torch.maximum((center - radius) / low, (center + radius) / high).max())
    return max(1.0, needed) if needed <= _MOST_SCALE else None
