"""A folder of masks that nothing names gets one line."""

import pytest
from nerfstudio.data.dataparsers.colmap_dataparser import ColmapDataParserConfig
from nerfstudio.data.dataparsers.instant_ngp_dataparser import InstantNGPDataParserConfig
from PIL import Image

from s3im_methods.data.checked_parser import read_splits
from s3im_methods.data.wording import command_line


def lines_of(config) -> list[str]:
    lines: list[str] = []
    read_splits(config, say=lines.append)
    return lines


@pytest.mark.parametrize("kind", ["nerfstudio", "instant-ngp"])
@pytest.mark.parametrize("name", ["masks/{}.png", "masks/{}.png.png", "mask/left/{}.jpg"])
def test_masks_that_no_frame_lists(scene, name, kind):
    scene.unsplit()
    for frame in scene.meta["frames"]:
        del frame["mask_path"]
    scene.write()
    split = {"eval_mode": "interval", "eval_interval": 3}
    config = scene.config(**split) if kind == "nerfstudio" else InstantNGPDataParserConfig(data=scene.folder, **split)
    for number in range(6):
        scene.path(f"masks/{number}.png").rename(scene.path(name.format(number)))
    folder = scene.folder / name.split("/")[0]
    assert lines_of(config) == [
        f"The masks in '{folder}' are not used: to use them, run "
        f"`{command_line(['s3im', 'attach', scene.folder, '--masks', folder])}`."
    ]


def test_no_line_where_masks_are_listed_or_belong_to_other_images(scene):
    assert lines_of(scene.config()) == []
    for number, frame in enumerate(scene.meta["frames"]):
        del frame["mask_path"]
        scene.path(f"masks/{number}.png").rename(scene.path(f"masks/other_{number}.png"))
    scene.write()
    assert lines_of(scene.config()) == []


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("{}.png", "add `colmap"),
        ("{}.png.png", "rename them like their images ('1.png' instead of '1.png.png'), and add `colmap"),
    ],
)
def test_masks_beside_a_colmap_model(tmp_path, name, remedy):
    model = tmp_path / "colmap/sparse/0"
    for folder in (model, tmp_path / "images", tmp_path / "masks"):
        folder.mkdir(parents=True)
    (model / "cameras.txt").write_text("1 PINHOLE 32 24 20 20 16 12\n")
    (model / "images.txt").write_text("".join(f"{k + 1} 1 0 0 0 {k} {k % 2} 0 1 {k}.png\n\n" for k in range(9)))
    (model / "points3D.txt").write_text("")
    for number in range(9):
        Image.linear_gradient("L").resize((32, 24)).rotate(number).save(tmp_path / f"images/{number}.png")
        Image.new("L", (32, 24), 255).save(tmp_path / "masks" / name.format(number))
    config = ColmapDataParserConfig(data=tmp_path)
    ending = "--masks-path masks` at the end of the command."
    assert lines_of(config) == [f"The masks in '{tmp_path}/masks' are not used: to use them, {remedy} {ending}"]
    if name == "{}.png":
        config.masks_path = tmp_path / "masks"
        assert lines_of(config) == []
