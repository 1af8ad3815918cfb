"""What a surface method gets of each image: alpha, foreground, normals, priors, and the scene's sphere."""

import json

import numpy as np
import pytest
import torch
from nerfstudio.data.dataparsers.blender_dataparser import BlenderDataParserConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.data.dataparsers.sdfstudio_dataparser import SDFStudioDataParserConfig
from nerfstudio.data.datasets.sdf_dataset import SDFDataset
from PIL import Image

from s3im_methods.data.checked_parser import checked_parser
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.few_views import keep_views
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.scene_sphere import fit_scene_sphere
from s3im_methods.data.surface_dataset import SurfaceDataset
from s3im_methods.errors import InputError
from s3im_methods.scenes import ObjectConfig, write_scene

NO_DEPTH = DepthSourceConfig(source="auto-or-none")


def outputs_of(config, split="train"):
    return checked_parser(config).setup().get_dataparser_outputs(split)


def dataset(config, scale=1.0, **settings) -> SurfaceDataset:
    return SurfaceDataset(outputs_of(config), scale, NO_DEPTH, **settings)


def mask_of(scene, index, size=(8, 6)):
    return np.array(Image.open(scene.folder / f"masks/{index}.png").resize(size, Image.Resampling.NEAREST)) != 0


@pytest.fixture
def masked(scene):
    """Six RGB images with masks of two halves."""
    for k in range(6):
        values = np.zeros((6, 8), dtype=np.uint8)
        values[:, k:] = 255
        Image.fromarray(values).save(scene.folder / f"masks/{k}.png")
    return scene


def alpha_scene(scene, *modes):
    """The scene without masks and with its images saved in the modes given."""
    for k in range(6):
        scene.save(f"images/{k}.png", modes[k % len(modes)])
    for frame in scene.meta["frames"]:
        frame.pop("mask_path", None)
    scene.write()
    return scene


def test_masks_become_alpha_and_leave_no_pixel_out(masked):
    found = dataset(masked.config())
    assert SceneFacts.of(found.metadata).has_foreground_mask is True
    for index in range(4):
        data = found[index]
        assert data.keys() == {"image_idx", "image", "depth_image", "fg_mask"}
        assert data["image"].shape == (6, 8, 4)
        assert data["fg_mask"].dtype == torch.float32
        assert np.array_equal(data["fg_mask"][..., 0].numpy(), mask_of(masked, index).astype(np.float32))
        assert torch.equal(data["image"][..., 3:], data["fg_mask"])
        assert torch.equal(data["image"][..., :3], dataset(masked.config(), use_masks=False)[index]["image"])


def test_bytes_give_the_same_foreground(masked):
    found = dataset(masked.config())
    whole = found.get_data(1, "uint8")
    assert whole["image"].dtype == torch.uint8
    assert torch.equal(whole["fg_mask"], found[1]["fg_mask"])


@pytest.mark.parametrize("frames", [0, 6])
def test_normals_that_are_null_are_none(scene, frames):
    for frame in scene.meta["frames"][:frames]:
        frame["normal_file_path"] = None
    scene.write()
    found = dataset(scene.config())
    assert SceneFacts.of(found.metadata).has_normals is False and "normal" not in found[0]


def test_resolution_factor(masked):
    data = dataset(masked.config(), 0.5)[2]
    assert data["image"].shape == (3, 4, 4)
    assert np.array_equal(data["fg_mask"][..., 0].numpy(), mask_of(masked, 2, (4, 3)))


def test_without_masks_by_choice_it_is_nerfstudio(masked):
    found = dataset(masked.config(), use_masks=False)
    data = found[0]
    assert SceneFacts.of(found.metadata).has_foreground_mask is False
    assert data["mask"].dtype == torch.bool and "fg_mask" not in data
    assert data["image"].shape == (6, 8, 3)


def test_mask_colour_needs_no_mask_key(masked):
    assert dataset(masked.config(mask_color=(1.0, 0.0, 0.0)))[0]["image"].shape == (6, 8, 4)


