"""Scenes with fewer or worse training views: what changes, and that nothing else does."""

import filecmp
import json
from pathlib import Path

import numpy as np
import pytest
from nerfstudio.data.dataparsers.blender_dataparser import BlenderDataParserConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from PIL import Image

from s3im_methods.compare.axes import SceneEdit
from s3im_methods.compare.corruption import Corruption, corrupt
from s3im_methods.compare.scenes import edited_path, make_edited, scene_name
from s3im_methods.data.checks.scene import check_scene
from s3im_methods.data.few_views import keep_views
from s3im_methods.errors import InputError

NOISE = Corruption("noise", 0.1)


@pytest.fixture(params=["nerfstudio", "blender"])
def parser(request):
    """Makes the data parser's configuration for a scene, and the scene."""
    if request.param == "nerfstudio":
        return NerfstudioDataParserConfig, request.getfixturevalue("room")
    return BlenderDataParserConfig, request.getfixturevalue("blender_room")


def parse(config, path: Path, split: str):
    return config(data=path).setup().get_dataparser_outputs(split=split)


def edited(config, scene: Path, edit: SceneEdit, out: Path) -> Path:
    target = edited_path(scene, edit, out)
    make_edited(config(data=scene), edit, target, "source")
    check_scene(config(data=target))
    return target


def names(outputs) -> list[str]:
    return [Path(name).name for name in outputs.image_filenames]


def same_cameras(first, second) -> bool:
    return first.cameras.camera_to_worlds.equal(second.cameras.camera_to_worlds) and first.cameras.fx.equal(
        second.cameras.fx
    )


def test_fewer_views_are_those_of_train_views_and_the_rest_stays(parser, tmp_path):
    config, scene = parser
    few = edited(config, scene, SceneEdit(views=3), tmp_path)
    expected, found = keep_views(parse(config, scene, "train"), 3), parse(config, few, "train")
    assert len(names(found)) == 3 and names(found) == names(expected)
    assert same_cameras(found, expected)
    for split in ("val", "test"):
        assert names(parse(config, few, split)) == names(parse(config, scene, split))
        assert same_cameras(parse(config, few, split), parse(config, scene, split))
    assert found.dataparser_scale == expected.dataparser_scale


def test_training_images_are_worse_and_the_others_are_links(parser, tmp_path):
    config, scene = parser
    worse = edited(config, scene, SceneEdit(corruption=NOISE), tmp_path)
    for before, after in zip(
        parse(config, scene, "train").image_filenames, parse(config, worse, "train").image_filenames, strict=True
    ):
        clean, written = np.asarray(Image.open(before)), np.asarray(Image.open(after))
        assert (written == corrupt(clean, NOISE, Path(before).name)).all()
        assert not Path(after).is_symlink()
    for before, after in zip(
        parse(config, scene, "test").image_filenames, parse(config, worse, "test").image_filenames, strict=True
    ):
        assert Path(after).is_symlink() and filecmp.cmp(before, after, shallow=False)
    assert same_cameras(parse(config, worse, "train"), parse(config, scene, "train"))


def absolute(scene: Path, out: Path) -> Path:
    """The scene, whose files name its images by absolute paths."""
    out.mkdir()
    for entry in scene.iterdir():
        (out / entry.name).symlink_to(entry)
    for file in scene.glob("transforms*.json"):
        meta = json.loads(file.read_text())
        for frame in meta["frames"]:
            frame["file_path"] = f"{out}/{frame['file_path'].removeprefix('./')}"
        for key in meta:
            if key.endswith("_filenames"):
                meta[key] = [f"{out}/{name}" for name in meta[key]]
        (out / file.name).unlink()
        (out / file.name).write_text(json.dumps(meta))
    return out


@pytest.mark.parametrize("edit", [SceneEdit(corruption=NOISE), SceneEdit(views=3, corruption=NOISE)])
def test_images_that_have_absolute_paths_are_worse_too(parser, edit, tmp_path):
    config, given = parser
    scene = absolute(given, tmp_path / "scene")
    before = {file.name: file.read_bytes() for file in scene.glob("transforms*.json")}
    worse = edited(config, scene, edit, tmp_path / "out")
    found = parse(config, worse, "train").image_filenames
    assert len(found) == (edit.views or 8)
    for path in map(Path, found):
        clean = np.asarray(Image.open(scene / path.relative_to(worse)))
        assert (np.asarray(Image.open(path)) == corrupt(clean, NOISE, path.name)).all()
    assert names(parse(config, worse, "test")) == names(parse(config, given, "test"))
    assert {file.name: file.read_bytes() for file in scene.glob("transforms*.json")} == before


