"""What is accepted can be loaded by nerfstudio; whatever else there is, only an InputError comes out."""

import builtins
import copy
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nerfstudio.data.dataparsers.blender_dataparser import BlenderDataParserConfig
from nerfstudio.data.dataparsers.minimal_dataparser import MinimalDataParserConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.data.datasets.depth_dataset import DepthDataset
from PIL import Image, ImageFile

from s3im_methods.compat.masks import read_masks_as_shown
from s3im_methods.data.checks.scene import check_scene
from s3im_methods.errors import InputError

garbage = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
on_one_folder = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def load_everything(config: NerfstudioDataParserConfig) -> int:
    """Read every file of every split as nerfstudio does; how many views there were."""
    views = 0
    read_masks_as_shown()
    for split in ("train", "val", "test"):
        outputs = config.setup().get_dataparser_outputs(split)
        # Without depth files nerfstudio's DepthDataset downloads a network that guesses depth.
        dataset = (DepthDataset if outputs.metadata["depth_filenames"] else InputDataset)(outputs)
        for index in range(len(dataset)):
            camera = dataset.cameras[index]
            assert dataset[index]["image"].shape[:2] == (int(camera.height), int(camera.width))
        dataset.cameras.generate_rays(camera_indices=0)
        views += len(dataset)
    return views


def accepted(config) -> bool:
    try:
        check_scene(config)
    except InputError as error:
        assert str(error).endswith(".") and "\n" not in str(error)
        return False
    return True


