"""The one way from any data parser to the views of a scene."""

import copy
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.configs.dataparser_configs import all_dataparsers
from nerfstudio.data.dataparsers.base_dataparser import DataParser, DataParserConfig, DataparserOutputs
from nerfstudio.data.dataparsers.instant_ngp_dataparser import InstantNGPDataParserConfig
from PIL import Image

from s3im_methods.data.checked_parser import checked_parser, read_again, read_splits
from s3im_methods.data.checks.outputs import check_cameras
from s3im_methods.data.checks.scene import check_scene
from s3im_methods.data.few_views import keep_views
from s3im_methods.data.read_scene import read_scene
from s3im_methods.data.tabulated_rays import TabulatedRayGenerator
from s3im_methods.data.training_cameras import training_cameras
from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.world_frame import world_frame

COUNT = 4


def each(value: float) -> torch.Tensor:
    return torch.full((COUNT, 1), value)


class Views(DataParser):
    """A parser of someone else: four pinholes in a row, with whatever a test does to them."""

    def __init__(self, config: DataParserConfig, change=lambda outputs: None) -> None:
        super().__init__(config)
        self.change = change

    def _generate_dataparser_outputs(self, split: str = "train", **kwargs: Any) -> DataparserOutputs:
        poses = torch.eye(4)[:3].repeat(COUNT, 1, 1)
        poses[:, 0, 3] = torch.arange(COUNT)
        outputs = DataparserOutputs(
            image_filenames=[self.config.data / f"{k}.png" for k in range(COUNT)],
            cameras=Cameras(poses, fx=each(9.0), fy=each(9.0), cx=each(4.0), cy=each(3.0), width=8, height=6),
            mask_filenames=[self.config.data / f"mask{k}.png" for k in range(COUNT)],
            metadata={},
        )
        self.change(outputs)
        return outputs


@pytest.fixture
def views(tmp_path):
    for k in range(COUNT):
        Image.new("RGB", (8, 6)).save(tmp_path / f"{k}.png")
        Image.new("L", (8, 6), 255).save(tmp_path / f"mask{k}.png")

    def config(change=lambda outputs: None) -> DataParserConfig:
        return DataParserConfig(_target=partial(Views, change=change), data=tmp_path)  # type: ignore[arg-type]

    return config


def posed(change):
    return lambda outputs: change(outputs.cameras.camera_to_worlds)


def raises(error: Exception):
    def change(outputs: Any) -> None:
        raise error

    return change


def from_another(outputs: Any) -> None:
    try:
        raise FileNotFoundError(2, "No such file", "lost.bin")
    except FileNotFoundError as error:
        raise RuntimeError("while reading") from error


