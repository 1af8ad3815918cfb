"""One rule for sizes: cameras, images, masks and depth agree at any resolution, and rays stay where they were."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.data.datasets.base_dataset import InputDataset
from PIL import Image

from s3im_methods.data.byte_images import ByteImageDataManagerConfig
from s3im_methods.data.depth_datamanager import DepthDataManagerConfig
from s3im_methods.data.image_sizes import RADIUS_KEY, scaled_cameras, whole_downscale_factor
from s3im_methods.data.surface_datamanager import SurfaceDataManagerConfig
from s3im_methods.errors import InputError
from s3im_methods.samplers import PatchAwarePixelSamplerConfig

SIZES = [(61, 45), (60, 45), (180, 271), (7, 5), (61, 45), (33, 90)]


def cameras(sizes, kind=CameraType.PERSPECTIVE, **metadata) -> Cameras:
    width, height = torch.tensor(sizes).T
    poses = torch.eye(4)[:3].repeat(len(sizes), 1, 1)
    focal = width * 1.3
    return Cameras(poses, focal, focal, width / 2 + 1, height / 2 - 1, width, height, None, kind, metadata=metadata)


def write(folder, sizes, kind="OPENCV", **meta):
    """A scene with masks and depth, all images of random colours."""
    frames = []
    noise = np.random.default_rng(0)
    for number, (width, height) in enumerate(sizes):
        Image.fromarray(noise.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(folder / f"{number}.png")
        mask = np.zeros((height, width), dtype=np.uint8)
        mask[: height // 2 + 1] = 255
        Image.fromarray(mask).save(folder / f"m{number}.png")
        Image.fromarray(np.full((height, width), 1500, dtype=np.uint16)).save(folder / f"d{number}.png")
        pose = np.eye(4)
        pose[:3, 3] = number, number**2, 1
        frame = {"file_path": f"{number}.png", "transform_matrix": pose.tolist(), "w": width, "h": height}
        frame |= {"mask_path": f"m{number}.png", "depth_file_path": f"d{number}.png"}
        frames.append(frame | {"fl_x": 90.0, "fl_y": 90.0, "cx": width / 2, "cy": height / 2})
    (folder / "transforms.json").write_text(json.dumps({"camera_model": kind, "frames": frames, **meta}))
    return NerfstudioDataParserConfig(data=folder, eval_mode="interval", eval_interval=3, downscale_factor=1)


@pytest.mark.parametrize("factor", [0.33, 0.5, 0.7, 2.0])
def test_rays_through_the_images_corners_stay_where_they_were(factor):
    before = cameras([(271, 181)])
    after = scaled_cameras(before, factor)
    assert (int(after.width), int(after.height)) == (int(271 * factor + 1e-6), int(181 * factor + 1e-6))
    for share in ([0.0, 0.0], [1.0, 1.0], [0.25, 0.75]):
        rays = [
            c.generate_rays(0, torch.tensor(share) * torch.tensor([int(c.height), int(c.width)])).directions
            for c in (before, after)
        ]
        assert torch.allclose(rays[0], rays[1], atol=1e-6)


def test_factor_one_changes_nothing():
    before = cameras([(9, 5)])
    assert scaled_cameras(before, 1.0) is before


def test_the_crop_radius_is_in_pixels_too():
    fisheye = cameras([(20, 20)], CameraType.FISHEYE, **{RADIUS_KEY: 8.0})
    small = scaled_cameras(fisheye, 0.25)
    assert small.metadata is not None and small.metadata[RADIUS_KEY] == 2.0
    assert fisheye.metadata is not None and fisheye.metadata[RADIUS_KEY] == 8.0


@pytest.mark.parametrize("factor", [0.0, -0.5, float("nan"), float("inf")])
def test_what_is_no_factor(factor, tmp_path):
    for settings in (ByteImageDataManagerConfig, DepthDataManagerConfig, SurfaceDataManagerConfig):
        # Nothing is read before: the scene does not exist.
        parser = NerfstudioDataParserConfig(data=tmp_path / "gone")
        with pytest.raises(InputError, match=r"^--pipeline.datamanager.camera-res-scale-factor is .*: give a"):
            settings(dataparser=parser, camera_res_scale_factor=factor).setup(device="cpu")


def test_a_factor_that_leaves_no_pixel(tmp_path):
    parser = write(tmp_path, SIZES)
    with pytest.raises(InputError) as error:
        ByteImageDataManagerConfig(dataparser=parser, camera_res_scale_factor=0.15).setup(device="cpu")
    assert str(error.value) == (
        f"--pipeline.datamanager.camera-res-scale-factor 0.15 leaves no pixel of the image '{tmp_path}/3.png' of 7 x 5 "
        "pixels: raise it."
    )


def test_upstream_still_rounds_cameras_and_images_in_two_ways(tmp_path):
    Image.new("RGB", (180, 180)).save(tmp_path / "i.png")
    outputs = DataparserOutputs([tmp_path / "i.png"], cameras([(180, 180)]))
    dataset = InputDataset(outputs, scale_factor=0.7)
    assert int(dataset.cameras.width) != dataset[0]["image"].shape[1]


@pytest.mark.parametrize("settings", [ByteImageDataManagerConfig, DepthDataManagerConfig, SurfaceDataManagerConfig])
@pytest.mark.parametrize("sizes", [SIZES, [(180, 61)] * 6])
@pytest.mark.parametrize("factor", [0.33, 0.7, 2.0])
def test_all_that_a_view_has_is_of_its_cameras_size(tmp_path, settings, sizes, factor):
    manager = settings(
        dataparser=write(tmp_path, sizes),
        pixel_sampler=PatchAwarePixelSamplerConfig(),
        camera_res_scale_factor=factor,
        train_num_rays_per_batch=300,
        eval_num_rays_per_batch=300,
    ).setup(device="cpu")
    manager.train_pixel_sampler.check(manager.train_dataparser_outputs, factor)
    views = list(manager.fixed_indices_eval_dataloader) + [
        manager.train_dataset[k] for k in range(len(manager.train_dataset))
    ]
    views = [
        view if isinstance(view, tuple) else (manager.train_dataset.cameras[i], view)
        for i, view in enumerate(views, -2)
    ]
    for camera, view in views:
        size = (int(camera.height), int(camera.width))
        keys = {"image", "mask", "depth_image", "fg_mask"} & view.keys()
        assert {key: tuple(view[key].shape[:2]) for key in keys} == dict.fromkeys(keys, size)
    for rays, batch in (manager.next_train(0), manager.next_eval(0)):
        assert len(rays) == 300 and rays.directions.isfinite().all()
        assert "mask" not in batch or batch["mask"].all()


@pytest.mark.parametrize("up", [False, True])
def test_cameras_follow_downscaled_copies_however_they_were_rounded(tmp_path, up):
    parser = replace(
        write(tmp_path, [(61, 45), (60, 45)] * 3, "OPENCV_FISHEYE", fisheye_crop_radius=20), downscale_factor=2
    )
    for prefix, name in (("images_2", "{}"), ("masks_2", "m{}"), ("depths_2", "d{}")):
        (tmp_path / prefix).mkdir()
        for number in range(6):
            with Image.open(tmp_path / f"{name.format(number)}.png") as image:
                size = [(side + up) // 2 for side in image.size]
                image.resize(size, Image.Resampling.NEAREST).save(tmp_path / prefix / f"{name.format(number)}.png")
    for settings in (ByteImageDataManagerConfig, DepthDataManagerConfig, SurfaceDataManagerConfig):
        manager = settings(dataparser=parser, pixel_sampler=PatchAwarePixelSamplerConfig()).setup(device="cpu")
        assert manager.train_pixel_sampler.config.fisheye_crop_radius == 10
        widths = manager.train_dataset.cameras.width.flatten().tolist()
        assert set(widths) == ({30, 31} if up else {30})
        for dataset in (manager.train_dataset, manager.eval_dataset):
            for index in range(len(dataset)):
                camera, view = dataset.cameras[index], dataset[index]
                assert (
                    view["image"].shape[:2]
                    == (int(camera.height), int(camera.width))
                    == (22 + up, view["image"].shape[1])
                )
        assert manager.next_train(0)[1]["image"].shape[0] == 1024


def test_a_downscale_factor_names_a_folder():
    config = NerfstudioDataParserConfig(downscale_factor=2.0)  # type: ignore[arg-type]
    whole_downscale_factor(config)
    assert config.downscale_factor == 2 and isinstance(config.downscale_factor, int)
    with pytest.raises(InputError, match=r"^--downscale-factor is 1.5: give a whole number"):
        whole_downscale_factor(NerfstudioDataParserConfig(downscale_factor=1.5))  # type: ignore[arg-type]
