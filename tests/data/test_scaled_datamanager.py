"""Training at several scales: pixels are means, rays are those of larger pixels, and each scale has as many."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from PIL import Image

from s3im_methods.data.area_average import area_average
from s3im_methods.data.byte_images import ByteImageDataManagerConfig, ByteImages
from s3im_methods.data.depth_datamanager import DepthDataManagerConfig
from s3im_methods.data.views_at_scale import ViewsAtScale, joined_cameras, view_names, views_at_scales
from s3im_methods.errors import InputError
from s3im_methods.samplers import PatchAwarePixelSampler, PatchAwarePixelSamplerConfig

SIZE = 13, 18
VIEWS = 6
TRAINING = 4


@pytest.fixture
def parser(tmp_path) -> NerfstudioDataParserConfig:
    """Six photographs with masks and depth, and a lens that bends lines."""
    random = np.random.default_rng(0)
    frames = []
    for number in range(VIEWS):
        height, width = SIZE
        pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        mask = np.full((height, width), 255, dtype=np.uint8)
        mask[:3, :5] = 0
        Image.fromarray(mask).save(tmp_path / f"mask_{number}.png")
        depth = random.integers(1000, 5000, (height, width)).astype(np.uint16)
        Image.fromarray(depth).save(tmp_path / f"depth_{number}.png")
        pose = np.eye(4)
        pose[:3, 3] = number, number**2, 1
        names = {"mask_path": f"mask_{number}.png", "depth_file_path": f"depth_{number}.png"}
        frames.append({"file_path": f"{number}.png", **names, "transform_matrix": pose.tolist()})
    lens = {"fl_x": 14.0, "fl_y": 15.0, "cx": 8.5, "cy": 7.0, "w": SIZE[1], "h": SIZE[0], "k1": 0.1}
    (tmp_path / "transforms.json").write_text(json.dumps({"camera_model": "OPENCV", **lens, "frames": frames}))
    return NerfstudioDataParserConfig(data=tmp_path, eval_mode="interval", eval_interval=3, downscale_factor=1)


def manager_of(parser, kind=ByteImageDataManagerConfig, rays: int = 50, test_mode="val", **settings):
    patches = settings.pop("patch_share", 0.0)
    config = kind(
        dataparser=parser,
        train_num_rays_per_batch=rays,
        eval_num_rays_per_batch=rays,
        pixel_sampler=PatchAwarePixelSamplerConfig(patch_share=patches, patch_size=2),
        **settings,
    )
    return config.setup(device="cpu", test_mode=test_mode)


def test_every_ray_and_pixel_is_that_of_its_scale(parser):
    manager = manager_of(parser, DepthDataManagerConfig, scales=(1, 2, 4))
    assert len(manager.train_dataset) == TRAINING and manager.get_train_rays_per_batch() == 50
    parts = views_at_scales(manager.train_dataset, (1, 2, 4))
    rays, batch = manager.next_train(0)
    # 50 rays: 17 of the first two scales, 16 of the third.
    scales = [0] * 17 + [1] * 17 + [2] * 16
    assert batch["image"].shape == (50, 3) and batch["indices"].shape == (50, 3)
    assert batch["indices"][:, 0].max() < TRAINING and torch.equal(rays.camera_indices, batch["indices"][:, :1])
    for row, scale in enumerate(scales):
        camera, y, x = batch["indices"][row].tolist()
        part = parts[scale]
        data = part.get_data(camera, "uint8")
        assert data["mask"][y, x]
        torch.testing.assert_close(batch["image"][row], data["image"][y, x] / 255)
        assert torch.equal(batch["depth_image"][row], data["depth_image"][y, x])
        expected = part.cameras.generate_rays(camera, coords=torch.tensor([y + 0.5, x + 0.5]))
        torch.testing.assert_close(rays.directions[row], expected.directions, rtol=0, atol=1e-6)
        torch.testing.assert_close(rays.pixel_area[row], expected.pixel_area, rtol=1e-3, atol=0)


def test_smaller_images_are_means_and_masks_are_what_is_wholly_inside(parser):
    dataset = manager_of(parser, DepthDataManagerConfig).train_dataset
    (part,) = views_at_scales(dataset, (4,))
    whole, small = dataset[2], part[2]
    # One rule of rounding: 13 and 18 become 3 and 4.
    assert small["image"].shape == (3, 4, 3) and small["scale"] == 4
    torch.testing.assert_close(small["image"], area_average(whole["image"], (3, 4)))
    # Three rows of 13 and five columns of 18 are out; a pixel is 4.33 x 4.5 of them.
    assert small["mask"][..., 0].tolist() == [[False, False, True, True]] + [[True] * 4] * 2
    assert set(small["depth_image"].flatten().tolist()) <= set(whole["depth_image"].flatten().tolist())


def test_without_scales_nothing_changes(parser):
    same = manager_of(parser, scales=(1,), eval_scales=(1,))
    assert (
        type(same.train_pixel_sampler) is PatchAwarePixelSampler
        and type(same.train_image_dataloader.dataset) is ByteImages
    )
    assert isinstance(same.next_train(0)[1]["num_patches"], int)
    assert same.fixed_indices_eval_dataloader.input_dataset is same.eval_dataset


class Recorder(torch.nn.Module):
    """A ray generator that notes where the indices lie."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def forward(self, indices: torch.Tensor) -> RayBundle:
        self.seen.append(indices.device.type)
        return RayBundle(torch.zeros(1, 3), torch.zeros(1, 3), torch.zeros(1, 1))


