"""Rays from a table: nerfstudio's but for rounding, and only for cameras whose rays a table can hold."""

import json

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.model_components.ray_generators import RayGenerator
from PIL import Image

from s3im_methods.data import tabulated_rays
from s3im_methods.data.byte_images import ByteImageDataManagerConfig
from s3im_methods.data.image_sizes import scaled_cameras
from s3im_methods.data.tabulated_rays import TabulatedRayGenerator, can_be_tabulated
from s3im_methods.samplers import PatchAwarePixelSamplerConfig

DISTORTION = torch.tensor([0.2, -0.05, 0.0, 0.0, 0.01, -0.02])
CAMERAS = 5


def cameras(**changed) -> Cameras:
    random = torch.Generator().manual_seed(0)
    rotations = torch.linalg.qr(torch.randn(CAMERAS, 3, 3, generator=random))[0]
    poses = torch.cat([rotations, torch.randn(CAMERAS, 3, 1, generator=random)], dim=-1)
    settings = {"fx": 14.0, "fy": 15.0, "cx": 6.5, "cy": 4.0, "width": 12, "height": 9}
    return Cameras(poses, **{**settings, **changed})


def of_each(*values) -> torch.Tensor:
    return torch.tensor(values)[:, None]


def all_pixels(of: Cameras) -> torch.Tensor:
    sizes = zip(of.height[:, 0].tolist(), of.width[:, 0].tolist(), strict=True)
    return torch.tensor([(camera, y, x) for camera, (h, w) in enumerate(sizes) for y in range(h) for x in range(w)])


def assert_like_nerfstudios(of: Cameras) -> None:
    pixels = all_pixels(of)
    expected, found = RayGenerator(of)(pixels), TabulatedRayGenerator(of)(pixels)
    for name in ("origins", "directions", "pixel_area", "camera_indices"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-4, atol=1e-6)
    assert found.metadata.keys() == expected.metadata.keys()
    torch.testing.assert_close(found.metadata["directions_norm"], expected.metadata["directions_norm"])
    if of.times is None:
        assert found.times is None
    else:
        assert torch.equal(found.times, expected.times)


@pytest.mark.parametrize("camera_type", [CameraType.PERSPECTIVE, CameraType.FISHEYE])
@pytest.mark.parametrize("distortion", [None, DISTORTION])
def test_one_lens(camera_type, distortion):
    every = None if distortion is None else distortion.repeat(CAMERAS, 1)
    of = cameras(camera_type=camera_type, distortion_params=every)
    assert can_be_tabulated(of)
    assert_like_nerfstudios(of)
    assert len(TabulatedRayGenerator(of).table) == 12 * 9


