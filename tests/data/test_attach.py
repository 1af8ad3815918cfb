"""Masks and depth maps find their photos by name, and become files where nerfstudio looks for them."""

import json
from pathlib import Path

import numpy as np
import pytest
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from PIL import Image

from s3im_methods.data.attach import SceneFile, attach_depth, attach_masks, check_maps, check_masks
from s3im_methods.data.depth.depth_files import read_map
from s3im_methods.data.files_of_photos import files_by_name, record3d_depth
from s3im_methods.data.masks import read_mask
from s3im_methods.errors import InputError

WIDTH, HEIGHT = 34, 18


@pytest.fixture
def folder(tmp_path) -> Path:
    """A scene of three photos, with copies at a half and a quarter."""
    return make(tmp_path / "scene", [f"images/frame_0000{k}.jpg" for k in (1, 2, 3)])


def make(folder: Path, photos: list[str]) -> Path:
    pose = np.eye(4).tolist()
    frames = []
    for k, photo in enumerate(photos):
        frames.append({"file_path": photo, "transform_matrix": [[1, 0, 0, k], *pose[1:]]})
        for factor in (1, 2, 4):
            place = folder / photo if factor == 1 else folder / f"images_{factor}" / Path(photo).name
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (WIDTH // factor, HEIGHT // factor)).save(place)
    lens = {"w": WIDTH, "h": HEIGHT, "fl_x": 20.0, "fl_y": 20.0, "cx": WIDTH / 2, "cy": HEIGHT / 2}
    (folder / "transforms.json").write_text(json.dumps({**lens, "mine": "é", "frames": frames}), encoding="utf-8")
    return folder


def half_white(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((size[1], size[0]), np.uint8)
    mask[:, : size[0] // 2] = 255
    Image.fromarray(mask).save(path)


def masks_of(folder: Path, files: Path, **settings) -> float:
    scene = SceneFile(folder)
    found = files_by_name(scene, files, "mask", "--masks")
    scene.check_free("masks", found, replace=True)
    check_masks(scene, found, **settings)
    return attach_masks(scene, found, **settings)


@pytest.mark.parametrize("name", ["{}.png", "{}.jpg.png", "{}_mask.png", "{}.MASK.png", "{}.tif"])
def test_masks_are_where_nerfstudio_reads_them_at_every_size(folder, tmp_path, name):
    for k in (1, 2, 3):
        half_white(tmp_path / "mine" / name.format(f"frame_0000{k}"))
    assert masks_of(folder, tmp_path / "mine") == 0.5
    assert json.loads((folder / "transforms.json").read_text("utf-8"))["mine"] == "é"
    for factor in (1, 2, 4):
        config = NerfstudioDataParserConfig(data=folder, downscale_factor=factor, eval_mode="all")
        read = config.setup().get_dataparser_outputs("train")
        assert read.mask_filenames is not None and len(read.mask_filenames) == 3
        for photo, file in zip(read.image_filenames, read.mask_filenames, strict=True):
            mask = read_mask(file)
            assert mask.shape == Image.open(photo).size[::-1] and photo.stem == file.stem
            # White where a pixel's centre is in the left half.
            np.testing.assert_array_equal(mask.mean(0), 2 * (np.arange(mask.shape[1]) + 0.5) < mask.shape[1])


def test_inverted_masks_and_cut_out_photos(folder, tmp_path):
    for k in (1, 2, 3):
        half_white(tmp_path / "black" / f"frame_0000{k}.png")
        photo = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
        photo[:, : WIDTH // 4] = (90, 20, 30, 255)
        (tmp_path / "cut").mkdir(exist_ok=True)
        Image.fromarray(photo).save(tmp_path / "cut" / f"frame_0000{k}.png")
    assert masks_of(folder, tmp_path / "black", invert=True) == 0.5
    assert not read_mask(folder / "masks" / "frame_00001.png")[:, : WIDTH // 2].any()
    assert masks_of(folder, tmp_path / "cut") == pytest.approx((WIDTH // 4) / WIDTH)


def test_masks_that_are_in_the_scene_already_stay_as_they_were_drawn(folder):
    for k in (1, 2, 3):
        half_white(folder / "masks" / f"frame_0000{k}.png")
    drawn = (folder / "masks" / "frame_00002.png").read_bytes()
    assert masks_of(folder, folder / "masks") == 0.5
    assert (folder / "masks" / "frame_00002.png").read_bytes() == drawn
    assert Image.open(folder / "masks_4" / "frame_00002.png").size == (WIDTH // 4, HEIGHT // 4)
    with pytest.raises(InputError, match="--invert would overwrite the masks"):
        masks_of(folder, folder / "masks", invert=True)
    assert (folder / "masks" / "frame_00002.png").read_bytes() == drawn


def test_photos_of_one_name_have_files_in_folders_of_theirs(tmp_path):
    folder = make(tmp_path / "scene", ["images/left/1.png", "images/right/1.png"])
    half_white(tmp_path / "mine" / "left" / "1.png")
    half_white(tmp_path / "mine" / "right" / "1.png")
    masks_of(folder, tmp_path / "mine")
    listed = [frame["mask_path"] for frame in json.loads((folder / "transforms.json").read_text("utf-8"))["frames"]]
    assert listed == ["masks/images_left_1.png", "masks/images_right_1.png"]
    assert all((folder / "masks_2" / Path(name).name).exists() for name in listed)
    half_white(tmp_path / "flat" / "1.png")
    with pytest.raises(InputError, match="would be the mask of 2 photos of one name"):
        masks_of(folder, tmp_path / "flat")


@pytest.mark.parametrize(
    ("photos", "masks"),
    [
        (("images/1.png", "images/1.jpg"), ("1.png.png", "1.jpg.png")),
        (("images/a_b/0.png", "images/a/b/0.png"), ("a_b/0.png", "a/b/0.png")),
        (("images/x.png", "images/X.png"), ("x.png", "X.png")),
    ],
)
def test_no_two_photos_share_a_mask(tmp_path, photos, masks):
    folder = make(tmp_path / "scene", list(photos))
    for value, name in zip((0, 255), masks, strict=True):
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (WIDTH, HEIGHT), value).save(tmp_path / "mine" / name)
    masks_of(folder, tmp_path / "mine")
    listed = [frame["mask_path"] for frame in json.loads((folder / "transforms.json").read_text("utf-8"))["frames"]]
    assert [bool(read_mask(folder / name).all()) for name in listed] == [False, True]


def test_photos_that_leave_one_place_for_two_masks_are_refused(tmp_path):
    names = ["a_b/0", "a/b/0", "images_a_b_0_png_frame_1", "IMAGES_a_b_0_frame_1"]
    folder = make(tmp_path / "scene", [f"images/{name}.png" for name in names])
    for name in names:
        half_white(tmp_path / "mine" / f"{name}.png")
    with pytest.raises(InputError, match=r"would share the file '.*': rename one of these photos"):
        masks_of(folder, tmp_path / "mine")


def test_photos_with_whole_paths_have_masks_in_the_scene(tmp_path):
    photos = [str(tmp_path / "scene" / "images" / side / "1.png") for side in ("left", "right")]
    folder = make(tmp_path / "scene", photos)
    for side in ("left", "right"):
        half_white(tmp_path / "mine" / side / "1.png")
    assert masks_of(folder, tmp_path / "mine") == 0.5
    assert len(list((folder / "masks").iterdir())) == 2


def test_depth_is_copied_as_it_is(folder, tmp_path):
    (tmp_path / "mine").mkdir()
    for k in (1, 2, 3):
        np.save(tmp_path / "mine" / f"frame_0000{k}_depth.npy", np.full((9, 17), k, np.float32))
    scene = SceneFile(folder)
    attach_depth(scene, files_by_name(scene, tmp_path / "mine", "depth", "--depth"))
    for factor in (1, 2):
        config = NerfstudioDataParserConfig(data=folder, downscale_factor=factor, eval_mode="all")
        read = config.setup().get_dataparser_outputs("train")
        depths = [np.load(file)[0, 0] for file in read.metadata["depth_filenames"]]
        assert depths == [1, 2, 3]


def test_depth_of_every_kind_that_is_read_can_be_attached(folder, tmp_path):
    import OpenEXR

    (tmp_path / "mine").mkdir()
    ramp = np.linspace(0.5, 4, 54, dtype=np.float32).reshape(6, 9)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"Z": ramp}).write(str(tmp_path / "mine" / "frame_00001.exr"))
    (tmp_path / "mine" / "frame_00002.pfm").write_bytes(b"Pf\n9 6\n-1.0\n" + ramp[::-1].astype("<f4").tobytes())
    np.savez(tmp_path / "mine" / "frame_00003.npz", ramp)
    scene = SceneFile(folder)
    files = files_by_name(scene, tmp_path / "mine", "depth", "--depth")
    check_maps("depth map", files)
    attach_depth(scene, files)
    listed = [frame["depth_file_path"] for frame in json.loads((folder / "transforms.json").read_text())["frames"]]
    assert all(np.array_equal(read_map(folder / name).values, ramp) for name in listed)
    files[0].write_bytes(files[0].read_bytes()[:200])
    with pytest.raises(InputError, match=r"frame_00001.exr' cannot be read \(it is not a complete EXR file\)"):
        check_maps("depth map", files)


@pytest.mark.parametrize("kept", [(1, 2, 3), (1, 3)])
def test_depth_of_record3d_goes_to_the_frames_that_nerfstudio_took(tmp_path, kept):
    folder = make(tmp_path / "scene", [f"images/frame_0000{k}.jpg" for k in (1, 2, 3)])
    meta = json.loads((folder / "transforms.json").read_text("utf-8"))
    meta["frames"] = [meta["frames"][k - 1] for k in kept]
    (folder / "transforms.json").write_text(json.dumps(meta))
    for kind, ending in (("rgb", "jpg"), ("depth", "exr")):
        (tmp_path / "export" / kind).mkdir(parents=True)
        for index in range(12):
            (tmp_path / "export" / kind / f"{index}.{ending}").touch()
    (tmp_path / "export" / "rgb" / "3(1).jpg").touch()
    # nerfstudio/scripts/process_data.py: np.round(np.linspace(0, num_images - 1, max_dataset_size))
    taken = np.round(np.linspace(0, 11, 3)).astype(int)
    found = record3d_depth(SceneFile(folder), tmp_path / "export")
    assert [int(file.stem) for file in found] == [taken[k - 1] for k in kept]
    (tmp_path / "export" / "depth" / "11.exr").unlink()
    with pytest.raises(InputError, match=r"1 of . depth maps is missing, for instance '.*11.exr'"):
        record3d_depth(SceneFile(folder), tmp_path / "export")
    with pytest.raises(InputError, match="which has no folders rgb and depth"):
        record3d_depth(SceneFile(folder), tmp_path)


def test_record3d_needs_a_scene_of_its_own(tmp_path):
    folder = make(tmp_path / "scene", ["images/IMG_1.jpg", "images/IMG_2.jpg"])
    for kind in ("rgb", "depth"):
        (tmp_path / "export" / kind).mkdir(parents=True)
    with pytest.raises(InputError, match=r"was not made of .* by ns-process-data record3d"):
        record3d_depth(SceneFile(folder), tmp_path / "export")


def test_nothing_is_listed_where_something_is_wrong(folder, tmp_path):
    before = (folder / "transforms.json").read_bytes()
    mine = tmp_path / "mine"
    with pytest.raises(InputError, match=r"--masks is '.*mine', which is no folder"):
        masks_of(folder, mine)
    for k in (1, 2):
        half_white(mine / f"frame_0000{k}.png")
    with pytest.raises(InputError, match=r"1 of 3 photos is without a mask in .* 'images/frame_00003.jpg'"):
        masks_of(folder, mine)
    half_white(mine / "frame_00003.png", (WIDTH // 2, HEIGHT // 2))
    with pytest.raises(InputError, match=r"has 17 x 9 pixels where 'images/frame_00003.jpg' has 34 x 18"):
        masks_of(folder, mine)
    half_white(mine / "frame_00003.png")
    half_white(mine / "frame_00003_mask.png")
    with pytest.raises(InputError, match=r"may be the mask of 'images/frame_00003.jpg': leave one there"):
        masks_of(folder, mine)
    (mine / "frame_00003_mask.png").unlink()
    (mine / "frame_00001.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"The mask '.*frame_00001.png' cannot be read"):
        masks_of(folder, mine)
    scene = SceneFile(folder)
    with pytest.raises(InputError, match=r"The depth map '.*frame_00001.png' cannot be used"):
        check_maps("depth map", files_by_name(scene, mine, "depth", "--depth"))
    assert not (folder / "masks").exists()
    assert (folder / "transforms.json").read_bytes() == before


def test_what_is_there_is_replaced_by_request_only(folder, tmp_path):
    for k in (1, 2, 3):
        half_white(tmp_path / "mine" / f"frame_0000{k}.png")
    scene = SceneFile(folder)
    files = files_by_name(scene, tmp_path / "mine", "mask", "--masks")
    half_white(folder / "masks" / "frame_00003.png")
    with pytest.raises(InputError, match=r"frame_00003.png' exists already: add --replace"):
        scene.check_free("masks", files, replace=False)
    scene.check_free("masks", files, replace=True)
    attach_masks(scene, files)
    with pytest.raises(InputError, match=r"3 of 3 frames in .* have a mask_path already: add --replace"):
        SceneFile(folder).check_free("masks", files, replace=False)
