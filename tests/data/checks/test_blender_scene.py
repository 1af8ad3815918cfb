"""Each fault of a scene for blender-data gets its sentence; "{s}" stands for the scene's folder."""

import json

import pytest
from nerfstudio.data.dataparsers.blender_dataparser import BlenderDataParserConfig
from nerfstudio.data.dataparsers.dnerf_dataparser import DNeRFDataParserConfig
from nerfstudio.data.datasets.base_dataset import InputDataset

from s3im_methods.data.checked_parser import read_splits
from s3im_methods.data.checks.scene import check_scene
from s3im_methods.errors import InputError


@pytest.fixture
def blender(scene):
    """The small scene as Blender scenes are laid out: names without ending, one JSON file per split."""
    scene.path("transforms.json").unlink()
    scene.meta = {
        split: {
            "camera_angle_x": 0.7,
            "frames": [{"file_path": f"./{split}/{k}", "transform_matrix": scene.pose(k)} for k in range(3)],
        }
        for split in ("train", "val", "test")
    }
    for split in scene.meta:
        for k in range(3):
            scene.save(f"{split}/{k}.png", "RGBA")
    return scene


def write(scene):
    for split, meta in scene.meta.items():
        scene.path(f"transforms_{split}.json").write_text(json.dumps(meta))
    return BlenderDataParserConfig(data=scene.folder)


def test_fewest_images(blender):
    del blender.meta["train"]["frames"][2:], blender.meta["val"]["frames"][1:], blender.meta["test"]["frames"][1:]
    check_scene(write(blender))


def test_what_passes_is_loaded_by_nerfstudio(blender):
    config = write(blender)
    check_scene(config)
    for split in ("train", "val", "test"):
        dataset = InputDataset(config.setup().get_dataparser_outputs(split))
        assert [dataset[k]["image"].shape for k in range(len(dataset))] == [(6, 8, 3)] * 3


@pytest.mark.parametrize("split", ["train", "test"])
def test_degrees_are_refused_of_what_moves_too(blender, split):
    for meta in blender.meta.values():
        for k, frame in enumerate(meta["frames"]):
            frame["time"] = k / 2
    write(blender)
    config = DNeRFDataParserConfig(data=blender.folder)
    check_scene(config)
    blender.meta[split]["camera_angle_x"] = 40.0
    write(blender)
    with pytest.raises(InputError, match=f"camera_angle_x in '.*_{split}.json' is 40.0: give the horizontal field of"):
        check_scene(config)


def test_a_scale_factor_that_leaves_the_box_is_said(blender):
    lines: list[str] = []
    read_splits(write(blender), say=lines.append)
    assert lines == []
    read_splits(BlenderDataParserConfig(data=blender.folder, scale_factor=0.1), say=lines.append)
    (line,) = lines
    assert line.startswith("--scale-factor 0.1 moves the cameras and leaves the scene's box as it is")
    assert line.endswith("needs --pipeline.model.box-scale 0.1 too.")


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan")])
def test_a_scale_factor_that_is_none_is_refused(blender, factor):
    write(blender)
    with pytest.raises(InputError, match=r"--scale-factor is .*: give a number above 0"):
        read_splits(BlenderDataParserConfig(data=blender.folder, scale_factor=factor))


FAULTS = {
    "no test split": (
        lambda s: s.meta.pop("test"),
        "The scene folder '{s}' holds no transforms_test.json, where blender-data reads one for train, "
        "one for val and one for test: add it.",
    ),
    "a scene for nerfstudio-data": (
        lambda s: [s.meta.clear(), s.path("transforms.json").write_text("{}")],
        "The scene folder '{s}' holds no transforms_train.json but a transforms.json: use "
        "`nerfstudio-data` instead of `blender-data`.",
    ),
    "no frames": (
        lambda s: s.meta["val"]["frames"].clear(),
        "'{s}/transforms_val.json' has no frames: write it again, for instance with ns-process-data, "
        "which says how many images got a pose.",
    ),
    "one training image": (
        lambda s: s.meta["train"]["frames"].__delitem__(slice(1, None)),
        "'{s}/transforms_train.json' has one image only, but a radiance field needs at least 2 views "
        "to learn depth from: render more views.",
    ),
    "pose with NaN": (
        lambda s: s.meta["test"]["frames"][2]["transform_matrix"][0].__setitem__(3, float("nan")),
        "1 of 3 poses in '{s}/transforms_test.json' is unusable, namely that of './test/2', whose "
        "transform_matrix holds NaN in row 1, column 4: correct it or drop such frames.",
    ),
    "no angle": (
        lambda s: s.meta["train"].pop("camera_angle_x"),
        "camera_angle_x in '{s}/transforms_train.json' is missing: give the horizontal field of view in"
        " radians, between 0 and pi.",
    ),
    "angle in degrees": (
        lambda s: s.meta["train"].update(camera_angle_x=40.0),
        "camera_angle_x in '{s}/transforms_train.json' is 40.0: give the horizontal field of view in "
        "radians, between 0 and pi.",
    ),
    "image missing": (
        lambda s: s.path("val/1.png").unlink(),
        "1 of 3 images is missing, namely '{s}/val/1.png' (listed in '{s}/transforms_val.json'): put "
        "back what is missing or drop those frames from that list.",
    ),
    "image named with its ending": (
        lambda s: s.meta["val"]["frames"][0].update(file_path="val/0.png"),
        "1 of 3 images is missing, namely '{s}/val/0.png.png' (listed in '{s}/transforms_val.json'; did"
        " you mean '0.png', which is there): give file_path without an ending, because blender-data adds .png.",
    ),
    "image of another format": (
        lambda s: s.path("val/1.png").rename(s.path("val/1.jpg")),
        "1 of 3 images is missing, namely '{s}/val/1.png' (listed in '{s}/transforms_val.json'; did you mean '1.jpg', "
        "which is there): convert the images to PNG, and give file_path without an ending, because blender-data adds "
        ".png.",
    ),
    "image cut off": (
        lambda s: s.cut("train/2.png", 100),
        "1 of 3 images is unreadable, namely '{s}/train/2.png' (it is cut off or damaged): copy or "
        "write such files again, or drop their frames from '{s}/transforms_train.json'.",
    ),
    "image of another size": (
        lambda s: s.save("train/2.png", "RGB", (8, 7)),
        "1 of 3 images is not of the first one's size, namely '{s}/train/2.png' where '{s}/train/0.png'"
        " has 8 x 6 pixels: render all images in one size.",
    ),
    "image with a palette": (
        lambda s: s.save("train/2.png", "P"),
        "1 of 3 images is neither 8-bit grey, RGB nor RGBA, namely '{s}/train/2.png' (Pillow's mode P):"
        " convert it to 8-bit RGB.",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(blender, refusal, fault):
    break_it, sentence = FAULTS[fault]
    break_it(blender)
    assert refusal(write(blender)) == sentence


def test_file_instead_of_folder(blender, refusal):
    config = write(blender)
    config.data = blender.folder / "transforms_train.json"
    assert (
        refusal(config) == "'{s}/transforms_train.json' is not a folder: give --data the folder that holds "
        "transforms_train.json."
    )