def test_own_alpha_stays(scene):
    found = dataset(alpha_scene(scene, "RGBA").config())
    stored = np.array(Image.open(scene.folder / "images/1.png"))
    assert SceneFacts.of(found.metadata).has_foreground_mask is True
    assert found[1]["image"].numpy() == pytest.approx(stored / 255)
    assert found[1]["fg_mask"].numpy() == pytest.approx(stored[..., 3:] / 255)


def test_alpha_times_mask(masked):
    for k in range(6):
        masked.save(f"images/{k}.png", "RGBA")
    found = dataset(masked.config())[3]["fg_mask"][..., 0].numpy()
    own = np.array(Image.open(masked.folder / "images/3.png"))[..., 3] / 255
    assert found == pytest.approx(own * mask_of(masked, 3))


def test_images_without_alpha_count_as_foreground_beside_others(scene):
    found = dataset(alpha_scene(scene, "RGB", "RGBA", "L", "RGB", "RGB", "RGB").config())
    assert [found[k].keys() for k in range(4)] == [found[0].keys()] * 4
    assert [found[k]["image"].shape[-1] for k in range(4)] == [4] * 4
    assert [bool((found[k]["fg_mask"] == 1).all()) for k in range(4)] == [True, False, True, True]


def test_no_foreground_means_three_channels(scene):
    found = dataset(alpha_scene(scene, "RGB").config())
    assert SceneFacts.of(found.metadata).has_foreground_mask is False
    assert found[0].keys() == {"image_idx", "image", "depth_image"}
    for k in range(6):
        Image.new("RGBA", (8, 6), (10, 20, 30, 255)).save(scene.folder / f"images/{k}.png")
    opaque = dataset(scene.config())
    assert SceneFacts.of(opaque.metadata).has_foreground_mask is False
    assert opaque[0]["image"].shape == (6, 8, 3)


def test_blender_images_keep_their_alpha(tmp_path):
    pose = np.eye(4)
    for split in ("train", "val", "test"):
        frames = []
        for k in range(2):
            pose[:3, 3] = k, 0, 4
            frames.append({"file_path": f"./{split}_{k}", "transform_matrix": pose.tolist()})
            noise = np.random.default_rng(k).integers(0, 255, (6, 8, 4), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / f"{split}_{k}.png")
        meta = {"camera_angle_x": 0.7, "frames": frames}
        (tmp_path / f"transforms_{split}.json").write_text(json.dumps(meta))
    config = BlenderDataParserConfig(data=tmp_path)
    found = dataset(config)
    stored = np.array(Image.open(tmp_path / "train_1.png"))
    assert SceneFacts.of(found.metadata).has_foreground_mask is True
    assert found[1]["image"].numpy() == pytest.approx(stored / 255)
    assert dataset(config, use_masks=False)[1]["image"].shape == (6, 8, 3)


def test_spheres_are_of_the_training_cameras(masked):
    train, test = outputs_of(masked.config()), outputs_of(masked.config(), "test")
    facts = SceneFacts.of(SurfaceDataset(test, 1.0, NO_DEPTH, train_cameras=train.cameras).metadata)
    assert facts.object_sphere == fit_scene_sphere(train.cameras, "object")
    assert facts.room_sphere == fit_scene_sphere(train.cameras, "room")
    assert facts.scene_kind == "room"
    of_train, of_test = (SceneFacts.of(SurfaceDataset(split, 1.0, NO_DEPTH).metadata) for split in (train, test))
    assert of_train.room_sphere == facts.room_sphere != of_test.room_sphere