VARIANTS = {
    "as it is": (lambda s: None, {}),
    "cameras in the frames": (
        lambda s: [[f.update({k: s.meta[k]}) for f in s.meta["frames"]] and s.meta.pop(k) for k in ("fl_x", "w", "k1")],
        {},
    ),
    "twelve parameters": (lambda s: s.meta.update(camera_model="FISHEYE624", distortion_params=[0.1] * 12), {}),
    "whole numbers as floats": (lambda s: s.meta.update(w=8.0), {}),
    "split by interval": (lambda s: s.unsplit(), {"eval_mode": "interval", "eval_interval": 3}),
    "split by fraction": (lambda s: s.unsplit(), {"train_split_fraction": 0.5}),
    "all for both": (lambda s: s.unsplit(), {"eval_mode": "all"}),
    "without masks and depth": (
        lambda s: [f.pop(k) for f in s.meta["frames"] for k in ("mask_path", "depth_file_path")],
        {},
    ),
    "scaled rotation": (lambda s: s.meta["frames"][0].update(transform_matrix=s.pose(0, 0.01)), {}),
    "absolute path": (lambda s: s.meta["frames"][0].update(mask_path=str(s.path("masks/0.png").absolute())), {}),
    "grey among colour": (lambda s: s.save("images/0.png", "L"), {}),
    "alpha in the evaluation image only": (
        lambda s: [s.unsplit(), s.save("images/0.png", "RGBA")],
        {"eval_mode": "interval", "eval_interval": 6},
    ),
    "downscaled": (lambda s: s.save_all("_2", 2), {"downscale_factor": 2}),
    "depth of another size": (lambda s: s.save("depths/0.png", "I;16", (4, 3)), {}),
    "depth of shape (h, w, 1)": (lambda s: np.save(s.path("depths/5.npy"), np.ones((6, 8, 1))), {}),
    "JPEG with bytes after its end": (lambda s: s.use_jpeg(b"\0" * 100), {}),
    "PNG that lacks nothing but its end": (lambda s: s.cut("images/1.png", -12), {}),
    "an image format whose end is not known": (
        lambda s: [s.save("images/0.bmp"), s.meta["frames"][0].update(file_path="images/0.bmp"), s.unsplit()],
        {"eval_mode": "all"},
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_passes_is_loaded_by_nerfstudio(scene, variant):
    change, parser_settings = VARIANTS[variant]
    change(scene)
    scene.write()
    check_scene(scene.config(**parser_settings))
    assert load_everything(scene.config(**parser_settings)) >= 6


def test_images_that_nerfstudio_downscales_itself(large_scene):
    check_scene(large_scene.config())
    large_scene.save_all("_2", 2)
    check_scene(large_scene.config())
    config = large_scene.config()
    assert config.setup().get_dataparser_outputs("train").cameras.width[0] == 850
    assert load_everything(config) == 7


@pytest.mark.parametrize("name", ["fox", "fox/transforms.json", "fox/../fox"])
def test_relative_paths(scene, monkeypatch, name):
    monkeypatch.chdir(scene.folder.parent)
    check_scene(scene.config(data=Path(name)))
    monkeypatch.chdir(scene.folder)
    check_scene(scene.config(data=Path()))


def test_json_file_of_another_name(scene):
    scene.path("transforms.json").rename(scene.path("mine.json"))
    check_scene(scene.config(data=scene.path("mine.json")))


def test_nothing_is_changed(scene):
    def contents():
        return {path: path.read_bytes() for path in scene.folder.rglob("*") if path.is_file()}

    before = contents()
    check_scene(scene.config())
    assert contents() == before


def test_whole_files_are_not_decoded(scene, monkeypatch):
    scene.use_jpeg()
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    check_scene(scene.config())


def test_too_many_pixels_for_pillow(scene, refusal, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    said = refusal(scene.config())
    assert said.startswith("6 of 6 images are unreadable, first '{s}/images/0.png' (it has ")
    assert "make it smaller" in said


WITHOUT_A_SCENE = {
    "missing": (
        lambda p: None,
        "There is no scene at '{s}': give --data the folder that ns-process-data wrote, or make a scene"
        " with `s3im scene room OUT`.",
    ),
    "empty": (
        lambda p: p.mkdir(),
        "The scene folder '{s}' is empty: give --data the folder that ns-process-data wrote, or make a "
        "scene with `s3im scene room OUT`.",
    ),
    "an archive": (
        lambda p: p.write_bytes(b"PK"),
        "'{s}' is neither a folder nor a .json file: give --data the scene's folder.",
    ),
    "other things": (
        lambda p: (p / "sparse").mkdir(parents=True),
        "The scene folder '{s}' holds no transforms.json: give --data the folder that ns-process-data "
        "wrote, or make a scene with `s3im scene room OUT`.",
    ),
    "one scene inside": (
        lambda p: touch(p / "a" / "transforms.json", p / "b" / "c"),
        "The scene folder '{s}' holds no transforms.json itself, but its folder 'a' does: give --data '{s}/a'.",
    ),
    "many scenes inside": (
        lambda p: touch(*(p / name / "transforms.json" for name in "abcdefg")),
        "The scene folder '{s}' holds no transforms.json itself, but 7 of its folders do ('a', 'b', "
        "'c', 'd', 'e', ...): give one of them as --data.",
    ),
    "a Blender scene": (
        lambda p: touch(p / "transforms_train.json"),
        "The scene folder '{s}' holds no transforms.json but a transforms_train.json, as Blender scenes"
        " do: add `blender-data` at the end of the command.",
    ),
    "what mip-NeRF converts": (
        lambda p: touch(p / "metadata.json", p / "1.png"),
        "The scene folder '{s}' holds no transforms.json but a metadata.json, as mip-NeRF's converter writes it: add "
        "`multi-blender` at the end of the command.",
    ),
    "another transforms": (
        lambda p: touch(p / "transforms_masked.json"),
        "The scene folder '{s}' holds no transforms.json but a 'transforms_masked.json': give --data "
        "'{s}/transforms_masked.json'.",
    ),
    "photos": (
        lambda p: touch(p / "1.JPG", p / "2.png", p / "notes.txt"),
        "The scene folder '{s}' holds no transforms.json but 2 photos: find the camera poses with "
        "`ns-process-data images --data '{s}' --output-dir OUT`, then give --data OUT.",
    ),
    "photos in a folder": (
        lambda p: touch(p / "images" / "1.jpg"),
        "The scene folder '{s}' holds no transforms.json but 1 photo: find the camera poses with "
        "`ns-process-data images --data '{s}/images' --output-dir OUT`, then give --data OUT.",
    ),
    "a video": (
        lambda p: touch(p / "walk.mov"),
        "The scene folder '{s}' holds no transforms.json but the video 'walk.mov': find the camera "
        "poses with `ns-process-data video --data '{s}/walk.mov' --output-dir OUT`, then give --data "
        "OUT.",
    ),
    "photos with the short films of a phone": (
        lambda p: touch(p / "1.JPG", p / "1.MOV", p / "2.JPG", p / "2.MOV"),
        "The scene folder '{s}' holds no transforms.json but 2 photos: find the camera poses with "
        "`ns-process-data images --data '{s}' --output-dir OUT`, then give --data OUT.",
    ),
    "what macOS and Windows leave beside photos": (
        lambda p: touch(p / "._1.JPG", p / "1.JPG", p / ".DS_Store", p / "Thumbs.db", p / "desktop.ini"),
        "The scene folder '{s}' holds no transforms.json but 1 photo: find the camera poses with "
        "`ns-process-data images --data '{s}' --output-dir OUT`, then give --data OUT.",
    ),
    "HEIC photos": (
        lambda p: touch(p / "1.HEIC", p / "2.heif", p / "3.jpg"),
        "The scene folder '{s}' holds no transforms.json but 3 photos, of which 2 are HEIC or raw, and ns-process-data "
        "leaves these out: convert them to JPEG, then find the camera poses with `ns-process-data images --data '{s}' "
        "--output-dir OUT`, then give --data OUT.",
    ),
    "raw photos": (
        lambda p: touch(p / "images" / "1.DNG"),
        "The scene folder '{s}' holds no transforms.json but 1 photo, of which 1 is HEIC or raw, and ns-process-data "
        "leaves these out: convert them to JPEG, then find the camera poses with `ns-process-data images --data "
        "'{s}/images' --output-dir OUT`, then give --data OUT.",
    ),
    "a folder named as a file": (
        lambda p: touch(p / "transforms.json" / "x"),
        "The scene folder '{s}' holds no transforms.json: give --data the folder that ns-process-data "
        "wrote, or make a scene with `s3im scene room OUT`.",
    ),
}


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize("fault", WITHOUT_A_SCENE)
def test_no_scene(tmp_path, refusal, fault):
    make, sentence = WITHOUT_A_SCENE[fault]
    make(tmp_path / "fox")
    assert refusal(NerfstudioDataParserConfig(data=tmp_path / "fox")) == sentence


def test_missing_relative_path_says_from_where(tmp_path, refusal, monkeypatch):
    (tmp_path / "fox").mkdir()
    monkeypatch.chdir(tmp_path / "fox")
    sentence = refusal(NerfstudioDataParserConfig(data=Path("scene")))
    assert sentence.startswith("There is no scene at 'scene' (seen from '{s}'): give --data ")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "film.MP4",
            "'{s}/film.MP4' is a video without camera poses: find the camera poses with `ns-process-data video --data "
            "'{s}/film.MP4' --output-dir OUT`, then give --data OUT.",
        ),
        ("scene.zip", "'{s}/scene.zip' is an archive: unpack it, and give --data the folder."),
        ("scan.r3d", "'{s}/scan.r3d' is an archive: unpack it, and give --data the folder."),
        ("1.heic", "'{s}/1.heic' is one photo: give --data the scene's folder."),
        ("a.txt", "'{s}/a.txt' is neither a folder nor a .json file: give --data the scene's folder."),
    ],
)
def test_a_file_in_place_of_a_scene(tmp_path, refusal, name, sentence):
    touch(tmp_path / "fox" / name)
    assert refusal(NerfstudioDataParserConfig(data=tmp_path / "fox" / name)) == sentence


