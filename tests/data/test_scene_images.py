"""Images of every kind: colours over what masks leave out, modes that are no colours, masks as a viewer shows them."""

from typing import Any

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from PIL import Image

from s3im_methods.data.look_at_files import look_at_files
from s3im_methods.data.scene_images import SceneImages
from s3im_methods.errors import InputError

MASK = np.array([[255, 0, 140], [0, 100, 255]], dtype=np.uint8)
COLOUR = (1.0, 0.5, 0.0)


def dataset(folder, mode="RGB", colour=None, mask: Any = MASK, scale_factor=1.0, seed=0) -> SceneImages:
    pixels = np.random.default_rng(seed).integers(0, 256, (2, 3, 4), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(folder / ("i.tif" if mode == "CMYK" else "i.png"))
    image = next(folder.glob("i.*"))
    masks = None
    if mask is not None:
        Image.fromarray(mask).save(folder / "m.png")
        masks = [folder / "m.png"]
    cameras = Cameras(torch.eye(4)[None, :3], 5.0, 5.0, 1.5, 1.0, 3, 2)
    metadata = {"mask_color": colour}
    return SceneImages(DataparserOutputs([image], cameras, mask_filenames=masks, metadata=metadata), scale_factor)


def test_masks_are_what_a_viewer_shows(tmp_path):
    assert dataset(tmp_path)[0]["mask"][..., 0].tolist() == [[True, False, True], [False, False, True]]
    assert "mask" not in dataset(tmp_path, mask=None)[0]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("kind", ["float32", "uint8"])
def test_a_colour_over_what_masks_leave_out(tmp_path, mode, kind):
    plain = dataset(tmp_path, mode).get_data(0, kind)["image"]
    painted = dataset(tmp_path, mode, COLOUR).get_data(0, kind)["image"]
    keeps = torch.tensor(MASK >= 128)
    paint = torch.tensor([*COLOUR, 1.0][: plain.shape[-1]])
    expected = paint if kind == "float32" else (paint * 255).round().to(torch.uint8)
    assert painted.dtype == plain.dtype and plain.shape[-1] == (4 if mode == "RGBA" else 3)
    assert torch.equal(painted[keeps], plain[keeps]) and (painted[~keeps] == expected).all()


@pytest.mark.parametrize("mode", ["I;16", "P", "LA", "CMYK", "1", "I"])
def test_pixels_that_are_no_colours_are_refused(tmp_path, mode):
    folder = tmp_path
    if mode == "I;16":
        Image.fromarray(np.zeros((2, 3), dtype=np.uint16)).save(folder / "i.png")
        found = dataset(folder, "RGB")
        Image.fromarray(np.zeros((2, 3), dtype=np.uint16)).save(folder / "i.png")
    elif mode == "CMYK" or mode == "I":
        found = dataset(folder, "RGB")
        path = folder / "i.tif"
        Image.new(mode, (3, 2)).save(path)
        found._dataparser_outputs.image_filenames[0] = path
    else:
        found = dataset(folder, mode)
    with pytest.raises(InputError, match=rf"neither 8-bit grey, RGB nor RGBA \(Pillow's mode {mode}\): convert it"):
        found[0]


@pytest.mark.parametrize("error", [MemoryError(), OSError(5, "Input/output error")])
def test_what_is_wrong_with_the_machine_is_not_called_damage(tmp_path, monkeypatch, error):
    images = dataset(tmp_path)

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr("s3im_methods.data.scene_images.np.array", fail)
    with pytest.raises(type(error)):
        images.get_numpy_image(0)


@pytest.mark.parametrize("scale_factor", [1.0, 0.5])
def test_a_damaged_image_is_named(tmp_path, scale_factor):
    found = dataset(tmp_path, scale_factor=scale_factor)
    path = tmp_path / "i.png"
    whole = path.read_bytes()
    place = whole.index(b"IDAT") + 10
    path.write_bytes(whole[:place] + b"damaged" + whole[place + 7 :])
    with pytest.raises(InputError, match=r"The image '.*i.png' is cut off or damaged: copy or write it again, or drop"):
        found[0]


def test_another_resolution(tmp_path):
    view = dataset(tmp_path, "RGBA", COLOUR, scale_factor=2.0)[0]
    assert view["image"].shape == (4, 6, 4) and view["mask"].shape == (4, 6, 1)
    assert view["mask"][..., 0].tolist() == np.kron(MASK >= 128, np.ones((2, 2))).astype(bool).tolist()


def said(train: SceneImages, ignores_masks=False) -> str:
    folder = train.image_filenames[0].parent / "held_out"
    folder.mkdir(exist_ok=True)
    info, warnings = look_at_files(train, dataset(folder, mask=None, seed=1), ignores_masks)
    return " ".join([*info, *warnings])


def test_what_is_said_of_masks(tmp_path):
    assert said(dataset(tmp_path)).startswith("Masks of 1 image: 50.0% of the pixels are white, so trained on.")
    assert said(dataset(tmp_path, mask=None)) == ""
    assert said(dataset(tmp_path), ignores_masks=True) == ""
    assert "but training samples no pixel there: add --pipeline" in said(dataset(tmp_path, colour=COLOUR))
    assert "samples no pixel there" not in said(dataset(tmp_path, colour=COLOUR), ignores_masks=True)


def test_dark_masks_are_refused_unless_they_are_ignored(tmp_path):
    dark = dataset(tmp_path, mask=MASK // 3)
    with pytest.raises(InputError, match="dark throughout"):
        said(dark)
    assert said(dark, ignores_masks=True) == ""


@pytest.mark.parametrize(("factor", "is_said"), [(2.0, True), (1.0, False), (0.5, False)])
def test_enlarged_images_are_said(tmp_path, factor, is_said):
    assert ("factor 2 enlarges the images" in said(dataset(tmp_path, scale_factor=factor))) is is_said


def test_what_is_said_of_a_transparent_colour(tmp_path):
    images = dataset(tmp_path, mask=None)
    grey: Any = Image.linear_gradient("L").resize((3, 2))
    grey.save(tmp_path / "i.png", transparency=grey.getpixel((0, 0)))
    assert said(images).startswith("1 of 2 images has a transparent colour (tRNS), for instance ")


def test_what_is_said_of_turned_images(tmp_path):
    images = dataset(tmp_path, mask=None)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.linear_gradient("L").resize((3, 2)).convert("RGB").save(tmp_path / "i.png", exif=exif)
    assert said(images).startswith("1 of 2 images has an EXIF orientation that viewers apply and training does not, na")