FAULTS = {
    "an image is missing": (
        lambda o: o.image_filenames[2].unlink(),
        "1 of 4 images is missing, namely '{s}/2.png' (listed in '{s}'): put back",
    ),
    "an image is cut off": (
        lambda o: o.image_filenames[1].write_bytes(o.image_filenames[1].read_bytes()[:40]),
        "1 of 4 images is unreadable, namely '{s}/1.png' (it is ",
    ),
    "an image is larger than its camera": (
        lambda o: Image.new("RGB", (16, 12)).save(o.image_filenames[3]),
        "1 of 4 images is not of the size that its camera has, namely '{s}/3.png' with 16 x 12 instead of 8 x 6 pixels",
    ),
    "an image has a palette": (
        lambda o: Image.new("P", (8, 6)).save(o.image_filenames[0]),
        "1 of 4 images is neither 8-bit grey, RGB nor RGBA, namely '{s}/0.png'",
    ),
    "an image for two views": (
        lambda o: o.image_filenames.__setitem__(2, o.image_filenames[1].parent / "x" / ".." / "1.png"),
        "Two views of '{s}' have the same image, '{s}/x/../1.png': drop one of them, or give each its own image.",
    ),
    "a mask is missing": (lambda o: o.mask_filenames[0].unlink(), "1 of 4 masks is missing, namely '{s}/mask0.png'"),
    "a mask is of another size": (
        lambda o: Image.new("L", (4, 3)).save(o.mask_filenames[1]),
        "1 of 4 masks is not of the size that its image has, namely '{s}/mask1.png' with 4 x 3 instead of 8 x 6",
    ),
    "a mask is no image": (
        lambda o: o.mask_filenames[1].write_text("no"),
        "1 of 4 masks is unreadable, namely '{s}/mask1.png'",
    ),
    "masks of some": (
        lambda o: o.mask_filenames.pop(),
        "'{s}' has 3 masks for 4 images: give one for",
    ),
    "no images": (
        lambda o: (o.image_filenames.clear(), o.mask_filenames.clear()),
        "'{s}' has no images for training, but at least 2 are needed",
    ),
    "cameras of some": (
        lambda o: o.image_filenames.pop(),
        "'{s}' has 4 cameras for 3 images: give",
    ),
    "focal length 0": (
        lambda o: o.cameras.fx[1].zero_(),
        "1 of 4 cameras of '{s}' has fx that is not finite and above 0, namely that of '{s}/1.png' with 0",
    ),
    "principal point NaN": (
        lambda o: o.cameras.cx.fill_(np.nan),
        "4 of 4 cameras of '{s}' have cx that are not",
    ),
    "lens NaN": (
        lambda o: setattr(o.cameras, "distortion_params", torch.full((COUNT, 6), np.nan)),
        "The lens distortion of '{s}' holds NaN",
    ),
    "a pose NaN": (
        posed(lambda p: p[2].fill_(np.nan)),
        "1 of 4 poses of '{s}' is unusable, namely that of '{s}/2.png', which holds NaN or infinity",
    ),
    "a mirrored pose": (posed(lambda p: p[:, 2, 2].neg_()), "4 of 4 poses of '{s}' are unusable, first that of "),
    "a sheared pose": (posed(lambda p: p[1, 0, 1].fill_(0.3)), "which is sheared (its axes are 16.7 degrees"),
    "a singular pose": (posed(lambda p: p[1, 2, 2].zero_()), "which is singular"),
    "rows for columns": (posed(lambda p: p[:, :, 3].zero_()), "All 4 cameras of '{s}' stand at the same place"),
    "too far away": (
        posed(lambda p: p[:, 1, 3].add_(1e5)),
        "are so far from the origin that float32 loses 0.52 % of their extent: subtract (2, 100000, 0) from all",
    ),
    "at one place as far as float32 can tell": (
        posed(lambda p: p[:, :, 3].fill_(4.5e6)),
        "stand at the same place, (4500000, 4500000, 4500000), as far as float32 can tell: subtract that from",
    ),
    "scaled by NaN": (
        lambda o: setattr(o, "dataparser_scale", float("nan")),
        "A camera position of '{s}' holds NaN or infinity: correct or drop it.",
    ),
    "scaled to infinity": (lambda o: setattr(o, "dataparser_scale", float("inf")), "stand at the same place"),
    "a key": (
        raises(KeyError("frames")),
        "scene '{s}': 'frames' is missing where the parser looks for it",
    ),
    "a list": (raises(IndexError("list index out of range")), "one of its lists is shorter than another"),
    "an assertion": (
        raises(AssertionError("\n  no  images\n here. ")),
        "the scene '{s}': no images here. ",
    ),
    "an attribute": (raises(AttributeError("no x")), "AttributeError: no x"),
    "no words": (raises(AssertionError()), "AssertionError: "),
    "a first cause": (from_another, "there is no 'lost.bin'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_any_parser_are_one_sentence(views, tmp_path, fault):
    change, said = FAULTS[fault]
    config = views(change)
    if fault in ("an image is cut off",):
        config = views(lambda outputs: change(outputs) if outputs.image_filenames[1].stat().st_size > 40 else None)
    if "missing" in fault:
        files = views()
        change(files.setup().get_dataparser_outputs())
        config = files
    with pytest.raises(InputError) as error:
        checked_parser(config).setup().get_dataparser_outputs("train")
    sentence = str(error.value).replace(str(tmp_path), "{s}")
    assert said in sentence and sentence.endswith(".") and "\n" not in sentence


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), InputError("Mine.")])
def test_what_is_no_fault_of_the_scene_passes(views, error):
    with pytest.raises(type(error)) as passed:
        checked_parser(views(raises(error))).setup().get_dataparser_outputs("train")
    assert passed.value is error


