"""``multi-blender``: scenes as mipnerf_pl's converter writes them, and files that are not so."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from s3im_methods.data.byte_images import ByteImageDataManagerConfig
from s3im_methods.data.checked_parser import read_splits
from s3im_methods.data.checks.scene import check_scene
from s3im_methods.data.few_views import keep_views
from s3im_methods.data.parsers.multi_blender import MultiBlenderDataParserConfig
from s3im_methods.data.views_at_scale import SCALES_KEY
from s3im_methods.errors import InputError
from s3im_methods.samplers import PatchAwarePixelSamplerConfig

VIEWS, SCALES, SIDE = 3, 3, 16


@pytest.fixture
def folder(tmp_path):
    """As the converter: view by view, each at full, half and quarter size."""
    meta = {}
    for split in ("train", "val", "test"):
        (tmp_path / f"images_{split}").mkdir()
        columns: dict[str, list] = {key: [] for key in ("file_path", "cam2world", "width", "height", "focal", "label")}
        columns |= {"near": [], "far": [], "lossmult": [], "pix2cam": []}
        for view in range(VIEWS):
            angle = 2 * math.pi * view / VIEWS
            turn = np.eye(4)
            turn[:3, :3] = [[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]]
            turn[:3, 3] = turn[:3, 2] * 4
            image = np.random.default_rng(view).integers(0, 256, (SIDE, SIDE, 4)).astype(np.float64)
            for label in range(SCALES):
                name = f"images_{split}/{view:03d}_d{label}.png"
                Image.fromarray(image.astype(np.uint8)).save(tmp_path / name)
                side = SIDE // 2**label
                row = [
                    name,
                    turn.tolist(),
                    side,
                    side,
                    20.0 / 2**label,
                    label,
                    2.0,
                    6.0,
                    4.0**label,
                    np.eye(3).tolist(),
                ]
                for column, value in zip(columns.values(), row, strict=True):
                    column.append(value)
                image = image.reshape(side // 2, 2, side // 2, 2, 4).mean(axis=(1, 3))
        meta[split] = columns
    (tmp_path / "metadata.json").write_text(json.dumps(meta))
    return tmp_path


def manager_of(folder, **settings):
    return ByteImageDataManagerConfig(
        dataparser=MultiBlenderDataParserConfig(data=folder),
        train_num_rays_per_batch=32,
        pixel_sampler=PatchAwarePixelSamplerConfig(),
        **settings,
    ).setup(device="cpu")


def test_cameras_are_those_of_the_file(folder):
    outputs = MultiBlenderDataParserConfig(data=folder).setup().get_dataparser_outputs("train")
    assert len(outputs.image_filenames) == VIEWS * SCALES and all(path.is_file() for path in outputs.image_filenames)
    assert outputs.cameras.width[:, 0].tolist() == [16, 8, 4] * VIEWS
    assert outputs.cameras.fx[:, 0].tolist() == [20.0, 10.0, 5.0] * VIEWS
    # The middle pixel's corner looks at the object, whose cameras stand at 4 units.
    rays = outputs.cameras.generate_rays(torch.arange(9)[:, None], coords=outputs.cameras.height.expand(-1, 2) / 2)
    torch.testing.assert_close(rays.origins + 4 * rays.directions, torch.zeros(9, 3), rtol=0, atol=1e-5)
    areas = rays.pixel_area[:3, 0]
    torch.testing.assert_close(areas[1:] / areas[:-1], torch.full((2,), 4.0), rtol=0.1, atol=0)


def test_the_scale_factor_scales_the_box_too(folder):
    plain, scaled = (
        MultiBlenderDataParserConfig(data=folder, scale_factor=factor).setup().get_dataparser_outputs("train")
        for factor in (1.0, 0.5)
    )
    torch.testing.assert_close(scaled.scene_box.aabb, 0.5 * plain.scene_box.aabb)
    torch.testing.assert_close(scaled.cameras.camera_to_worlds[..., 3], 0.5 * plain.cameras.camera_to_worlds[..., 3])


def test_each_scale_of_the_files_has_as_many_rays(folder):
    manager = manager_of(folder)
    assert manager.next_train(0)[1]["indices"][:, 0].unique().numel() > VIEWS
    counts = torch.zeros(VIEWS * SCALES)
    for step in range(30):
        rays, batch = manager.next_train(step)
        counts += batch["indices"][:, 0].bincount(minlength=VIEWS * SCALES)
        for (camera, y, x), colour in zip(batch["indices"].tolist(), batch["image"], strict=True):
            assert torch.equal(manager.train_dataset[camera]["image"][y, x], colour)
        # Of images as they are in the files, not made smaller once more.
        cameras, pixels = manager.train_dataset.cameras, batch["indices"]
        expected = cameras.generate_rays(pixels[:, :1], coords=pixels[:, 1:] + 0.5)
        torch.testing.assert_close(rays.directions, expected.directions)
        torch.testing.assert_close(rays.pixel_area, expected.pixel_area, rtol=1e-3, atol=0)
        assert torch.equal(rays.camera_indices, batch["indices"][:, :1])
    # 32 rays of 3 scales: 11, 11 and 10.
    assert counts.view(VIEWS, SCALES).sum(dim=0).tolist() == [330, 330, 300]
    assert [batch["scale"] for _, batch in manager.fixed_indices_eval_dataloader] == [1] * 3 + [2] * 3 + [4] * 3


def test_few_views_are_there_at_every_scale(folder):
    outputs = MultiBlenderDataParserConfig(data=folder).setup().get_dataparser_outputs("train")
    few = keep_views(outputs, 2)
    assert few.metadata[SCALES_KEY] == [1, 2, 4] * 2 and few.cameras.width[:, 0].tolist() == [16, 8, 4] * 2
    assert len({path.name[:3] for path in few.image_filenames}) == 2
    assert keep_views(outputs, VIEWS) is outputs


def test_other_scales_are_refused(folder):
    with pytest.raises(InputError, match=r"hold several scales already: leave out --pipeline\.datamanager\.scales"):
        manager_of(folder, scales=(1, 2))


def change(key, value, split="train"):
    def apply(meta):
        if value is None:
            del meta[split][key]
        else:
            meta[split][key] = value(meta[split][key])

    return apply


WRONG = {
    "no test split": (lambda meta: meta.pop("test"), "has no split 'test'"),
    "no focal": (change("focal", None), "has no focal: convert the scene again"),
    "fewer sizes": (change("width", lambda w: w[1:]), "does not hold one number for each of 9 images"),
    "poses of 3 rows": (change("cam2world", lambda p: [m[:3] for m in p]), "does not hold 4 x 4 numbers"),
    "names": (change("file_path", lambda n: [1] * len(n)), "does not hold one name"),
    "labels": (change("label", lambda n: [0.5] * len(n)), "does not count how often images were halved"),
    "labels in the wrong order": (
        change("label", lambda n: [2, 1, 0] * 3),
        "Label and focal disagree in the split 'train'",
    ),
    "no labels but zeros": (change("label", lambda n: [0] * 9), "one pose has 20 at label 0 .* and 10 at label 0"),
    "one focal length": (change("focal", lambda n: [20.0] * 9, "test"), "Label and focal disagree in the split 'test'"),
    "one height": (change("height", lambda n: [16] * 9), "Label and height disagree"),
    "an image gone": (change("file_path", lambda n: ["gone.png", *n[1:]]), "missing"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_one_sentence(folder, kind):
    path = folder / "metadata.json"
    meta = json.loads(path.read_text())
    WRONG[kind][0](meta)
    path.write_text(json.dumps(meta))
    with pytest.raises(InputError, match=WRONG[kind][1]):
        check_scene(MultiBlenderDataParserConfig(data=folder))


def test_sides_that_were_rounded_down_are_those_of_their_labels(folder):
    path = folder / "metadata.json"
    meta = json.loads(path.read_text())
    for columns in meta.values():
        # As 13 x 13 pixels are halved.
        columns["width"] = columns["height"] = [13, 6, 3] * VIEWS
        for name, side in zip(columns["file_path"], columns["width"], strict=True):
            Image.new("RGBA", (side, side)).save(folder / name)
    path.write_text(json.dumps(meta))
    check_scene(MultiBlenderDataParserConfig(data=folder))


def test_other_planes_than_the_usual_ones_get_a_line(folder):
    def lines() -> list[str]:
        said: list[str] = []
        read_splits(MultiBlenderDataParserConfig(data=folder), say=said.append)
        return said

    assert lines() == []
    path = folder / "metadata.json"
    meta = json.loads(path.read_text())
    meta["train"]["far"][3] = 50.0
    path.write_text(json.dumps(meta))
    (line,) = lines()
    assert line.startswith("near and far of ") and "--pipeline.model.far-plane" in line


def test_no_file_is_one_sentence(tmp_path):
    (tmp_path / "note.txt").touch()
    with pytest.raises(InputError, match=r"holds no metadata\.json"):
        check_scene(MultiBlenderDataParserConfig(data=tmp_path))


def change_sides(folder, **columns):
    path = folder / "metadata.json"
    meta = json.loads(path.read_text())
    for split in meta.values():
        split.update({name: values * VIEWS for name, values in columns.items()})
    path.write_text(json.dumps(meta))
    return MultiBlenderDataParserConfig(data=folder).setup().get_dataparser_outputs("train").cameras


def test_the_principal_point_is_the_middle_of_wide_images(folder):
    cameras = change_sides(folder, height=[12, 6, 3])
    assert cameras.cx[:, 0].tolist() == [8.0, 4.0, 2.0] * VIEWS
    assert cameras.cy[:, 0].tolist() == [6.0, 3.0, 1.5] * VIEWS


def test_small_images_may_come_before_the_large_ones_that_they_were_rounded_from(folder):
    sides = [3, 7, 15]
    cameras = change_sides(folder, width=sides, height=sides, label=[2, 1, 0], focal=[5.0, 10.0, 20.0])
    assert cameras.width[:, 0].tolist() == sides * VIEWS