def test_listed_normals_come_in_scene_axes(tmp_path):
    config = ObjectConfig(width=32, height=24, train_views=4, test_views=1, light_samples=1, supersampling=1)
    folder = write_scene(config, tmp_path / "object")
    path = folder / "transforms.json"
    meta = json.loads(path.read_text())
    without = dataset(NerfstudioDataParserConfig(data=folder))
    assert "normal" not in without[0] and not SceneFacts.of(without.metadata).has_normals
    world = {}
    for frame in meta["frames"][1:]:
        normal = np.load(folder / frame["normal_npy_path"])
        rotation = np.array(frame["transform_matrix"])[:3, :3]
        local = normal @ rotation * [1, -1, -1]
        frame["normal_file_path"] = f"{frame['file_path'][7:-4]}_local.npy"
        np.save(folder / frame["normal_file_path"], local.astype(np.float32))
        world[frame["file_path"][7:]] = normal
    path.write_text(json.dumps(meta))
    outputs = outputs_of(NerfstudioDataParserConfig(data=folder))
    found = SurfaceDataset(outputs, 1.0, NO_DEPTH)
    turn = outputs.dataparser_transform[:, :3].numpy()
    assert SceneFacts.of(found.metadata).has_normals and not SceneFacts.of(found.metadata).has_monocular_depth
    assert (found[0]["normal"] == 0).all() and found[0]["normal"].shape == (24, 32, 3)
    for index in range(1, 4):
        expected = world[found.image_filenames[index].name] @ turn.T
        assert found[index]["normal"].numpy() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("priors", [True, False])
def test_sdfstudio_scenes(sdfstudio, priors):
    config = SDFStudioDataParserConfig(data=sdfstudio, include_mono_prior=priors)
    found, stock = dataset(config), SDFDataset(config.setup().get_dataparser_outputs("train"))
    assert SceneFacts.of(found.metadata).depth_available is False
    assert SceneFacts.of(found.metadata).has_normals is SceneFacts.of(found.metadata).has_monocular_depth is priors
    assert found[0].keys() == stock[0].keys() | {"depth_image"}
    for index in range(4):
        for key in ("depth", "normal") if priors else ():
            torch.testing.assert_close(found[index][key], stock[index][key], rtol=0, atol=1e-6)


def test_sdfstudio_masks(sdfstudio):
    config = SDFStudioDataParserConfig(data=sdfstudio, include_foreground_mask=True)
    found = dataset(config)
    assert SceneFacts.of(found.metadata).has_foreground_mask is True
    assert [int(found[k]["fg_mask"].sum()) for k in range(4)] == [48, 42, 36, 30]
    path = sdfstudio / "meta_data.json"
    meta = json.loads(path.read_text())
    del meta["frames"][2]["foreground_mask"]
    path.write_text(json.dumps(meta))
    with pytest.raises(InputError, match=r"1 of 4 frames in '.*' is without foreground_mask, for instance '2_rgb.png'"):
        dataset(config)


def test_a_downscale_factor_of_sdfstudio_has_no_effect(sdfstudio):
    config = SDFStudioDataParserConfig(
        data=sdfstudio, include_foreground_mask=True, include_mono_prior=True, downscale_factor=2
    )
    lines: list[str] = []
    checked_parser(config, say=lines.append).setup().get_dataparser_outputs("train")
    assert lines == [
        "--downscale-factor 2 has no effect with sdfstudio-data: give --pipeline.datamanager.camera-res-scale-factor "
        "0.5 instead, before sdfstudio-data."
    ]


@pytest.mark.parametrize(("masks", "priors", "count"), [(False, False, 2), (True, False, 1), (True, True, 0)])
def test_what_no_flag_of_sdfstudio_asks_for_is_named(sdfstudio, masks, priors, count):
    config = SDFStudioDataParserConfig(data=sdfstudio, include_foreground_mask=masks, include_mono_prior=priors)
    lines: list[str] = []
    checked_parser(config, say=lines.append).setup().get_dataparser_outputs("train")
    assert len(lines) == count
    assert all("not read: add sdfstudio-data --include-" in line for line in lines)
    assert any("mono_depth_path and mono_normal_path, which are" in line for line in lines) is not priors


def test_few_views_of_sdfstudio_keep_their_own_normals(sdfstudio):
    outputs = outputs_of(SDFStudioDataParserConfig(data=sdfstudio, include_mono_prior=True))
    every, few = SurfaceDataset(outputs, 1.0, NO_DEPTH), SurfaceDataset(keep_views(outputs, 2), 1.0, NO_DEPTH)
    assert [path.name for path in few.image_filenames] == ["0_rgb.png", "2_rgb.png"]
    assert torch.equal(few[1]["normal"], every[2]["normal"])


