"""What is said of a cut out object: only of transparent images, and of cameras around something in the box."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.scene_box import SceneBox
from PIL import Image

from s3im_methods.data.cut_out import add_cut_out_facts, backward_warning, opacity_warnings
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.errors import InputError


def cameras(inward: bool, distance: float = 1.0) -> Cameras:
    """Twelve on a circle, which look at its centre or away from it."""
    angles = torch.linspace(0, 2 * torch.pi, 13)[:-1]
    outward = torch.stack([angles.cos(), angles.sin(), torch.zeros(12)], dim=-1)
    backward = outward if inward else -outward
    up = torch.tensor([0.0, 0.0, 1.0]).expand(12, 3)
    rotation = torch.stack([torch.linalg.cross(up, backward), up, backward], dim=-1)
    poses = torch.cat([rotation, distance * outward[..., None]], dim=-1)
    return Cameras(poses, fx=40.0, fy=40.0, cx=16.0, cy=16.0, width=32, height=32)


def dataset(folder, alphas, inward=True, distance=1.0, alpha_color=None) -> Any:
    """Images of which each has a tenth of its pixels of that alpha; None has no alpha, "gone" no file."""
    for number, alpha in enumerate(alphas):
        pixels = np.full((10, 10, 3 if alpha is None else 4), 255, np.uint8)
        if alpha == "gone":
            continue
        if alpha is not None:
            pixels[0, :, 3] = alpha
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return SimpleNamespace(
        image_filenames=[folder / f"{number}.png" for number in range(len(alphas))],
        cameras=cameras(inward, distance),
        metadata={},
        scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])),
        _dataparser_outputs=SimpleNamespace(alpha_color=alpha_color),
    )


def facts_of(data: Any) -> SceneFacts:
    add_cut_out_facts(data)
    return SceneFacts.of(data.metadata)


@pytest.mark.parametrize(
    ("given", "transparent", "scale"),
    [
        ({"alphas": [0]}, True, 1.0),
        ({"alphas": [127] * 20}, True, 1.0),
        ({"alphas": [None, 0, 0]}, True, 1.0),
        ({"alphas": [0, None, None]}, False, None),
        ({"alphas": [254] * 3}, False, None),
        ({"alphas": [None]}, False, None),
        ({"alphas": ["gone"]}, False, None),
        ({"alphas": [0], "inward": False}, True, None),
        ({"alphas": [0], "distance": 9.0}, True, None),
        ({"alphas": [0], "alpha_color": torch.ones(3)}, False, None),
    ],
)
def test_what_is_said(tmp_path, given, transparent, scale):
    facts = facts_of(dataset(tmp_path, **given))
    assert (facts.has_transparent_background, facts.object_box_scale) == (transparent, scale)


def test_corners_of_a_straightened_photograph_are_no_background(tmp_path):
    data = dataset(tmp_path, [255])
    pixels = np.full((40, 40, 4), 255, np.uint8)
    pixels[:4, :4, 3] = pixels[-4:, :4, 3] = pixels[:4, -4:, 3] = pixels[-4:, -4:, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "0.png")
    assert not facts_of(data).has_transparent_background


@pytest.mark.parametrize(("angle", "least", "most"), [(40, 1.0, 1.0), (62, 1.0, 1.1), (80, 1.05, 1.3)])
def test_a_dome_of_cameras_as_the_parser_places_them(tmp_path, angle, least, most):
    """The mean of the cameras is the box's middle, so that the object is below it, and may reach out of the box."""
    focal = 16 / math.tan(math.radians(angle / 2))
    data = dataset(tmp_path, [0])
    random = torch.Generator().manual_seed(0)
    backward = torch.nn.functional.normalize(torch.randn(100, 3, generator=random), dim=-1)
    backward[:, 2] = backward[:, 2].abs().clamp(min=0.05)
    backward = torch.nn.functional.normalize(backward, dim=-1)
    right = torch.nn.functional.normalize(
        torch.linalg.cross(torch.tensor([0.0, 0.0, 1.0]).expand(100, 3), backward), dim=-1
    )
    rotation = torch.stack([right, torch.linalg.cross(backward, right), backward], dim=-1)
    origins = backward - backward.mean(0)
    poses = torch.cat([rotation, (origins / origins.abs().max())[..., None]], dim=-1)
    data.cameras = Cameras(poses, fx=focal, fy=focal, cx=16.0, cy=16.0, width=32, height=32)
    scale = facts_of(data).object_box_scale
    assert scale is not None and least <= scale <= most


def with_alphas(folder, *alphas) -> Any:
    """Ten images; the top row of each is clear, the rest has one of these alphas, in turns, or all have no alpha."""
    folder.mkdir()
    names = [folder / f"{number}.png" for number in range(10)]
    for number, name in enumerate(names):
        pixels = np.full((10, 10, 4), 200, np.uint8)
        pixels[..., 3] = alphas[number % len(alphas)] if alphas else 255
        pixels[0, :, 3] = 0
        Image.fromarray(pixels if alphas else pixels[..., :3]).save(name)
    return SimpleNamespace(image_filenames=names, cameras=cameras(inward=True))


@pytest.mark.parametrize("alpha", [0, 1])
def test_images_without_an_opaque_pixel_are_refused(tmp_path, alpha):
    clear = with_alphas(tmp_path / "clear", alpha)
    with pytest.raises(InputError) as error:
        opacity_warnings(clear, clear)
    assert str(error.value).startswith(
        f"All 10 training images are transparent throughout, first '{tmp_path}/clear/0.png', so that nothing is left to"
    )


def test_images_that_are_half_clear_all_over_get_a_warning(tmp_path):
    half = with_alphas(tmp_path / "half", 100)
    (warning,) = opacity_warnings(half, half)
    assert warning.startswith("No pixel of the 10 training images is more than 39% opaque: what they show is learned")


@pytest.mark.parametrize("alphas", [(), (255,), (0, 200)])
def test_sound_images_get_no_warning(tmp_path, alphas):
    sound = with_alphas(tmp_path / "sound", *alphas)
    assert opacity_warnings(sound, sound) == []


def test_images_for_evaluation_that_are_not_cut_out_get_a_warning(tmp_path):
    cut_out, whole = with_alphas(tmp_path / "cut", 255), with_alphas(tmp_path / "whole")
    (warning,) = opacity_warnings(cut_out, whole)
    assert warning.startswith(
        f"The training images are cut out and the images for evaluation, for instance '{tmp_path}/whole/0.png', are not"
    )
    (warning,) = opacity_warnings(whole, cut_out)
    assert warning.startswith("The images for evaluation are cut out and the training images, for instance")


def test_cameras_that_look_away_from_what_was_cut_out_get_a_warning(tmp_path):
    cut_out, whole = with_alphas(tmp_path / "cut", 255), with_alphas(tmp_path / "whole")
    assert backward_warning(cut_out, by_masks=True) == []
    for views in (cut_out, whole):
        views.cameras = cameras(inward=False)
    (warning,) = backward_warning(cut_out, by_masks=False)
    assert warning.startswith("What was cut out of the 10 training images lies behind their cameras, which look away")
    # A room that is seen from its middle.
    assert backward_warning(whole, by_masks=False) == []
    assert backward_warning(whole, by_masks=True) == [warning]
