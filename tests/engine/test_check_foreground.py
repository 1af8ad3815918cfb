"""What was cut out, and spheres and boxes that hold all of it, a part or nothing."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fake_cuda import DEVICE, fake_world
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.model_components.scene_colliders import AABBBoxCollider, NearFarCollider
from PIL import Image

from s3im_methods.engine import check_foreground as module
from s3im_methods.engine.check_foreground import check_foreground
from s3im_methods.rays.sphere_bounds import SphereBounds

SIDE, DISTANCE = 64, 4.0


class Discs:
    """Views from four sides of a ball around the origin, which is 2 wide, as parallel as can be."""

    foreground_filenames = ("masks/0.png",)

    def __init__(self, channels: int = 4) -> None:
        poses = torch.eye(4)[:3].repeat(4, 1, 1)
        for k, (sine, cosine) in enumerate([(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0)]):
            z = torch.tensor([sine, 0.0, cosine])
            poses[k, :, :3] = torch.stack([torch.tensor([cosine, 0.0, -sine]), torch.tensor([0.0, 1.0, 0.0]), z], dim=1)
            poses[k, :, 3] = 100 * DISTANCE * z
        # The image is 4 units wide at the origin.
        focal = SIDE / 4 * 100 * DISTANCE
        self.cameras = Cameras(poses, fx=focal, fy=focal, cx=SIDE / 2, cy=SIDE / 2, width=SIDE, height=SIDE)
        steps = (torch.arange(SIDE) + 0.5) / SIDE * 4 - 2
        disc = steps[:, None] ** 2 + steps**2 < 1
        image = torch.full((SIDE, SIDE, 4), 200, dtype=torch.uint8)
        image[..., 3] = 255 * disc
        self.image = image[..., :channels]

    def __len__(self) -> int:
        return 4

    def get_numpy_image(self, index: int) -> Any:
        return self.image.numpy()


def model(collider) -> Any:
    return SimpleNamespace(collider=collider.train(), box_advice="enlarge it")


def sphere(radius: float) -> Any:
    return model(SphereBounds(torch.zeros(3), radius))


def box(half: float) -> Any:
    return model(AABBBoxCollider(SceneBox(torch.tensor([[-half] * 3, [half] * 3])), near_plane=0.0))


@pytest.mark.parametrize("built", [sphere(1.0), sphere(5.0), sphere(0.98), box(1.0), box(0.95)])
def test_what_holds_it_is_silent(built):
    assert check_foreground(built, Discs()) == []


def test_a_sphere_that_holds_a_quarter_of_the_disc():
    (line,) = check_foreground(sphere(0.5), Discs())
    # Of pixels in steps of a sixteenth, not 75 %.
    assert line == (
        "74% of what is cut out of the training images lies outside the sphere in which the object is looked for, and "
        "is taken for background: raise --pipeline.model.sphere-radius to 0.99, or correct sphere-center."
    )


def test_a_box_that_holds_a_part():
    (line,) = check_foreground(box(0.5), Discs())
    # A square of side 1 in a disc of radius 1.
    share = 1 - 1 / torch.pi
    assert line.startswith(f"{share:.0%} of what is cut out") and line.endswith("taken for background: enlarge it.")


@pytest.mark.parametrize("built", [model(NearFarCollider(0.1, 1000.0)), model(SphereBounds(torch.zeros(3), 0.1))])
def test_without_a_foreground_or_a_bound_there_is_nothing_to_say(built):
    assert check_foreground(built, Discs(channels=3)) == []


@pytest.mark.parametrize("planes", [(0.1, 1000.0), (399.0, 401.0)])
def test_planes_that_hold_it(planes):
    assert check_foreground(model(NearFarCollider(*planes)), Discs()) == []


@pytest.mark.parametrize("planes", [(2.0, 6.0), (500.0, 1000.0)])
def test_planes_before_or_behind_it(planes):
    (line,) = check_foreground(model(NearFarCollider(*planes)), Discs())
    assert line.startswith(
        f"4 of 4 training cameras are 4e+02 to 4e+02 scene units away from the object, and rays are sampled from "
        f"{planes[0]:g} to {planes[1]:g} alone: set --pipeline.model.near-plane below 4e+02 and"
    )


@pytest.mark.parametrize(("mode", "count"), [("RGB", 0), ("RGBA", 1)])
def test_alpha_counts_where_there_are_no_masks(tmp_path, mode, count):
    views: Any = Discs()
    views.foreground_filenames, views.image_filenames = (), [tmp_path / "0.png"]
    Image.new(mode, (SIDE, SIDE)).save(tmp_path / "0.png")
    assert len(check_foreground(sphere(0.5), views)) == count


@pytest.mark.parametrize("kind", [sphere, box])
def test_a_model_on_a_gpu_is_looked_at_where_it_is(monkeypatch, kind):
    built, rays = kind(1.0), module._rays_of_the_foreground(Discs())
    monkeypatch.setattr(module, "_rays_of_the_foreground", lambda dataset: rays)
    # Fake tensors have no values.
    monkeypatch.setattr(torch.Tensor, "__float__", lambda self: 0.0)
    with fake_world() as mode, mode:
        if isinstance(built.collider, AABBBoxCollider):
            built.collider.scene_box.aabb = torch.empty(2, 3, device=DEVICE)
        else:
            built.collider.center = torch.empty(3, device=DEVICE)
        assert check_foreground(built, Discs()) == []
