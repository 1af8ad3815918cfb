"""``idr-data``: projections, splits, crops, priors, and files that do not fit together."""

from pathlib import Path

import numpy as np
import pytest
import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from PIL import Image
from scipy.spatial.transform import Rotation

from s3im_methods.data.checked_parser import read_splits
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.parsers.idr import IDRDataParserConfig
from s3im_methods.data.parsers.idr_files import IDRFiles
from s3im_methods.data.parsers.projection_matrix import decompose_projection
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.surface_dataset import SurfaceDataset
from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.world_frame import world_frame

COUNT = 6
SCALE_MAT = np.array([[200.0, 0, 0, -30], [0, 200, 0, 10], [0, 0, 200, 600], [0, 0, 0, 1]])


def intrinsics(size: tuple[int, int]) -> np.ndarray:
    width, height = size
    return np.array([[1.2 * width, 0, 0.51 * width], [0, 1.1 * width, 0.48 * height], [0, 0, 1.0]])


def write(folder: Path, size: tuple[int, int] = (16, 12), whole: tuple[int, int] | None = None) -> dict:
    """A scene of six cameras around the unit sphere; ``whole`` is the size that the cameras belong to."""
    arrays = {}
    (folder / "image").mkdir(parents=True)
    (folder / "mask").mkdir()
    for k in range(COUNT):
        turn = Rotation.from_euler("yxz", [60 * k, 15, 3], degrees=True).as_matrix()
        rotation = turn.T
        center = SCALE_MAT[:3, :3] @ (turn @ [0, 0, -2.5 - 0.1 * k]) + SCALE_MAT[:3, 3]
        world = np.eye(4)
        # Real files hold any factor, of either sign.
        world[:3] = (-1) ** k * (k + 0.5) * intrinsics(whole or size) @ np.column_stack([rotation, -rotation @ center])
        arrays |= {f"world_mat_{k}": world, f"scale_mat_{k}": SCALE_MAT}
        Image.new("RGB", size, (10 * k, 20, 30)).save(folder / "image" / f"{k:03d}.png")
        Image.fromarray(np.tile(np.array([0, 255], np.uint8), (size[1], size[0] // 2))).save(
            folder / "mask" / f"{k:03d}.png"
        )
    np.savez(folder / "cameras_sphere.npz", **arrays)
    return arrays


def parse(folder: Path, split: str = "train", **settings) -> DataparserOutputs:
    return IDRDataParserConfig(data=folder, **settings).setup().get_dataparser_outputs(split)


def said(folder: Path, **settings) -> str:
    lines: list[str] = []
    read_splits(IDRDataParserConfig(data=folder, **settings), say=lines.append)
    return " ".join(lines)


@pytest.mark.parametrize("orientation", ["up", "none"])
def test_rays_of_pixels_meet_the_world_points_that_project_there(tmp_path, orientation):
    arrays = write(tmp_path)
    outputs = parse(tmp_path, eval_interval=0, orientation_method=orientation)
    frame = world_frame(outputs)
    world = SCALE_MAT[:3, 3] + 100 * np.random.default_rng(0).normal(size=(20, 3))
    for k in range(COUNT):
        pixels = np.column_stack([world, np.ones(20)]) @ arrays[f"world_mat_{k}"][:3].T
        pixels = pixels[:, :2] / pixels[:, 2:]
        coords = torch.from_numpy(pixels[:, ::-1].copy() + 0.5).float()
        rays = outputs.cameras.generate_rays(torch.full((20, 1), k), coords=coords)
        towards = frame.to_scene(world) - rays.origins.numpy()
        np.testing.assert_allclose(
            rays.directions.numpy(), towards / np.linalg.norm(towards, axis=1, keepdims=True), atol=1e-5
        )


def test_an_object_far_from_the_origin_is_read_in_double_precision(tmp_path):
    """Its cameras are in the unit sphere before float32 is made of them."""
    arrays, shift = write(tmp_path), np.eye(4)
    shift[:3, 3] = 5e6, 4.5e6, 0
    moved = {
        name: matrix @ np.linalg.inv(shift) if name.startswith("world") else shift @ matrix
        for name, matrix in arrays.items()
    }
    near = parse(tmp_path)
    np.savez(tmp_path / "cameras_sphere.npz", **moved)
    far = read_splits(IDRDataParserConfig(data=tmp_path))["train"]
    torch.testing.assert_close(far.cameras.camera_to_worlds, near.cameras.camera_to_worlds)
    world = world_frame(far).to_world(far.cameras.camera_to_worlds[:, :, 3].double().numpy())
    expected = world_frame(near).to_world(near.cameras.camera_to_worlds[:, :, 3].double().numpy()) + shift[:3, 3]
    np.testing.assert_allclose(world, expected, rtol=0, atol=1e-2)
    # In float32 the file itself has lost where the cameras stand.
    np.savez(tmp_path / "cameras_sphere.npz", **{name: matrix.astype(np.float32) for name, matrix in moved.items()})
    with pytest.raises(InputError):
        read_splits(IDRDataParserConfig(data=tmp_path))


def test_scene_units_hold_the_cameras_and_the_world_comes_back(tmp_path):
    write(tmp_path)
    outputs = parse(tmp_path)
    assert outputs.cameras.camera_to_worlds[..., 3].abs().max() <= 1 + 1e-6
    sphere = SceneFacts.of(SurfaceDataset(outputs, depth=DepthSourceConfig(source="none")).metadata).object_sphere
    assert sphere is not None
    frame = world_frame(outputs)
    np.testing.assert_allclose(frame.to_world(np.array([sphere.center])), SCALE_MAT[None, :3, 3], atol=1e-3)
    assert sphere.radius / frame.scale == pytest.approx(200, rel=1e-5)


def test_splits(tmp_path):
    write(tmp_path)
    names = {
        split: [p.name for p in parse(tmp_path, split, eval_interval=3).image_filenames] for split in ("train", "val")
    }
    assert names == {"train": ["001.png", "002.png", "004.png", "005.png"], "val": ["000.png", "003.png"]}
    assert len(parse(tmp_path, "test", eval_interval=0).image_filenames) == COUNT
    with pytest.raises(InputError, match="--eval-interval is 1"):
        parse(tmp_path, eval_interval=1)


def test_masks_follow_their_images(tmp_path):
    write(tmp_path)
    outputs = parse(tmp_path, "val", eval_interval=3)
    assert outputs.mask_filenames is not None
    assert [path.name for path in outputs.mask_filenames] == ["000.png", "003.png"]


@pytest.mark.parametrize(("whole", "side"), [((1200, 680), 384), ((1920, 1080), 384), ((1600, 1200), 100)])
def test_the_middle_square_of_larger_images_is_found(tmp_path, whole, side):
    write(tmp_path, (side, side), whole)
    outputs = parse(tmp_path, eval_interval=0)
    scale, expected = side / min(whole), intrinsics(whole)
    assert f"images of {whole[0]} x {whole[1]} pixels" in said(tmp_path)
    offset = (max(whole) - min(whole)) / 2
    assert outputs.cameras.fx[0].item() == pytest.approx(scale * expected[0, 0], rel=1e-5)
    assert outputs.cameras.cx[0].item() == pytest.approx(scale * (expected[0, 2] + 0.5 - offset), rel=1e-5)
    assert outputs.cameras.cy[0].item() == pytest.approx(scale * (expected[1, 2] + 0.5), rel=1e-5)


def test_a_size_that_is_not_common_is_twice_the_principal_point(tmp_path):
    write(tmp_path, (100, 100), (900, 500))
    outputs = parse(tmp_path, eval_interval=0)
    assert "and that is not a common size" in said(tmp_path)
    # The principal point is 2 % and 4 % off the middle.
    assert outputs.cameras.fx[0].item() == pytest.approx(100 / 500 * intrinsics((900, 500))[0, 0], rel=0.05)


@pytest.mark.parametrize(("whole", "size"), [((1600, 1200), (400, 300)), ((900, 675), (180, 135))])
def test_images_that_were_shrunk_as_a_whole_are_found(tmp_path, whole, size):
    write(tmp_path, size, whole)
    cameras, expected = parse(tmp_path, eval_interval=0).cameras, intrinsics(whole)
    scale = size[0] / whole[0]
    assert cameras.fx[0].item() == pytest.approx(scale * expected[0, 0], rel=1e-5)
    assert cameras.fy[0].item() == pytest.approx(scale * expected[1, 1], rel=1e-5)
    # The corner of the image stays where it is.
    assert cameras.cx[0].item() == pytest.approx(scale * (expected[0, 2] + 0.5), rel=1e-5)
    assert f"images of {whole[0]} x {whole[1]} pixels" in said(tmp_path)
    assert f"show all of them at {size[0]} x {size[1]}" in said(tmp_path)
    with pytest.raises(InputError, match="The principal point of camera 0"):
        parse(tmp_path, crop="none")


def test_an_odd_factor_is_judged_by_both_axes(tmp_path):
    write(tmp_path, (160, 120), (380, 285))
    assert parse(tmp_path).cameras.fx[0].item() == pytest.approx(160 / 380 * 1.2 * 380, rel=0.03)
    assert "and that is not a common size" in said(tmp_path)


def test_images_of_another_aspect_are_refused(tmp_path):
    write(tmp_path, (400, 200), (1600, 1200))
    with pytest.raises(InputError, match="The principal point of camera 0"):
        parse(tmp_path)
    with pytest.raises(InputError, match="--crop center is for square images"):
        parse(tmp_path, crop="center")


def test_images_that_are_no_crop_keep_their_intrinsics(tmp_path):
    write(tmp_path, (20, 20))
    assert parse(tmp_path).cameras.cx[0].item() == pytest.approx(0.51 * 20 + 0.5, abs=1e-3)


def test_monosdf_files_beside_each_other(tmp_path):
    arrays = write(tmp_path / "first")
    folder = tmp_path / "mono"
    folder.mkdir()
    np.savez(folder / "cameras.npz", **arrays)
    for k in range(COUNT):
        Image.new("RGB", (16, 12)).save(folder / f"{k:06d}_rgb.png")
        np.save(folder / f"{k:06d}_depth.npy", np.ones((12, 16), np.float32))
        np.save(folder / f"{k:06d}_normal.npy", np.full((3, 12, 16), 0.5, np.float32))
    outputs = parse(folder, eval_interval=3)
    assert outputs.metadata["include_mono_prior"]
    assert [p.name for p in outputs.metadata["depth_filenames"]] == [f"{k:06d}_depth.npy" for k in (1, 2, 4, 5)]
    whole = parse(folder, eval_interval=0).metadata["camera_to_worlds"]
    assert torch.equal(outputs.metadata["camera_to_worlds"], whole[[1, 2, 4, 5]])


def test_fewer_images_than_cameras_are_told_apart_by_their_numbers(tmp_path):
    write(tmp_path)
    whole = parse(tmp_path, eval_interval=0).cameras.camera_to_worlds
    (tmp_path / "image" / "002.png").unlink()
    (tmp_path / "mask" / "002.png").unlink()
    rest = parse(tmp_path, eval_interval=0).cameras.camera_to_worlds
    kept = whole[[0, 1, 3, 4, 5]]
    torch.testing.assert_close(rest[:, :, :3] @ rest[0, :, :3].T, kept[:, :, :3] @ kept[0, :, :3].T, atol=1e-4, rtol=0)


def broken(folder: Path, fault: str) -> None:
    arrays = write(folder)
    if fault == "no matrices":
        np.savez(folder / "cameras_sphere.npz", intrinsics=np.eye(3))
    elif fault == "no cameras":
        (folder / "cameras_sphere.npz").unlink()
    elif fault == "cut off":
        (folder / "cameras_sphere.npz").write_bytes((folder / "cameras_sphere.npz").read_bytes()[:99])
    elif fault == "no images":
        (folder / "image").rename(folder / "photos")
    elif fault == "a mask is missing":
        (folder / "mask" / "003.png").unlink()
    elif fault == "an image too many":
        Image.new("RGB", (16, 12)).save(folder / "image" / "999.png")
        Image.new("L", (16, 12)).save(folder / "mask" / "999.png")
    else:
        changed = dict(arrays)
        if fault == "singular":
            changed["world_mat_2"] = np.zeros((4, 4))
        elif fault == "two spheres":
            changed["scale_mat_2"] = 2 * SCALE_MAT
        elif fault == "stretched":
            changed |= {f"scale_mat_{k}": SCALE_MAT @ np.diag([1, 2, 1, 1]) for k in range(COUNT)}
        np.savez(folder / "cameras_sphere.npz", **changed)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("no cameras", "holds no cameras_sphere.npz or"),
        ("no matrices", "holds no world_mat_0"),
        ("cut off", "is not a complete archive"),
        ("no images", "holds no images in image/"),
        ("a mask is missing", "6 images but 5 masks"),
        ("an image too many", "6 cameras"),
        ("singular", "world_mat_2"),
        ("two spheres", "scale_mat_2"),
        ("stretched", "not one scale and a shift"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(tmp_path, fault, words):
    broken(tmp_path, fault)
    with pytest.raises(InputError) as raised:
        parse(tmp_path)
    assert words in str(raised.value)


def test_what_else_the_cameras_file_holds_is_left_alone(tmp_path):
    arrays = write(tmp_path)
    before = parse(tmp_path).cameras.camera_to_worlds
    more = {
        f"{name}_inv_{k}": np.linalg.inv(arrays[f"{name}_{k}"]) for name in ("world_mat", "scale_mat") for k in (0, 1)
    }
    more |= {"names": np.array(["a", "b"]), "made_by": np.array({"a": 1}, dtype=object), "camera_mat_0": np.eye(4)}
    np.savez(tmp_path / "cameras_sphere.npz", **arrays, **more)
    assert torch.equal(parse(tmp_path).cameras.camera_to_worlds, before)


def test_names_without_zeros_are_sorted_by_number_and_a_line_says_so(tmp_path):
    write(tmp_path)
    whole = parse(tmp_path, eval_interval=0)
    for k in range(COUNT):
        for kind in ("image", "mask"):
            (tmp_path / kind / f"{k:03d}.png").rename(tmp_path / kind / f"{3 * k}.png")
    named = parse(tmp_path, eval_interval=0)
    assert [path.name for path in named.image_filenames] == ["0.png", "3.png", "6.png", "9.png", "12.png", "15.png"]
    assert torch.equal(named.cameras.camera_to_worlds, whole.cameras.camera_to_worlds)
    assert "'9.png' before '12.png'" in said(tmp_path)


def test_files_of_the_system_are_passed_over_and_endings_may_be_capitals(tmp_path):
    write(tmp_path)
    for kind in ("image", "mask"):
        (tmp_path / kind / "._000.png").write_bytes(b"of the system")
        (tmp_path / kind / "Thumbs.db").write_bytes(b"of the system")
        (tmp_path / kind / "001.png").rename(tmp_path / kind / "001.PNG")
    assert [p.name for p in parse(tmp_path, eval_interval=0).image_filenames][:2] == ["000.png", "001.PNG"]
    assert said(tmp_path) == ""


def test_masks_with_other_numbers_go_by_order_and_a_line_says_so(tmp_path):
    write(tmp_path)
    for k in reversed(range(COUNT)):
        (tmp_path / "mask" / f"{k:03d}.png").rename(tmp_path / "mask" / f"{k + 1:03d}.png")
    assert "Images and masks are numbered differently" in said(tmp_path)
    assert "'000.png' goes with '001.png'" in said(tmp_path)


def test_masks_that_are_white_everywhere_are_left_out(tmp_path):
    write(tmp_path)
    assert parse(tmp_path).mask_filenames is not None
    for k in range(COUNT):
        (tmp_path / "mask" / f"{k:03d}.png").unlink()
        np.save(tmp_path / "mask" / f"{k:03d}.npy", np.ones((12, 16), np.uint8))
    assert parse(tmp_path).mask_filenames is None
    assert "The masks are white everywhere" in said(tmp_path)
    partly = np.ones((12, 16), np.uint8)
    partly[3] = 0
    np.save(tmp_path / "mask" / f"{COUNT - 1:03d}.npy", partly)
    assert len(parse(tmp_path, eval_interval=0).mask_filenames or []) == COUNT


def test_what_the_cameras_look_at_is_known(tmp_path):
    write(tmp_path)
    assert SceneFacts.of(parse(tmp_path).metadata).scene_kind == "object"
    arrays = dict(np.load(tmp_path / "cameras_sphere.npz"))
    for k in range(COUNT):
        # Turned about, where they stand.
        camera = decompose_projection((arrays[f"world_mat_{k}"] @ SCALE_MAT)[:3])
        turned = np.diag([-1.0, 1, -1]) @ camera.rotation
        arrays[f"world_mat_{k}"][:3] = (
            camera.intrinsics @ np.column_stack([turned, -turned @ camera.center]) @ np.linalg.inv(SCALE_MAT)
        )
    np.savez(tmp_path / "cameras_sphere.npz", **arrays)
    assert SceneFacts.of(parse(tmp_path).metadata).scene_kind == "room"


@pytest.mark.parametrize("side", [32, 100, 384])
def test_the_middle_of_a_shrunk_image_is_that_of_the_whole_one(tmp_path, side):
    write(tmp_path, (side, side))
    arrays = dict(np.load(tmp_path / "cameras_sphere.npz"))
    # Of images of 1296 x 968 pixels, in whose middle the principal point lies, half a pixel less in these coordinates.
    whole = np.array([[900.0, 0, 647.5], [0, 900, 483.5], [0, 0, 1]])
    for k in range(COUNT):
        arrays[f"world_mat_{k}"][:3] = whole @ np.linalg.inv(intrinsics((side, side))) @ arrays[f"world_mat_{k}"][:3]
    np.savez(tmp_path / "cameras_sphere.npz", **arrays)
    outputs = parse(tmp_path)
    np.testing.assert_allclose(outputs.cameras.cx.numpy(), side / 2, rtol=1e-5)
    np.testing.assert_allclose(outputs.cameras.cy.numpy(), side / 2, rtol=1e-5)


def test_a_mask_of_another_number_is_refused(tmp_path):
    write(tmp_path)
    (tmp_path / "mask" / "002.png").rename(tmp_path / "mask" / "009.png")
    with pytest.raises(InputError, match=r"None of the masks in .* has the number of the image '002.png'"):
        parse(tmp_path)


def test_without_scale_mat_the_sphere_is_the_worlds_and_a_line_says_so(tmp_path):
    arrays = write(tmp_path)
    np.savez(tmp_path / "cameras_sphere.npz", **{name: arrays[name] for name in arrays if "world" in name})
    assert "holds no scale_mat_0: surfaces are looked for in the sphere of radius 1" in said(tmp_path)
    kept = {name: value for name, value in arrays.items() if "world" in name or name == "scale_mat_0"}
    np.savez(tmp_path / "cameras_sphere.npz", **kept)
    assert said(tmp_path) == ""


def test_masks_are_left_out_only_where_all_are_white(tmp_path):
    for kind in ("image", "mask"):
        (tmp_path / kind).mkdir()
        for k in range(20):
            Image.new("L", (4, 3), 255).save(tmp_path / kind / f"{k:03d}.png")
    lines: list[str] = []
    assert IDRFiles.of(tmp_path, lines).masks == [] and "white everywhere" in lines[0]
    for k in (0, 19):
        Image.new("L", (4, 3), 255 * (k > 0)).save(tmp_path / "mask" / "000.png")
        Image.new("L", (4, 3), 255 * (k < 19)).save(tmp_path / "mask" / "019.png")
        assert len(IDRFiles.of(tmp_path, []).masks) == 20
