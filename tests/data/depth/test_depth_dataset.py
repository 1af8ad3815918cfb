"""What the model gets from each source of depth."""

import numpy as np
import pytest
import torch
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.data.datasets.depth_dataset import DepthDataset as StockDepthDataset

from s3im_methods.data.depth.along_ray import ray_norms
from s3im_methods.data.depth.listing import DepthListing
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth.which_source import which_source
from s3im_methods.data.depth_dataset import DepthDataset
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.errors import InputError

SENSOR_KEYS = {"image_idx", "image", "depth_image"}


def metres(dataset: DepthDataset, index: int = 0) -> np.ndarray:
    return dataset[index]["depth_image"][..., 0].numpy() * SceneFacts.of(dataset.metadata).depth_metres_per_unit


def frame_of(room, dataset, index=0):
    return next(f for f in room.frames if f["file_path"].endswith(dataset.image_filenames[index].name))


def exact(room, dataset, index=0) -> np.ndarray:
    return room.exact(frame_of(room, dataset, index))


@pytest.mark.parametrize("split", ["train", "val"])
def test_sensor_depth_is_that_of_nerfstudio(room, split):
    ours = room.dataset(split)
    stock = StockDepthDataset(NerfstudioDataParserConfig(data=room.folder).setup().get_dataparser_outputs(split))
    assert ours[0].keys() == SENSOR_KEYS
    for index in range(len(ours)):
        assert torch.allclose(ours[index]["depth_image"], stock[index]["depth_image"])
    facts = SceneFacts.of(ours.metadata)
    assert (facts.depth_source, facts.depth_alignment) == ("sensor", "fixed")
    assert "depth_frames" not in ours.metadata


def test_depth_image_is_float32_in_scene_units(room):
    dataset = room.dataset()
    found = dataset[0]["depth_image"]
    assert (found.dtype, found.shape) == (torch.float32, (36, 48, 1))
    assert metres(dataset) == pytest.approx(exact(room, dataset), abs=6e-4)


def test_distance_along_the_ray_becomes_z_depth(room):
    plain = room.dataset()
    norms = {plain.image_filenames[i].name: ray_norms(plain.cameras[i]) for i in range(len(plain))}
    anyone = next(iter(norms.values()))
    room.each(lambda f: f.update(depth_file_path=room.write(f"{f['file_path'][7:-4]}.npy", room.exact(f) * anyone)))
    dataset = room.dataset(convention="distance")
    assert metres(dataset) == pytest.approx(exact(room, dataset), rel=1e-5)
    assert not np.allclose(metres(room.dataset()), exact(room, dataset), rtol=1e-2)


def test_limits_and_confidence_mask_and_weigh(room):
    confidence = np.tile(np.array([0, 1, 2], dtype=np.uint8), (36, 16))
    room.each(lambda f: room.write(f"conf/{f['file_path'][7:-4]}.png", confidence))
    settings = {"confidence_folder": "conf", "confidence_max": 2.0, "confidence_threshold": 0.5}
    dataset = room.dataset(**settings, near=1.0, far=2.0)
    truth, found, stored = exact(room, dataset), metres(dataset), dataset[0]
    valid = (truth > 1.001) & (truth < 1.999) & (confidence > 0)
    assert found[valid] == pytest.approx(truth[valid], abs=6e-4)
    assert (found[(truth < 0.999) | (truth > 2.001) | (confidence == 0)] == 0).all()
    assert torch.equal(stored["depth_confidence"][..., 0], torch.from_numpy(confidence / np.float32(2)))
    assert room.dataset(**settings, confidence_weighs=False)[0].keys() == SENSOR_KEYS
    room.each(lambda f: room.write(f"depths/{f['file_path'][7:-4]}_conf.png", confidence))
    (room.folder / "conf" / f"{frame_of(room, dataset)['file_path'][7:-4]}.png").unlink()
    assert (room.dataset(**settings)[0]["depth_confidence"] == 1).all()
    beside = room.dataset(confidence_suffix="_conf", confidence_max=2.0)[0]
    assert torch.equal(beside["depth_confidence"], stored["depth_confidence"])


