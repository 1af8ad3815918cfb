"""How large COLMAP's models are, as text and binary."""

import numpy as np
import pytest
from nerfstudio.data.utils import colmap_parsing_utils as colmap

from s3im_methods.data.checks.colmap_model import count_images, has_points, larger_model


@pytest.fixture
def write(tmp_path):
    """Writes a model of some images, each of which sees a point in every second image only."""

    def write(name: str, count: int, ending: str):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"cameras{ending}").touch()
        points = [np.zeros((k % 2, 2)) for k in range(count)]
        images = {
            k + 1: colmap.Image(
                id=k + 1,
                qvec=np.array([1.0, 0, 0, 0]),
                tvec=np.zeros(3),
                camera_id=1,
                name=f"{k}.png",
                xys=points[k],
                point3D_ids=np.full(len(points[k]), -1),
            )
            for k in range(count)
        }
        (colmap.write_images_text if ending == ".txt" else colmap.write_images_binary)(
            images, folder / f"images{ending}"
        )
        return folder

    return write


@pytest.mark.parametrize("ending", [".txt", ".bin"])
def test_images_are_counted(write, ending):
    assert count_images(write("0", 5, ending)) == 5


def test_the_text_counts_where_nerfstudio_reads_it(write):
    folder = write("0", 5, ".bin")
    (folder / "cameras.txt").touch()
    (folder / "images.txt").write_text("# none\n")
    assert count_images(folder) == 0


def test_a_damaged_file_counts_nothing(write):
    folder = write("0", 5, ".bin")
    (folder / "images.bin").write_bytes(b"\x05" * 11)
    assert count_images(folder) == 0


def test_the_largest_of_several_is_found(write):
    first = write("0", 3, ".bin")
    assert larger_model(first) is None
    write("1", 3, ".txt")
    assert larger_model(first) is None
    for name, count in (("2", 7), ("10", 8), ("11", 5), ("old", 9)):
        write(name, count, ".bin")
    assert larger_model(first) == (first.with_name("10"), 8)
    assert larger_model(first.with_name("10")) is None and larger_model(first.with_name("old")) is None


POINT = "1 1 2 3 90 90 90 0.5 1 0\n"


@pytest.mark.parametrize(
    ("files", "has"),
    [
        ({}, False),
        ({"points3D.txt": POINT}, False),
        ({"points3D.txt": POINT, "images.bin": ""}, False),
        ({"points3D.txt": "# none\n\n", "images.txt": ""}, False),
        ({"points3D.bin": "\0" * 8, "images.bin": ""}, False),
        ({"points3D.txt": POINT, "images.txt": ""}, True),
        ({"points3D.bin": "\1" + "\0" * 7, "images.bin": ""}, True),
        ({"points3D.bin": "\0" * 8, "images.bin": "", "points3D.txt": POINT, "images.txt": ""}, True),
    ],
)
def test_a_model_with_points(tmp_path, files, has):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert has_points(tmp_path) is has and not has_points(tmp_path / "gone")