def test_priors_in_other_layouts_are_the_same(sdfstudio):
    expected = dataset(SDFStudioDataParserConfig(data=sdfstudio, include_mono_prior=True))[0]
    normal, depth = (np.load(sdfstudio / f"0_{name}.npy") for name in ("normal", "depth"))
    signed = normal * 2 - 1
    depth[0, :2] = np.nan, np.inf
    for layout in (normal.transpose(1, 2, 0), signed, signed.transpose(1, 2, 0)):
        np.save(sdfstudio / "0_normal.npy", layout)
        np.save(sdfstudio / "0_depth.npy", depth[..., None])
        found = dataset(SDFStudioDataParserConfig(data=sdfstudio, include_mono_prior=True))[0]
        torch.testing.assert_close(found["normal"], expected["normal"], rtol=0, atol=1e-5)
        assert torch.equal(found["depth"][1:], expected["depth"][1:]) and (found["depth"][0, :2] == 0).all()
    np.save(sdfstudio / "0_depth.npy", np.ones((6, 8, 2), np.float32))
    with pytest.raises(InputError, match=r"holds an array of shape \(6, 8, 2\) and type float32, which is no depth"):
        dataset(SDFStudioDataParserConfig(data=sdfstudio, include_mono_prior=True))[0]


def test_priors_that_hold_nothing_or_face_away_are_told(sdfstudio):
    def said(normal, depth):
        for k in range(4):
            np.save(
                sdfstudio / f"{k}_normal.npy", np.broadcast_to(np.array(normal, np.float32)[:, None, None], (3, 6, 8))
            )
            np.save(sdfstudio / f"{k}_depth.npy", np.full((6, 8), depth, np.float32))
        return dataset(SDFStudioDataParserConfig(data=sdfstudio, include_mono_prior=True)).doubts()

    # Towards the camera, along OpenCV's -z.
    assert said([0.5, 0.5, 0.0], 1.0) == []
    (away,) = said([0.5, 0.5, 1.0], 1.0)
    assert away.startswith("In 4 of 4 normal maps, first ") and "many normals point away from the camera" in away
    empty = said([0.5, 0.5, 0.5], np.nan)
    assert empty[0].startswith("None of the 4 normal maps that were looked at, first ")
    assert empty[1].startswith("None of the 4 monocular depth maps that were looked at, first ")


def test_priors_of_another_size(sdfstudio):
    np.save(sdfstudio / "0_depth.npy", np.ones((12, 16), dtype=np.float32))
    np.save(sdfstudio / "1_normal.npy", np.ones((3, 6, 6), dtype=np.float32))
    found = dataset(SDFStudioDataParserConfig(data=sdfstudio, include_mono_prior=True))
    assert found[0]["depth"].shape == (6, 8)
    with pytest.raises(InputError, match=r"The normal map '.*1_normal.npy' has 6 x 6 pixels, but"):
        found[1]


@pytest.mark.parametrize(
    ("name", "parser", "has_foreground"),
    [
        ("dtu_scan24/transforms_masked.json", NerfstudioDataParserConfig, True),
        ("dtu_scan24", NerfstudioDataParserConfig, False),
        ("lego", BlenderDataParserConfig, True),
        ("synth_armadillo", NerfstudioDataParserConfig, True),
        ("fox", NerfstudioDataParserConfig, False),
    ],
)
def test_real_scenes(real_scene, name, parser, has_foreground):
    found = dataset(parser(data=real_scene(name)))
    assert SceneFacts.of(found.metadata).has_foreground_mask is has_foreground
    data = found[0]
    assert data["image"].shape[-1] == (4 if has_foreground else 3)
    assert "mask" not in data
    if has_foreground:
        assert 0.05 < float(data["fg_mask"].mean()) < 0.95