def test_an_address_in_place_of_a_scene(refusal):
    assert refusal(NerfstudioDataParserConfig(data=Path("https://example.com/scene.zip"))) == (
        "'https://example.com/scene.zip' is an address, from which nothing is downloaded: download the scene, unpack "
        "it, and give --data its folder."
    )


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("1.heic", b"\0\0\0\x18ftypheic" + bytes(80), "a HEIC photo: convert it to JPEG"),
        ("1.jpg", b"\0\0\0\x18ftypmif1" + bytes(80), "a HEIC photo: convert it to JPEG"),
        ("1.CR3", b"\0\0\0\x18ftypcrx " + bytes(80), "a raw photo: develop it to JPEG or PNG"),
        ("1.jpg", b"\0\0\0\x14ftypqt  " + bytes(80), "a video"),
        (
            "x.png",
            b"version https://git-lfs.github.com/spec/v1\n",
            "a pointer of Git LFS, in place of the file: get it ",
        ),
        ("x.png", b"<!DOCTYPE html><html></html>", "a web page, as a failed download leaves it: download the file"),
        ("._1.jpg", b"\0\5\x16\7" + bytes(80), "what macOS keeps beside a file on other disks: take the file without"),
        ("x.png", b"PK\3\4" + bytes(80), "an archive: unpack it"),
    ],
    ids=["heic", "mif1", "cr3", "mov", "lfs", "html", "macos", "zip"],
)
def test_what_an_image_is_instead(scene, refusal, name, content, kind):
    scene.path(f"images/{name}").write_bytes(content)
    old = scene.meta["frames"][0]["file_path"]
    text = json.dumps(scene.meta).replace(json.dumps(old), json.dumps(f"images/{name}"))
    scene.path("transforms.json").write_text(text)
    assert f"is unreadable, namely '{{s}}/images/{name}' (it is {kind}" in refusal(scene.config())


