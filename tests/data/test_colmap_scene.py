"""COLMAP models as data sets have them: elsewhere, without points, of lenses that nobody knows."""

import shutil

import pytest
from nerfstudio.data.dataparsers.colmap_dataparser import ColmapDataParserConfig
from PIL import Image

from s3im_methods.data.checked_parser import read_splits
from s3im_methods.data.checks.folder import find_transforms
from s3im_methods.errors import InputError

FISHEYE_OF_ONE = "OPENCV_FISHEYE 32 24 20 20 16 12 0.1 0.2 0.3 0.9"


@pytest.fixture
def write(tmp_path):
    """Writes a scene with a model of nine images, as text."""

    def write(place: str, camera: str = "PINHOLE 32 24 20 20 16 12", points: str = "") -> ColmapDataParserConfig:
        folder = tmp_path / place
        folder.mkdir(parents=True)
        (tmp_path / "images").mkdir()
        for k in range(9):
            Image.linear_gradient("L").resize((32, 24)).rotate(k).convert("RGB").save(tmp_path / f"images/{k}.png")
        (folder / "cameras.txt").write_text(f"1 {camera}\n")
        (folder / "images.txt").write_text("".join(f"{k + 1} 1 0 0 0 {k} {k % 2} 0 1 {k}.png\n\n" for k in range(9)))
        (folder / "points3D.txt").write_text(f"# points\n{points}")
        return ColmapDataParserConfig(data=tmp_path)

    return write


@pytest.mark.parametrize("place", ["colmap/sparse/0", "sparse/0", "sparse", "colmap"])
def test_a_model_is_found_where_data_sets_have_it(write, tmp_path, place):
    config, lines = write(place), []
    splits = read_splits(config, say=lines.append)
    assert len(splits["train"].image_filenames) == 7
    usual = place == "colmap/sparse/0"
    assert lines == ([] if usual else [f"The COLMAP model is read from '{tmp_path}/{place}'."])
    assert str(config.colmap_path) == "colmap/sparse/0"


def test_a_place_that_was_given_is_not_replaced(write, tmp_path):
    config = write("sparse/0")
    config.colmap_path = tmp_path / "gone"
    with pytest.raises(InputError, match=r"gone' holds no COLMAP model .* as --colmap-path"):
        read_splits(config)


def test_points_are_read_where_there_are_any(write):
    point = "1 1 2 3 90 90 90 0.5 1 0 2 0\n"
    assert read_splits(write("sparse/0", points=point))["train"].metadata["points3D_xyz"].shape == (1, 3)


@pytest.mark.parametrize("model", ["FULL_OPENCV", "THIN_PRISM_FISHEYE"])
def test_lenses_that_are_not_known(write, model):
    with pytest.raises(InputError, match=rf"{model} camera model is not supported yet\): straighten .*undistorter"):
        read_splits(write("sparse/0", f"{model} 32 24 20 20 16 12 0 0 0 0 0 0 0 0"))


def test_all_four_terms_of_a_fisheye_are_read(write, tmp_path):
    config = write("sparse/0", "OPENCV_FISHEYE 32 24 20 20 16 12 0.1 0.2 0.3 0.4\n2 " + FISHEYE_OF_ONE)
    images = tmp_path / "sparse/0/images.txt"
    images.write_text(images.read_text().replace(" 1 4.png", " 2 4.png"))
    for split, outputs in read_splits(config).items():
        lenses = outputs.cameras.distortion_params
        assert lenses is not None
        for path, terms in zip(outputs.image_filenames, lenses.tolist(), strict=True):
            expected = [0.1, 0.2, 0.3, 0.9 if path.stem == "4" else 0.4, 0, 0]
            assert terms == pytest.approx(expected), (split, path.stem)


def test_nobody_is_asked_about_copies(write, tmp_path):
    config = write("sparse/0")
    config.downscale_factor = 2
    with pytest.raises(InputError, match=r"downscaled by 2, and '.*/images_2' is not there"):
        read_splits(config)
    (tmp_path / "images_2").mkdir()
    for k in range(9):
        Image.linear_gradient("L").resize((16, 12)).convert("RGB").save(tmp_path / f"images_2/{k}.png")
    assert int(read_splits(config)["train"].cameras.width[0]) == 16


def test_large_images_are_downscaled_by_themselves(write, tmp_path):
    config = write("sparse/0", "PINHOLE 3200 24 20 20 1600 12")
    Image.new("L", (3201, 24)).save(tmp_path / "images/0.png")
    with pytest.raises(InputError, match="downscaled by 4"):
        read_splits(config)


def test_the_folder_says_what_reads_it(write, tmp_path):
    write("sparse/0")
    with pytest.raises(InputError, match=r"but a COLMAP model in 'sparse/0': add `colmap` at the end"):
        find_transforms(tmp_path)


@pytest.mark.parametrize("place", ["colmap/sparse/0", "sparse/0"])
def test_a_larger_model_is_named_and_not_taken(write, tmp_path, place):
    config = write(place)
    larger = (tmp_path / place).rename((tmp_path / place).with_name("1"))
    shutil.copytree(larger, tmp_path / place)
    images = tmp_path / place / "images.txt"
    images.write_text("".join(images.read_text().splitlines(keepends=True)[:8]))
    lines: list[str] = []
    assert len(read_splits(config, say=lines.append)["train"].image_filenames) == 3
    assert lines[-1] == (
        f"The COLMAP model in '{tmp_path}/{place}' is read and has 4 images, but the one in '{larger}' has 9: to train "
        f"on that one, add `colmap --colmap-path {larger.relative_to(tmp_path)}` at the end of the command."
    )
    config.colmap_path = larger.relative_to(tmp_path)
    lines.clear()
    assert len(read_splits(config, say=lines.append)["train"].image_filenames) == 7
    assert lines == []


def test_a_pose_that_is_no_number_is_named(write, tmp_path):
    config = write("sparse/0")
    images = tmp_path / "sparse/0/images.txt"
    images.write_text(images.read_text().replace("1 0 0 0 3 1 0", "1 0 0 0 nan 1 0"))
    with pytest.raises(InputError) as error:
        read_splits(config)
    assert str(error.value) == (
        f"1 of 9 poses of '{tmp_path}/sparse/0' is unusable, namely that of '{tmp_path}/images/3.png', which holds NaN "
        "or infinity: correct it or drop such views."
    )


def test_names_with_spaces(write, tmp_path):
    config = write("sparse/0")
    for path in (tmp_path / "images").iterdir():
        path.rename(path.with_name(f"my {path.name}"))
    images = tmp_path / "sparse/0/images.txt"
    images.write_text("".join(f"{k + 1} 1 0 0 0 {k} {k % 2} 0 1 my {k}.png\n\n" for k in range(9)))
    names = {path.name for outputs in read_splits(config).values() for path in outputs.image_filenames}
    assert names == {f"my {k}.png" for k in range(9)}