def test_scale_in_the_poses_is_dropped_with_one_line_for_all_splits(views):
    lines: list[str] = []
    splits = read_splits(views(posed(lambda p: p[:, :, :3].mul_(2.5))), say=lines.append)
    for outputs in splits.values():
        assert torch.equal(outputs.cameras.camera_to_worlds[:, :, :3], torch.eye(3).repeat(COUNT, 1, 1))
        assert outputs.cameras.camera_to_worlds[:, 0, 3].tolist() == [0, 1, 2, 3]
    (line,) = lines
    assert "are scaled by 2.5" in line


def test_a_little_too_far_away_is_said(views):
    lines: list[str] = []
    read_splits(views(posed(lambda p: p[:, 1, 3].add_(1e3))), say=lines.append)
    (line,) = lines
    assert "far from the origin, where float32 loses 0.0041 % of their extent: subtract (2, 1000, 0)" in line


def test_cameras_that_stand_still_may_film_what_moves(views):
    def change(outputs: Any) -> None:
        outputs.cameras.camera_to_worlds[:, :, 3] = 0
        outputs.cameras.times = torch.zeros(COUNT, 1)

    read_splits(views(change))


def test_what_moves_may_look_the_same_at_two_moments(views):
    def change(outputs: Any, times: Any = None) -> None:
        outputs.image_filenames[2] = outputs.image_filenames[1]
        outputs.cameras.times = torch.tensor(times)[:, None]

    read_splits(views(partial(change, times=[0.0, 0.1, 0.2, 0.3])))
    with pytest.raises(InputError, match="Two views of"):
        read_splits(views(partial(change, times=[0.0, 0.1, 0.1, 0.3])))


def test_without_files_nothing_is_opened(views, tmp_path):
    for path in tmp_path.glob("*.png"):
        path.rename(path.with_suffix(".gone"))
    outputs = read_again(views(), "train")
    assert len(outputs.image_filenames) == COUNT
    with pytest.raises(InputError, match="4 of 4 images are missing"):
        check_scene(views())


def test_it_is_the_parser_for_the_rest_and_leaves_its_configuration(views):
    config = views()
    checked = checked_parser(checked_parser(config))
    assert config._target is not checked._target and type(checked) is type(config)
    parser: Any = checked.setup()
    parser.downscale_factor = 1
    assert parser.parser.downscale_factor == 1 and parser.includes_time is False and isinstance(parser.parser, Views)


PARSERS = sorted(set(all_dataparsers) - {"idr-data", "multi-blender"})


def config_of(name: str, data: Path) -> Any:
    config = copy.deepcopy(all_dataparsers[name])
    config.data = data
    return config


@pytest.mark.parametrize("content", ["nothing that fits", "broken JSON"])
@pytest.mark.parametrize("name", PARSERS)
def test_a_wrong_folder_is_one_sentence_for_every_parser(tmp_path, name, content):
    folder = tmp_path / "scene"
    folder.mkdir()
    (folder / "note.txt").write_text("nothing")
    if content == "broken JSON":
        for file in ("transforms.json", "transforms_train.json", "meta_data.json", "scene.json", "dataset.json"):
            (folder / file).write_text('{"frames": [')
    with pytest.raises(InputError) as error:
        check_scene(config_of(name, folder))
    sentence = str(error.value)
    assert str(tmp_path) in sentence and sentence.endswith(".") and "\n" not in sentence
    if content == "broken JSON" and name in ("instant-ngp-data", "sdfstudio-data", "dnerf-data", "nerfstudio-data"):
        assert "is not valid JSON at line 1, column 13" in sentence


