"""Files that go with images are found by the path below the images' folder, and what is ambiguous is refused."""

from pathlib import Path

import pytest

from s3im_methods.data.depth.look_up import files_in, names_among, pair_by_path
from s3im_methods.errors import InputError

TWO = ["images/cam0/0000.png", "images/cam1/0000.png"]


def pair(folder: Path, files: list[str], names: list[str]) -> dict[str, str]:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    found = pair_by_path(names, files_in(folder), "depth map", "keep one")
    return {name: Path(path).relative_to(folder).as_posix() for name, path in found.items()}


@pytest.mark.parametrize(
    "files",
    [
        ["cam0/0000.npy", "cam1/0000.npy"],
        ["images/cam0/0000.png", "images/cam1/0000.png"],
        ["cam0_0000.npy", "cam1_0000.exr"],
        ["cam0/0000.NPY", "cam1/0000.png.Npz"],
    ],
)
def test_each_camera_has_its_own(tmp_path, files):
    assert pair(tmp_path, files, TWO) == dict(zip(TWO, files, strict=True))


def test_maps_of_one_camera_do_not_serve_the_other(tmp_path):
    assert pair(tmp_path, ["cam0/0000.npy"], TWO) == {TWO[0]: "cam0/0000.npy"}


@pytest.mark.parametrize("files", [["0000.npy"], ["cam0/0000.npy", "0000.npy"]])
def test_a_flat_file_for_two_cameras_is_refused_with_both(tmp_path, files):
    with pytest.raises(InputError) as refusal:
        pair(tmp_path, files, TWO)
    assert all(name in str(refusal.value) for name in (*TWO, f"{tmp_path}/0000.npy", "keep one"))


def test_a_flat_folder_that_is_unambiguous(tmp_path):
    names = ["images/cam0/0000.png", "images/cam1/0001.png"]
    assert pair(tmp_path, ["0000.npy", "0001.npy"], names) == dict(zip(names, ["0000.npy", "0001.npy"], strict=True))


def test_a_file_belongs_to_the_image_whose_whole_path_it_has(tmp_path):
    assert pair(tmp_path, ["0000.npy"], ["images/0000.png", "images/cam1/0000.png"]) == {"images/0000.png": "0000.npy"}


@pytest.mark.parametrize(
    "files",
    [["0000.npy", "0000.png"], ["0000.png.npy", "0000.npy"], ["0000.npy", "0000.NPY"], ["0000.npy", "0000.tif"]],
)
def test_two_files_for_one_image_are_refused_with_both(tmp_path, files):
    with pytest.raises(InputError) as refusal:
        pair(tmp_path, files, ["images/0000.png"])
    assert all(f"'{tmp_path}/{file}'" in str(refusal.value) for file in files)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("frame.0001.npy", "images/frame.0001.png"),
        ("frame.0001.jpg.npy", "images/frame.0001.jpg"),
        ("IMG_1.npy", "images/img_1.JPG"),
        ("a b.npy", "images/a b.png"),
        ("\u00e9.npy", "images/e\u0301.png"),
        ("e\u0301/1.npy", "images/\u00e9/1.png"),
        ("0000.npy", "../images/0000.png"),
        ("0000.npy", "0000"),
    ],
)
def test_names(tmp_path, file, name):
    assert pair(tmp_path, [file], [name, "images/other/else.png"])[name] == file


def test_letters_in_another_case_count_only_where_nothing_is_exact(tmp_path):
    names = ["images/a.png", "images/A.png"]
    assert pair(tmp_path, ["a.npy", "A.npy"], names) == {"images/a.png": "a.npy", "images/A.png": "A.npy"}


@pytest.mark.parametrize("names", [["images/1.png", "images/1.jpg"], ["images/a/1", "images/a/1.png"]])
def test_images_of_one_stem_share_no_map(tmp_path, names):
    with pytest.raises(InputError, match="could be the depth map of"):
        pair(tmp_path, ["1.npy"], names)


def test_links_are_followed(tmp_path):
    (tmp_path / "real.bin").touch()
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "1.npy").symlink_to(tmp_path / "real.bin")
    assert pair(tmp_path / "maps", [], ["images/1.png"]) == {"images/1.png": "1.npy"}


def test_names_among_names():
    find = names_among(["cam0/1.png", "cam1/1.png", "deep/cam1/2.png"])
    both = ["images/cam0/1.png", "images/cam1/1.png", "images/2.png"]
    assert pair_by_path(both, find, "image", "rename") == {
        "images/cam0/1.png": "cam0/1.png",
        "images/cam1/1.png": "cam1/1.png",
        "images/2.png": "deep/cam1/2.png",
    }
    with pytest.raises(InputError, match=r"Both 'cam0/1.png' and 'cam1/1.png' could be the image of 'images/1.png'"):
        pair_by_path(["images/1.png"], find, "image", "rename")
