"""What is said of a cut out object: only of transparent images, and of cameras around something in the box."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.scene_box import SceneBox
from PIL import Image

from s3im_methods.data.cut_out import OBJECT_KEY, TRANSPARENT_KEY, cut_out_metadata


def cameras(inward: bool, distance: float = 1.0) -> Cameras:
    """Twelve on a circle, which look at its centre or away from it."""
    angles = torch.linspace(0, 2 * torch.pi, 13)[:-1]
    outward = torch.stack([angles.cos(), angles.sin(), torch.zeros(12)], dim=-1)
    backward = outward if inward else -outward
    up = torch.tensor([0.0, 0.0, 1.0]).expand(12, 3)
    rotation = torch.stack([torch.linalg.cross(up, backward), up, backward], dim=-1)
    poses = torch.cat([rotation, distance * outward[..., None]], dim=-1)
    return Cameras(poses, fx=40.0, fy=40.0, cx=16.0, cy=16.0, width=32, height=32)


def dataset(folder, alpha: int | None, inward: bool = True, distance: float = 1.0, alpha_color=None) -> Any:
    pixels = np.full((8, 8, 3 if alpha is None else 4), 255, np.uint8)
    if alpha is not None:
        pixels[0, 0, 3] = alpha
    Image.fromarray(pixels).save(folder / "first.png")
    return SimpleNamespace(
        image_filenames=[folder / "first.png", folder / "gone.png"],
        cameras=cameras(inward, distance),
        scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])),
        _dataparser_outputs=SimpleNamespace(alpha_color=alpha_color),
    )


@pytest.mark.parametrize(
    ("given", "transparent", "is_object"),
    [
        ({"alpha": 0}, True, True),
        ({"alpha": 255}, False, False),
        ({"alpha": None}, False, False),
        ({"alpha": 0, "inward": False}, True, False),
        ({"alpha": 0, "distance": 9.0}, True, False),
        ({"alpha": 0, "alpha_color": torch.ones(3)}, False, False),
    ],
)
def test_what_is_said(tmp_path, given, transparent, is_object):
    assert cut_out_metadata(dataset(tmp_path, **given)) == {TRANSPARENT_KEY: transparent, OBJECT_KEY: is_object}