def test_another_parser_is_named_where_the_folder_looks_like_its_own(scene):
    with pytest.raises(InputError, match=r"looks like one for `nerfstudio-data`: add that at the end"):
        check_scene(config_of("sdfstudio-data", scene.folder))


NGP = {
    "broken": (lambda s: s.path("transforms.json").write_text("{"), "is not valid JSON at line 1"),
    "no focal length": (lambda s: [s.meta.pop("fl_x"), s.write()], "gives no focal length at its top"),
    "focal length 0": (lambda s: [s.meta.update(fl_x=0), s.write()], "fl_x in "),
    "masks of some": (
        lambda s: [s.meta["frames"][0].pop("mask_path"), s.write()],
        "1 of 6 frames in .* without mask",
    ),
    "a mask gone": (lambda s: s.path("masks/3.png").unlink(), "masks? (is|are) missing"),
    "an image gone": (lambda s: s.path("images/3.png").unlink(), "1 of 6 images is missing"),
    "larger images": (
        lambda s: [s.save(f"images/{k}.png", "RGB", (16, 12)) for k in range(6)],
        "images are not of the size that its camera has",
    ),
    "a pose missing": (
        lambda s: [s.meta["frames"][2].pop("transform_matrix"), s.write()],
        "transform_matrix is missing",
    ),
    "no frames": (lambda s: [s.meta.pop("frames"), s.write()], "has no frames"),
}


@pytest.mark.parametrize("fault", NGP)
def test_faults_of_instant_ngps_scenes(scene, fault):
    config = InstantNGPDataParserConfig(data=scene.folder, eval_mode="interval", eval_interval=3)
    check_scene(config)
    change, said = NGP[fault]
    change(scene)
    with pytest.raises(InputError, match=said):
        check_scene(config)


def shifted(scene, offset, scale=1.0) -> np.ndarray:
    """The cameras' true places, after they were moved far away in the file."""
    random = np.random.default_rng(0)
    for frame in scene.meta["frames"]:
        pose = np.eye(4)
        turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
        pose[:3, :3] = scale * turn * np.linalg.det(turn)
        pose[:3, 3] = random.normal(size=3) + offset
        frame["transform_matrix"] = pose.tolist()
    scene.write()
    return np.array([frame["transform_matrix"] for frame in scene.meta["frames"][:4]])[:, :3, 3]


FAR = np.array([5e5, 4.5e6, 120.0])


@pytest.mark.parametrize(
    "settings", [{}, {"center_method": "focus"}, {"center_method": "none"}, {"orientation_method": "pca"}]
)
@pytest.mark.parametrize("applied", [None, [[0, 1, 0, 7.0], [1, 0, 0, 0], [0, 0, -1, -4e5]]])
def test_maps_coordinates_come_back_in_float64(scene, settings, applied, capsys):
    if applied is not None:
        scene.meta["applied_transform"] = applied
    shifted(scene, 0)
    near = read_again(scene.config(**settings), "train")
    true = shifted(scene, FAR)
    lines: list[str] = []
    far = checked_parser(scene.config(**settings), say=lines.append).setup().get_dataparser_outputs("train")
    check_scene(scene.config(**settings))
    assert len(lines) == (settings.get("center_method") == "none")
    if settings.get("center_method") != "none":
        assert far.cameras.camera_to_worlds.numpy() == pytest.approx(near.cameras.camera_to_worlds.numpy(), abs=1e-4)
    places = far.cameras.camera_to_worlds[:, :, 3].double().numpy()
    for outputs in (far, keep_views(far, 4)):
        assert world_frame(outputs).to_world(places) == pytest.approx(true, rel=0, abs=1e-5)
        assert world_frame(outputs).to_scene(true) == pytest.approx(places, abs=1e-5)
        back = outputs.transform_poses_to_original_space(outputs.cameras.camera_to_worlds, "opengl")
        matrix = np.array(applied or np.eye(4)[:3])
        assert back.dtype == torch.float64
        original = (true - matrix[:, 3]) @ np.linalg.inv(matrix[:, :3]).T
        assert back[:, :, 3].numpy() == pytest.approx(original, rel=0, abs=1e-5)
    assert "rounds its coordinates to 0.5" in " ".join(capsys.readouterr().out.split())
    saved = json.loads(_saved(far, scene.path("out.json")))
    assert np.abs(saved["transform"]).max() > 1e5