def test_training_images_that_are_not_the_corrupted_ones_are_refused(room, tmp_path):
    scene = absolute(room, tmp_path / "scene")
    edit, given = SceneEdit(corruption=NOISE), NerfstudioDataParserConfig(data=scene)

    def refusal(target: Path) -> str:
        with pytest.raises(InputError) as error:
            make_edited(given, edit, target, "source")
        return str(error.value)

    # What an earlier version has left: the file with its absolute paths.
    old = edited(NerfstudioDataParserConfig, scene, edit, tmp_path / "out")
    (old / "transforms.json").unlink()
    (old / "transforms.json").symlink_to(scene / "transforms.json")
    assert refusal(old) == (
        f"The axis corruption cannot change the training image '{scene}/images/train_0000.png', because its path in "
        f"'{scene}' leads out of '{old}': give paths relative to the scene's folder, and another --output-dir."
    )
    # A relative path can leave the folder too.
    (scene / "transforms.json").write_text(
        (room / "transforms.json").read_text().replace('"images/', '"../scene/images/')
    )
    assert "images/train_0000.png', because" in refusal(tmp_path / "other")
    assert not (tmp_path / "other" / ".done").exists()


def test_both_at_once(room, tmp_path):
    edit = SceneEdit(views=2, corruption=NOISE)
    target = edited(NerfstudioDataParserConfig, room, edit, tmp_path)
    assert target == tmp_path / "views-2_noise-0.1"
    kept = parse(NerfstudioDataParserConfig, target, "train").image_filenames
    assert len(kept) == 2
    assert sorted(path.name for path in (target / "images").iterdir() if not path.is_symlink()) == sorted(
        Path(path).name for path in kept
    )


def test_a_scene_that_splits_by_its_parser(room, tmp_path):
    scene = tmp_path / "scene"
    scene.mkdir()
    (scene / "images").symlink_to(room / "images")
    (scene / "depths").symlink_to(room / "depths")
    meta = json.loads((room / "transforms.json").read_text())
    for split in ("train", "val", "test"):
        del meta[f"{split}_filenames"]
    del meta["ply_file_path"]
    # Not in the order of the names, and with the parts that a path may have.
    meta["frames"] = [{**frame, "file_path": "./" + frame["file_path"]} for frame in reversed(meta["frames"])]
    (scene / "transforms.json").write_text(json.dumps(meta))
    few = edited(NerfstudioDataParserConfig, scene, SceneEdit(views=4), tmp_path / "out")
    expected = keep_views(parse(NerfstudioDataParserConfig, scene, "train"), 4)
    assert names(parse(NerfstudioDataParserConfig, few, "train")) == names(expected)
    assert same_cameras(parse(NerfstudioDataParserConfig, few, "train"), expected)
    held_out = parse(NerfstudioDataParserConfig, scene, "test")
    assert names(parse(NerfstudioDataParserConfig, few, "test")) == names(held_out)


def test_a_json_file_as_scene_and_images_with_other_names(room, tmp_path):
    scene = tmp_path / "scene"
    (scene / "images").mkdir(parents=True)
    meta = json.loads((room / "transforms.json").read_text())
    for image in (room / "images").iterdir():
        Image.open(image).convert("RGB").save(scene / "images" / f"{image.stem}.jpg")
    text = json.dumps({**meta, "frames": [{k: v for k, v in f.items() if "depth" not in k} for f in meta["frames"]]})
    path = scene / "other.json"
    path.write_text(text.replace(".png", ".jpg"))
    (scene / "points.ply").symlink_to(room / "points.ply")
    target = edited(NerfstudioDataParserConfig, path, SceneEdit(corruption=NOISE), tmp_path / "out")
    assert target == tmp_path / "out" / "noise-0.1" / "other.json"
    image = parse(NerfstudioDataParserConfig, target, "train").image_filenames[0]
    clean = np.asarray(Image.open(scene / "images" / Path(image).name))
    assert (np.asarray(Image.open(image)) == corrupt(clean, NOISE, Path(image).name)).all()


def test_what_is_there_stays_and_what_is_half_done_is_made_anew(room, tmp_path):
    target = edited(NerfstudioDataParserConfig, room, SceneEdit(corruption=NOISE), tmp_path)
    # nerfstudio looks at the first one's size.
    image = target / "images" / "train_0007.png"
    image.unlink()
    make_edited(NerfstudioDataParserConfig(data=room), SceneEdit(corruption=NOISE), target, "source")
    assert not image.exists()
    (target / ".done").unlink()
    make_edited(NerfstudioDataParserConfig(data=room), SceneEdit(corruption=NOISE), target, "source")
    assert image.exists()


def test_more_views_than_there_are(room, tmp_path):
    with pytest.raises(InputError) as error:
        make_edited(NerfstudioDataParserConfig(data=room), SceneEdit(views=8), tmp_path / "x", "source")
    assert str(error.value) == (
        f"The scene '{room}' has 8 training views, and the axis views asks for 8: give fewer, or all."
    )


def test_names_of_scenes(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert scene_name(Path(".")) == tmp_path.name
    assert scene_name(Path("a/fox/transforms.json")) == scene_name(Path("a/fox/")) == "fox"
    assert scene_name(Path("a/dtu/transforms_masked.json")) == "dtu-transforms_masked"
