"""ScanNet's images, depth maps and poses belong together by their numbers."""

import numpy as np
import pytest
from nerfstudio.data.dataparsers.scannet_dataparser import ScanNetDataParserConfig
from PIL import Image

from s3im_methods.data.checked_parser import checked_parser
from s3im_methods.errors import InputError


@pytest.fixture
def scene(tmp_path):
    for name in ("color", "depth", "pose", "intrinsic"):
        (tmp_path / name).mkdir()
    np.savetxt(tmp_path / "intrinsic/intrinsic_color.txt", np.diag([9.0, 9.0, 1.0, 1.0]))
    for number in range(8, 12):
        Image.new("RGB", (8, 6)).save(tmp_path / f"color/{number}.png")
        Image.fromarray(np.ones((6, 8), dtype=np.uint16)).save(tmp_path / f"depth/{number}.png")
        pose = np.eye(4)
        pose[0, 3] = number
        np.savetxt(tmp_path / f"pose/{number}.txt", pose)
    return ScanNetDataParserConfig(data=tmp_path, load_3D_points=False)


def test_files_of_the_same_numbers_are_read(scene):
    names = checked_parser(scene).setup().get_dataparser_outputs("train").image_filenames
    assert [path.name for path in names] == ["8.png", "9.png", "10.png", "11.png"]


@pytest.mark.parametrize(
    ("gone", "there", "without"),
    [("color/9.png", "depth", "color"), ("depth/10.png", "color", "depth"), ("pose/8.txt", "color", "pose")],
)
def test_files_of_other_numbers_are_refused(scene, gone, there, without):
    (scene.data / gone).unlink()
    number = gone.split("/")[1].split(".")[0]
    with pytest.raises(InputError) as error:
        checked_parser(scene).setup().get_dataparser_outputs("train")
    assert str(error.value).startswith(
        f"'{scene.data}/{there}' has more files with number {number} than '{scene.data}/{without}'. scannet-data"
    )


def test_two_images_of_a_number_are_refused(scene):
    Image.new("RGB", (8, 6)).save(scene.data / "color/09.png")
    with pytest.raises(InputError, match=r"/color' has more files with number 9 than .*/depth'"):
        checked_parser(scene).setup().get_dataparser_outputs("train")