def _saved(outputs: DataparserOutputs, path: Path) -> str:
    outputs.save_dataparser_transform(path)
    return path.read_text()


def test_near_the_origin_nothing_changes_by_a_bit(scene):
    shifted(scene, 50.0)
    stock = scene.config().setup().get_dataparser_outputs("train")
    ours = read_again(scene.config(), "train")
    assert type(ours) is DataparserOutputs
    assert torch.equal(ours.cameras.camera_to_worlds, stock.cameras.camera_to_worlds)
    assert torch.equal(ours.dataparser_transform, stock.dataparser_transform)


def test_cameras_for_meshes_far_away(scene):
    true = shifted(scene, FAR)
    cameras, far = training_cameras(scene.folder)
    assert cameras.camera_to_worlds[:, :, 3].double().numpy() + far == pytest.approx(true, rel=0, abs=1e-6)


def test_rays_of_scaled_poses_are_those_of_rotations(scene):
    shifted(scene, 0)
    meant = read_again(scene.config(), "train").cameras
    shifted(scene, 0, scale=2.5)
    found = read_again(scene.config(), "train").cameras
    pixels = torch.tensor([[0, 1, 2], [3, 5, 7]])
    rays, expected = TabulatedRayGenerator(found)(pixels), TabulatedRayGenerator(meant)(pixels)
    torch.testing.assert_close(rays.directions, expected.directions)
    torch.testing.assert_close(rays.directions.norm(dim=-1), torch.ones(2))


def test_a_scene_is_read_as_training_would(scene):
    scene.meta["frames"][0]["sharpness"] = 3
    scene.meta["aplied_scale"] = 1
    scene.write()
    found = read_scene(scene.config())
    assert {split: len(outputs.image_filenames) for split, outputs in found.splits.items()} == {
        "train": 4,
        "val": 1,
        "test": 2,
    }
    assert found.facts.depth_source == "sensor" and found.facts.has_foreground_mask
    assert "did you mean `applied_scale`?" in found.warnings[0]


def test_a_split_that_the_files_lists_decide_is_said(scene):
    def lines_of(**settings):
        found: list[str] = []
        checked_parser(scene.config(**settings), say=found.append).setup().get_dataparser_outputs("train")
        return found

    assert lines_of() == []
    assert lines_of(eval_mode="interval", eval_interval=4) == [
        f"--eval-mode interval, --eval-interval 4 have no effect, because '{scene.path('transforms.json')}' lists "
        "train_filenames, val_filenames and test_filenames: take the lists out of it to split in another way."
    ]
    scene.unsplit()
    assert lines_of(eval_mode="interval", eval_interval=4) == []


@pytest.mark.parametrize("applied_scale", [1e-3, 1.0, 1e3])
def test_an_applied_scale_does_not_put_cameras_far_away(scene, applied_scale):
    """nerfstudio's own way back has the shift in other units than the scale."""
    scene.meta["applied_scale"] = applied_scale
    shifted(scene, np.array([3.0, 0.0, 0.0]))
    outputs = checked_parser(scene.config(), say=lambda line: None).setup().get_dataparser_outputs("train")
    assert not [line for line in check_cameras(outputs, "train", scene.folder) if "far from the origin" in line]