@pytest.mark.parametrize("reference", ["sensor", "sparse"])
@pytest.mark.parametrize("disparity", [False, True])
def test_monocular_depth_is_aligned(room, reference, disparity):
    room.add_monocular(lambda z: (1 / z if disparity else z) * 3 + 0.2)
    if reference == "sparse":
        room.drop()
    dataset = room.dataset(source="monocular", monocular_is_disparity=disparity)
    assert metres(dataset) == pytest.approx(exact(room, dataset), rel=5e-2)
    data = dataset[0]
    assert data.keys() == {*SENSOR_KEYS, "depth_sigma_scale", "depth_widening"}
    assert (data["depth_sigma_scale"] == 3).all()
    assert (data["depth_widening"] == 2).all()
    fit = dataset.depth_maps.get(0).alignment
    assert fit is not None
    assert fit.disparity is disparity
    assert fit.scale == pytest.approx(1 / 3, rel=5e-2)


def test_monocular_depth_in_metres_needs_no_alignment(room):
    room.add_monocular(lambda z: z)
    room.drop()
    room.meta.pop("ply_file_path")
    room.save()
    dataset = room.dataset(alignment="none")
    assert dataset.depth_maps.source == "monocular"
    assert metres(dataset) == pytest.approx(exact(room, dataset), rel=1e-5)


def test_learned_alignment_starts_from_the_fit(room):
    room.add_monocular(lambda z: 3 * z + 0.2)
    dataset = room.dataset(alignment="learned", source="monocular")
    assert SceneFacts.of(dataset.metadata).depth_alignment == "learned"
    assert SceneFacts.of(room.dataset(alignment="learned", source="sensor").metadata).depth_alignment == "fixed"
    assert metres(dataset) == pytest.approx(exact(room, dataset), rel=1e-2)


def test_composite_keeps_the_sensor_and_fills_its_holes(room):
    def cut(frame):
        half = room.exact(frame)
        half[:, 24:] = 0
        frame["depth_file_path"] = room.write(f"half/{frame['file_path'][7:-4]}.npy", half)

    room.add_monocular(lambda z: 3 * z + 0.2)
    room.each(cut)
    dataset = room.dataset()
    assert dataset.depth_maps.source == "composite"
    data, truth = dataset[0], exact(room, dataset)
    assert metres(dataset)[:, :24] == pytest.approx(truth[:, :24], rel=1e-5)
    assert metres(dataset)[:, 24:] == pytest.approx(truth[:, 24:], rel=1e-2)
    assert (data["depth_sigma_scale"][:, :24] == 1).all()
    assert (data["depth_sigma_scale"][:, 24:] == 3).all()
    assert (data["depth_widening"][:, :24] == 0).all()
    assert (data["depth_widening"][:, 24:] == 2).all()
    assert room.dataset(source="sensor")[0]["depth_image"][:, 24:].sum() == 0


def test_a_folder_of_monocular_maps(room):
    room.add_monocular(lambda z: z + 1)
    room.drop("mono_depth_file_path")
    assert room.dataset(source="monocular", monocular_folder="mono").depth_maps.get(0).alignment is not None


def test_images_without_depth_get_zeros_and_the_same_keys(room):
    names = [f["file_path"] for f in room.frames if "train" in f["file_path"]]
    room.add_monocular(lambda z: 3 * z)
    for frame in room.frames:
        if frame["file_path"] != names[0]:
            frame.pop("depth_file_path")
        if frame["file_path"] == names[2]:
            frame.pop("mono_depth_file_path")
    room.save()
    dataset = room.dataset()
    assert len({frozenset(dataset[i].keys()) for i in range(len(dataset))}) == 1
    assert dataset[2]["depth_image"].sum() == 0
    assert (dataset[1]["depth_image"] > 0).any()
    evaluation = room.dataset("val")
    # Evaluation views have no sensor depth here, yet the scene's source is one for all splits.
    assert evaluation.depth_maps.source == dataset.depth_maps.source == "composite"
    assert evaluation[0].keys() == dataset[0].keys()


def test_upstream_still_refuses_depth_of_some_images_only(room):
    """When this fails, ``nerfstudio_frames`` need not hide the depth maps from nerfstudio's parser any more."""
    room.drop(first=1)
    with pytest.raises(AssertionError):
        NerfstudioDataParserConfig(data=room.folder).setup().get_dataparser_outputs("train")


