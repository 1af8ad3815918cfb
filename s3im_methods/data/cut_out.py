"""What the training images tell a model of an object that was cut out of its surroundings."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.data.scene_box import SceneBox
from PIL import Image

from s3im_methods.data.scene_facts import SceneFacts, add_facts
from s3im_methods.data.scene_sphere import MARGIN, SceneSphere, fit_scene_sphere, look_away
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

_LOOKED_AT = 8
_LEAST_SHARE = 0.05
_CLEAR_BELOW = 128
_MOST_SCALE = 2.0
# What is less opaque all over was hardly meant so, as in files whose alpha is 0 and 1 of 255.
_SOMETHING, _OPAQUE = 0.05, 0.5


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


def opacity_warnings(train: InputDataset, evaluation: InputDataset) -> list[str]:
    """What of the images' transparency may not be meant, a sentence each.

    Args:
        train: The training views.
        evaluation: The views for evaluation.

    Raises:
        InputError: If the training views are transparent throughout.
    """
    images = [Path(name) for name in train.image_filenames]
    most = max(map(_most_opaque, _a_few(images)))
    if most < _OPAQUE:
        # What a few suggest is to be true of all.
        most = max(map(_most_opaque, images))
    if most < _SOMETHING:
        raise InputError(
            f"All {len(images)} training images are transparent throughout, first {quote(images[0])}, so that nothing "
            f"is left to learn from: the most opaque pixel has {most:.1%} of alpha's 255. Save them with 255 where the "
            "object is, or without alpha."
        )
    found = []
    if most < _OPAQUE:
        found.append(
            f"No pixel of the {len(images)} training images is more than {most:.0%} opaque: what they show is learned "
            "as glass, so save them with an alpha of 255 where the object is, if it is none."
        )
    cut_out = [_are_cut_out(dataset.image_filenames) for dataset in (train, evaluation)]
    if cut_out[0] != cut_out[1]:
        names = ("The training images", "the images for evaluation")
        clear, opaque = names if cut_out[0] else names[::-1]
        found.append(
            f"{clear[0].upper()}{clear[1:]} are cut out and {opaque[0].lower()}{opaque[1:]}, for instance "
            f"{quote((evaluation if cut_out[0] else train).image_filenames[0])}, are not: what is behind the object "
            "differs between them, so that metrics say little."
        )
    return found


def backward_warning(train: InputDataset, by_masks: bool) -> list[str]:
    """A sentence where cameras look away from what was cut out of their images.

    Args:
        train: The training views.
        by_masks: Whether masks say what is the foreground, beside the images' alpha.
    """
    images = train.image_filenames
    if not look_away(train.cameras) or not (by_masks or _are_cut_out(images)):
        return []
    return [
        f"What was cut out of the {len(images)} training images lies behind their cameras, which look away from the "
        "point around which they stand: the poses seem to have OpenCV's axes (y down, z forward). Multiply the second "
        "and the third column of each rotation by -1."
    ]


def has_transparent_background(dataset: InputDataset) -> bool:
    """Whether the images were cut out of their surroundings, and no colour is put behind them.

    Args:
        dataset: The training set.
    """
    return dataset._dataparser_outputs.alpha_color is None and _are_cut_out(dataset.image_filenames)


def _are_cut_out(images: Sequence[Path]) -> bool:
    """Whether half of up to eight images, evenly spaced, have a twentieth of transparent pixels: not a close-up's
    border alone, nor the corners that are left where a lens was straightened."""
    return float(np.median([_transparent_share(image) for image in _a_few(images)])) >= _LEAST_SHARE


def _a_few(images: Sequence[Path]) -> list[Path]:
    places = np.unique(np.linspace(0, len(images) - 1, min(_LOOKED_AT, len(images))).round().astype(int))
    return [images[place] for place in places]


def _most_opaque(path: Path) -> float:
    """The largest alpha, from 0 to 1; 1 without any."""
    with Image.open(path) as file:
        return file.getchannel("A").getextrema()[1] / 255 if file.mode == "RGBA" else 1.0  # type: ignore[operator]


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