@pytest.mark.parametrize("camera_type", [CameraType.PERSPECTIVE, CameraType.FISHEYE])
@pytest.mark.parametrize("distortion", [None, DISTORTION])
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_pixel_areas_are_those_of_finite_differences_at_every_scale(camera_type, distortion, scale):
    """nerfstudio's measure: what one pixel to the right turns the ray by, times what one pixel down does."""
    every = None if distortion is None else distortion.repeat(CAMERAS, 1)
    lens = {"fx": 170.0, "fy": 190.0, "cx": 103.0, "cy": 75.0, "width": 203, "height": 151}
    of = scaled_cameras(cameras(**lens, camera_type=camera_type, distortion_params=every), 1 / scale)
    height, width = int(of.height[0]), int(of.width[0])
    pixels = torch.tensor([[2, y, x] for y in (1, height // 3, height - 2) for x in (1, width // 2, width - 2)])
    rays = TabulatedRayGenerator(of)(pixels)

    def turned(down: float, right: float) -> torch.Tensor:
        ends = [
            of.generate_rays(pixels[:, :1], coords=pixels[:, 1:] + torch.tensor([0.5 + s * down, 0.5 + s * right]))
            for s in (-0.5, 0.5)
        ]
        return (ends[1].directions - ends[0].directions).norm(dim=-1, keepdim=True) / (down + right)

    # nerfstudio's difference is one-sided.
    torch.testing.assert_close(rays.pixel_area, turned(0, 0.1) * turned(0.1, 0), rtol=0.012 * scale, atol=0)


def test_several_lenses_of_several_sizes():
    of = cameras(
        fx=of_each(14.0, 14.0, 9.0, 14.0, 9.0),
        width=of_each(12, 12, 7, 12, 7),
        height=of_each(9, 9, 11, 9, 11),
        distortion_params=torch.stack([DISTORTION, -DISTORTION, DISTORTION, DISTORTION, DISTORTION]),
        camera_type=of_each(1, 1, 1, 2, 1),
    )
    assert_like_nerfstudios(of)
    # Only the third and the fifth have the same.
    assert len(TabulatedRayGenerator(of).table) == 3 * 12 * 9 + 7 * 11


def test_times_stay_with_their_cameras():
    assert_like_nerfstudios(cameras(times=of_each(0.0, 0.1, 0.2, 0.3, 0.4)))


def test_rays_that_begin_elsewhere_are_nerfstudios():
    assert not can_be_tabulated(cameras(camera_type=CameraType.ORTHOPHOTO))
    mixed = of_each(*[CameraType.PERSPECTIVE.value] * 4, CameraType.EQUIRECTANGULAR.value)
    assert not can_be_tabulated(cameras(camera_type=mixed))


def test_what_belongs_to_single_cameras_is_not_lost():
    assert not can_be_tabulated(cameras(metadata={"velocities": torch.zeros(CAMERAS, 3)}))


def test_large_tables_are_not_made(monkeypatch):
    two_lenses = cameras(fx=of_each(14.0, 14.0, 9.0, 9.0, 9.0))
    monkeypatch.setattr(tabulated_rays, "MOST_PIXELS", 2 * 12 * 9)
    assert can_be_tabulated(two_lenses)
    monkeypatch.setattr(tabulated_rays, "MOST_PIXELS", 2 * 12 * 9 - 1)
    assert not can_be_tabulated(two_lenses)


def test_a_gpu_has_larger_tables(monkeypatch):
    fits, larger = cameras(width=2000, height=1500), cameras(width=3000, height=1500)
    assert not can_be_tabulated(fits)
    # Their parts stay where this machine has memory.
    on_gpu = property(lambda part: torch.device("cuda" if part is fits or part is larger else "cpu"))
    monkeypatch.setattr(Cameras, "device", on_gpu)
    assert can_be_tabulated(fits) and not can_be_tabulated(larger)


@pytest.mark.parametrize("fits", [True, False])
def test_a_data_manager_gives_the_rays_of_the_pixels_that_it_drew(tmp_path, monkeypatch, fits):
    monkeypatch.setattr(tabulated_rays, "MOST_PIXELS", 1 << 20 if fits else 1)
    frames = []
    for number in range(4):
        pixels = np.arange(9 * 12 * 3, dtype=np.uint8).reshape(9, 12, 3) + np.uint8(number)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        pose = np.eye(4)
        pose[:3, 3] = number, number**2, 1
        frames.append({"file_path": f"{number}.png", "transform_matrix": pose.tolist()})
    intrinsics = {"fl_x": 14.0, "fl_y": 15.0, "cx": 6.5, "cy": 4.0, "w": 12, "h": 9, "k1": 0.2, "p1": 0.01}
    content = {"camera_model": "OPENCV", **intrinsics, "frames": frames}
    (tmp_path / "transforms.json").write_text(json.dumps(content))
    parser = NerfstudioDataParserConfig(data=tmp_path, eval_mode="interval", eval_interval=3, downscale_factor=1)
    config = ByteImageDataManagerConfig(
        dataparser=parser, train_num_rays_per_batch=64, pixel_sampler=PatchAwarePixelSamplerConfig()
    )
    manager = config.setup(device="cpu")
    assert isinstance(manager.train_ray_generator, TabulatedRayGenerator) == fits
    rays, batch = manager.next_train(0)
    expected = RayGenerator(manager.train_dataset.cameras)(batch["indices"])
    torch.testing.assert_close(rays.directions, expected.directions, rtol=0, atol=1e-6)
    assert torch.equal(rays.origins, expected.origins)