def test_scene_without_depth(room):
    room.drop()
    room.meta.pop("ply_file_path")
    room.save()
    with pytest.raises(InputError) as refusal:
        room.dataset()
    assert str(refusal.value).startswith(
        f"There is no depth in '{room.folder}/transforms.json': add depth_file_path to"
    )
    nothing = room.dataset(source="none")
    assert SceneFacts.of(nothing.metadata).depth_source == "none"
    assert nothing[0]["depth_image"].sum() == 0


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("sensor", "There is no sensor depth in"),
        ("composite", "There is no sensor depth in"),
        ("monocular", "There is no monocular depth in"),
        ("sparse", "There are no sparse points in"),
    ],
)
def test_a_source_that_the_scene_lacks(room, source, says):
    room.drop()
    room.meta.pop("ply_file_path")
    room.save()
    with pytest.raises(InputError, match=says):
        room.dataset(source=source)


@pytest.mark.parametrize("source", ["auto", "sensor", "monocular", "sparse", "composite"])
def test_a_scene_without_frames_of_its_own_is_sent_to_another_parser(source):
    listing = DepthListing([None], [None], [None])
    with pytest.raises(InputError, match=r"data parser finds no .* make a scene for nerfstudio-data") as refusal:
        which_source(listing, DepthSourceConfig(source=source))
    assert "to its frames" not in str(refusal.value)


def test_monocular_depth_with_nothing_to_align_to(room):
    room.add_monocular(lambda z: z)
    room.drop()
    room.meta.pop("ply_file_path")
    room.save()
    with pytest.raises(InputError, match="has nothing to be aligned to: add ply_file_path"):
        room.dataset()


def test_constant_monocular_depth_is_refused_by_name(room):
    room.add_monocular(np.ones_like)
    with pytest.raises(
        InputError, match=r"'.*mono/train_0000.npy' of '.*train_0000.png' cannot be aligned, because it"
    ):
        room.dataset(source="monocular")[0]


def test_depth_of_half_the_size_is_enlarged_and_another_aspect_refused(room):
    room.each(
        lambda f: f.update(depth_file_path=room.write(f"h/{f['file_path'][7:-4]}.npy", room.exact(f)[1::2, 1::2]))
    )
    dataset = room.dataset()
    assert metres(dataset)[1::2, 1::2] == pytest.approx(exact(room, dataset)[1::2, 1::2], rel=1e-5)
    room.each(lambda f: f.update(depth_file_path=room.write(f"h/{f['file_path'][7:-4]}.npy", room.exact(f)[:, 5:])))
    with pytest.raises(InputError, match=r"has 43 x 36 pixels, but its image .* has 48 x 36"):
        room.dataset()[0]


@pytest.mark.parametrize("where", ["dataset", "parser"])
def test_smaller_images_get_smaller_depth(room, where):
    from PIL import Image

    if where == "dataset":
        dataset = room.dataset(scale=0.5)
    else:
        (room.folder / "images_2").mkdir()
        for path in (room.folder / "images").iterdir():
            Image.open(path).resize((24, 18)).save(room.folder / "images_2" / path.name)
        dataset = room.dataset(parser={"downscale_factor": 2})
    assert dataset[0]["image"].shape == (18, 24, 3)
    assert metres(dataset) == pytest.approx(exact(room, dataset)[1::2, 1::2], abs=6e-4)


def test_settings_out_of_range(room):
    for settings, flag in (
        ({"unit": 0.0}, "unit"),
        ({"near": -1.0}, "near"),
        ({"near": 2.0, "far": 1.0}, "far"),
        ({"confidence_max": 0.0}, "confidence-max"),
        ({"confidence_threshold": 2.0}, "confidence-threshold"),
        ({"monocular_sigma_scale": 0.5}, "monocular-sigma-scale"),
        ({"monocular_widening": -1.0}, "monocular-widening"),
        ({"alignment": "none", "monocular_is_disparity": True}, "alignment"),
        ({"confidence_folder": "nowhere"}, "confidence-folder"),
        ({"monocular_folder": "nowhere"}, "monocular-folder"),
    ):
        with pytest.raises(InputError, match=f"--pipeline.datamanager.depth.{flag}"):
            room.dataset(**settings)
