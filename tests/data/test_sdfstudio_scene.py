"""What sdfstudio's cameras say beyond a pinhole is not read, and a line says so."""

import json

import pytest
from nerfstudio.data.dataparsers.sdfstudio_dataparser import SDFStudioDataParserConfig

from s3im_methods.data.checked_parser import read_splits


@pytest.fixture
def said(sdfstudio):
    """The lines about a scene after a change of what its file holds."""

    def said(change) -> list[str]:
        path = sdfstudio / "meta_data.json"
        meta = json.loads(path.read_text())
        change(meta)
        path.write_text(json.dumps(meta))
        lines: list[str] = []
        config = SDFStudioDataParserConfig(data=sdfstudio, include_foreground_mask=True, include_mono_prior=True)
        read_splits(config, say=lines.append)
        return lines

    return said


@pytest.mark.parametrize("model", [None, "OPENCV", "PINHOLE", "SIMPLE_PINHOLE"])
def test_pinholes_are_silent(said, model):
    assert said(lambda meta: meta.update(camera_model=model)) == []


@pytest.mark.parametrize("model", ["OPENCV_FISHEYE", "EQUIRECTANGULAR", "a new one"])
def test_another_camera_model_is_said(said, sdfstudio, model):
    assert said(lambda meta: meta.update(camera_model=model)) == [
        f"'{sdfstudio}/meta_data.json' has camera_model '{model}', but sdfstudio-data treats every camera as a "
        "pinhole: undistort the images, or use `nerfstudio-data` with a transforms.json."
    ]


def test_skew_is_said(said, sdfstudio):
    def change(meta) -> None:
        meta["frames"][1]["intrinsics"][0][1] = 0.45

    assert said(change) == [
        f"1 of 4 cameras of '{sdfstudio}/meta_data.json' has skew (up to 0.05 of the focal length). "
        "nerfstudio's cameras cannot have skew, so it is left out."
    ]
