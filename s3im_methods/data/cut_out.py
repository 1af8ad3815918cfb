"""What the training images tell a model of an object that was cut out of its surroundings."""

import torch
from nerfstudio.data.datasets.base_dataset import InputDataset

from s3im_methods.data.foreground import any_transparent
from s3im_methods.data.scene_sphere import fit_scene_sphere

TRANSPARENT_KEY = "has_transparent_background"
"""Of the training set's metadata: whether its first image has transparent pixels."""

OBJECT_KEY = "is_object_in_box"
"""Of the training set's metadata: whether, besides, cameras look from outside at something in the scene's box."""


def cut_out_metadata(dataset: InputDataset) -> dict[str, bool]:
    """Look at the first image, and at the cameras.

    Args:
        dataset: The training set. Where its parser names a colour to blend transparent images with, they count as
            opaque.

    Returns:
        The values of both keys.
    """
    blended = dataset._dataparser_outputs.alpha_color is not None
    transparent = not blended and any_transparent(dataset.image_filenames[:1])
    return {TRANSPARENT_KEY: transparent, OBJECT_KEY: transparent and _is_object_in_box(dataset)}


def _is_object_in_box(dataset: InputDataset) -> bool:
    sphere = fit_scene_sphere(dataset.cameras)
    low, high = dataset.scene_box.aabb
    center = torch.tensor(sphere.center)
    inside = bool((center - sphere.radius >= low).all() and (center + sphere.radius <= high).all())
    return sphere.kind == "object" and inside