def test_more_pixels_than_pillow_reads(scene, refusal, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    assert "(it has 0 million pixels, and Pillow reads at most 0 million: make it smaller)" in refusal(scene.config())


def test_folder_named_json(tmp_path, refusal):
    touch(tmp_path / "fox" / "a.json" / "x")
    assert (
        refusal(NerfstudioDataParserConfig(data=tmp_path / "fox" / "a.json"))
        == "'{s}/a.json' is a folder although its name ends in .json: rename it."
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "The scene folder '{s}' cannot be read (Permission denied): check its permissions."),
        ("transforms.json", "'{s}/transforms.json' cannot be read (Permission denied): check its permissions."),
        (
            "images/1.png",
            "1 of 6 images is unreadable, namely '{s}/images/1.png' (Permission denied): copy or write such files "
            "again, or drop their frames from '{s}/transforms.json'.",
        ),
    ],
)
def test_no_permission(scene, refusal, monkeypatch, name, sentence):
    def guarded(function):
        def call(path, *args, **kwargs):
            if Path(path) == scene.folder / name:
                raise PermissionError(13, "Permission denied")
            return function(path, *args, **kwargs)

        return call

    for module, function in ((builtins, "open"), (io, "open"), (Path, "open"), (os, "listdir")):
        monkeypatch.setattr(module, function, guarded(getattr(module, function)))
    assert refusal(scene.config()) == sentence


def test_other_parsers_get_the_generic_part(tmp_path, refusal):
    config = MinimalDataParserConfig(data=tmp_path / "fox")
    assert refusal(config).startswith("There is no scene at '{s}': ")
    config.data.mkdir()
    assert refusal(config).startswith("The scene folder '{s}' is empty: ")
    touch(config.data / "train.npz")
    assert refusal(config).startswith("minimal-parser cannot read the scene '{s}': ")


REAL = [
    *("fox", "lego", "llff_fern", "sevenscenes", "dtu_scan24", "dtu_scan24/transforms_masked.json"),
    *("synth_room", "synth_spot", "synth_armadillo"),
]


@pytest.mark.parametrize(
    ("name", "parser"),
    [
        *((name, NerfstudioDataParserConfig) for name in REAL),
        *((name, BlenderDataParserConfig) for name in ("lego", "synth_spot", "synth_armadillo")),
    ],
)
def test_real_scene(real_scene, name, parser):
    check_scene(parser(data=real_scene(name)))


def paths_in(value, path=()):
    """The places of everything in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths_in(inner, (*path, key))


@on_one_folder
@given(content=garbage | st.fixed_dictionaries({"frames": st.lists(garbage, max_size=3)}))
def test_any_json(scene, content):
    scene.path("transforms.json").write_text(json.dumps(content))
    assert not accepted(scene.config())


OPTIONAL = (
    "camera_model",
    "k2",
    "p1",
    "distortion_params",
    "orientation_override",
    "applied_scale",
    "applied_transform",
)
PLAUSIBLE = (
    *(
        "OPENCV_FISHEYE",
        "FISHEYE624",
        "EQUIRECTANGULAR",
        "pca",
        "none",
        "./images/4.png",
        "masks/0.png",
        "depths/5.npy",
    ),
    *(-1, 0, 0.5, 6, 8.9, 1e-30, 1e30, [0.1] * 6, [0.1] * 12, [[1, 0, 0, 0]] * 3, np.eye(4).tolist()),
)


@on_one_folder
@given(data=st.data())
def test_what_passes_with_values_replaced_or_gone_is_loaded(scene, data):
    meta = copy.deepcopy(scene.meta)
    for _ in range(data.draw(st.integers(1, 2))):
        depth = data.draw(st.sampled_from([1, 1, 3, 9]))
        places = [path for path in paths_in(meta) if 0 < len(path) <= depth] + [(key,) for key in OPTIONAL]
        *parents, key = data.draw(st.sampled_from(places))
        holder = meta
        for parent in parents:
            holder = holder[parent]
        action = data.draw(st.sampled_from(["delete", "plausible", "plausible", "garbage"]))
        if action != "delete":
            holder[key] = copy.deepcopy(data.draw(st.sampled_from(PLAUSIBLE) if action == "plausible" else garbage))
        elif not isinstance(holder, dict) or key in holder:
            del holder[key]
    scene.path("transforms.json").write_text(json.dumps(meta))
    if accepted(scene.config()):
        load_everything(scene.config())


@on_one_folder
@given(data=st.data())
def test_what_passes_with_one_file_cut_off_is_loaded(scene, data):
    scene.use_jpeg()
    name = data.draw(st.sampled_from(["images/0.jpg", "images/1.png", "masks/1.png", "depths/1.png", "depths/5.npy"]))
    whole = scene.path(name).read_bytes()
    try:
        scene.cut(name, data.draw(st.integers(0, len(whole))))
        if accepted(scene.config()):
            load_everything(scene.config())
    finally:
        scene.path(name).write_bytes(whole)


@on_one_folder
@given(
    name=st.sampled_from(["images/0.png", "masks/1.png", "depths/1.png", "depths/5.npy"]),
    keep=st.integers(0, 150),
    tail=st.binary(max_size=100),
)
def test_any_bytes(scene, name, keep, tail):
    whole = scene.path(name).read_bytes()
    try:
        scene.path(name).write_bytes(whole[:keep] + tail)
        accepted(scene.config())
    finally:
        scene.path(name).write_bytes(whole)