def test_rays_are_made_of_indices_that_are_on_the_device(parser):
    """From main memory the host would wait for the GPU in every step."""
    manager = manager_of(parser)
    manager.device, recorder = "meta", Recorder()
    manager.train_ray_generator = manager.eval_ray_generator = recorder
    for _, batch in (manager.next_train(0), manager.next_eval(0)):
        assert {value.device.type for value in batch.values() if isinstance(value, torch.Tensor)} == {"meta"}
    assert recorder.seen == ["meta", "meta"] and (manager.train_count, manager.eval_count) == (1, 1)


def test_patches_of_all_scales_come_first(parser):
    manager = manager_of(parser, scales=(1, 2), rays=40, patch_share=0.5)
    _, batch = manager.next_train(0)
    assert batch["num_patches"] == 4 and batch["patch_size"] == 2
    patches = batch["indices"][:16].view(4, 4, 3)
    for patch in patches:
        assert (patch - patch[0]).tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1]]


def test_the_same_seed_draws_the_same_pixels_of_every_scale(parser):
    manager = manager_of(parser, scales=(2, 4))
    drawn = []
    for seed in (3, 4, 3):
        manager.train_pixel_sampler.reseed(seed)
        drawn.append(manager.next_train(0)[1]["indices"])
    assert torch.equal(drawn[0], drawn[2]) and not torch.equal(drawn[0], drawn[1])
    manager.train_pixel_sampler.set_num_rays_per_batch(7)
    assert len(manager.next_train(0)[1]["indices"]) == 7


def test_held_out_views_are_judged_at_every_scale(parser):
    manager = manager_of(parser, scales=(1,), eval_scales=(1, 4))
    found = list(manager.fixed_indices_eval_dataloader)
    assert [batch["scale"] for _, batch in found] == [1, 1, 4, 4]
    for camera, batch in found:
        assert batch["image"].shape[:2] == (int(camera.height), int(camera.width))
    names = view_names(manager.eval_views(manager.eval_dataset))
    assert [name.endswith(" at 1/4") for name in names] == [False, False, True, True]
    # Of the finest images there are rays for a point cloud.
    assert manager_of(parser, scales=(2, 1), test_mode="test").next_train(0)[1]["indices"][:, 2].max() > 9


def test_scales_that_cannot_be_get_a_sentence(parser):
    def refusal(**settings) -> str:
        with pytest.raises(InputError) as error:
            manager_of(parser, **settings)
        return str(error.value)

    wrong = "{}: give different whole numbers from 1 on, such as 1 2 4 8."
    for scales in ((), (0, 1), (2, 2)):
        given = " ".join(map(str, scales))
        assert refusal(scales=scales) == f"--pipeline.datamanager.scales is '{given}': " + wrong[4:]
    assert refusal(scales=(16,)) == (
        "--pipeline.datamanager.scales 16 leaves no pixel of images of 13 pixels: give smaller numbers."
    )
    # The setting that is wrong is named.
    assert refusal(eval_scales=(0,)).startswith("--pipeline.datamanager.eval-scales is '0': give different")
    assert refusal(eval_scales=(1, 16)).startswith("--pipeline.datamanager.eval-scales 16 leaves no pixel")
    assert refusal(scales=(1, 2), rays=1).startswith("A batch of 1 rays has none for some of 2 scales")


def test_a_mask_that_leaves_no_pixel_at_a_scale_is_refused_before_training(parser):
    board = (np.indices(SIZE).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(board).save(parser.data / "mask_1.png")
    manager = manager_of(parser, scales=(1, 4))
    with pytest.raises(InputError, match=r"1\.png', made 4 times smaller, has no pixel to train on"):
        manager.train_pixel_sampler.check(manager.train_dataparser_outputs)
    manager_of(parser, scales=(1,)).train_pixel_sampler.check(manager.train_dataparser_outputs)


def test_joined_cameras_have_what_each_camera_has(parser):
    cameras = manager_of(parser).train_dataset.cameras
    cameras.metadata = {"own": torch.arange(TRAINING)[:, None], "fisheye_crop_radius": 8.0}
    joined = joined_cameras([cameras, cameras])
    assert joined.shape == (2 * TRAINING,) and joined.metadata is not None
    assert list(joined.metadata) == ["own"] and joined.metadata["own"][:, 0].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert joined.distortion_params is not None and cameras.distortion_params is not None
    assert torch.equal(joined.distortion_params[TRAINING:], cameras.distortion_params)


def test_a_view_at_scale_is_its_dataset_for_the_rest(parser):
    dataset = manager_of(parser).train_dataset
    part = ViewsAtScale(dataset, [2, 0], 2, 2)
    assert len(part) == 2 and part.image_filenames == [dataset.image_filenames[k] for k in (2, 0)]
    assert part.metadata is dataset.metadata
    assert part[0]["image_idx"] == 0 and isinstance(part.image_filenames[0], Path)


def test_a_foreground_is_averaged_as_the_image_is(parser):
    dataset = manager_of(parser).train_dataset
    get_data, half = dataset.get_data, torch.zeros(*SIZE, 1)
    half[:, :7] = 1
    dataset.get_data = lambda *given: {**get_data(*given), "fg_mask": half}  # type: ignore[method-assign]
    (part,) = views_at_scales(dataset, (4,))
    # A column is 4.5 of the 18.
    assert part[0]["fg_mask"][1, :, 0].tolist() == pytest.approx([1, 2.5 / 4.5, 0, 0])


def test_an_image_may_be_a_single_pixel(parser):
    (part,) = views_at_scales(manager_of(parser).train_dataset, (13,))
    assert part[0]["image"].shape == (1, 1, 3)
