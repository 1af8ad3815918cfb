"""nerfstudio's data set for neus on a scene of nerfstudio-data."""

from pathlib import Path
from typing import Any

import pytest
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.data.datasets.sdf_dataset import SDFDataset

from s3im_methods.compat.sdf_dataset import read_scenes_without_priors
from s3im_methods.scenes import RoomConfig, write_scene

read_scenes_without_priors()


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    size: dict[str, Any] = {
        "width": 8,
        "height": 6,
        "train_views": 8,
        "test_views": 1,
        "light_samples": 1,
        "supersampling": 1,
    }
    scene = write_scene(RoomConfig(**size), tmp_path_factory.mktemp("scenes") / "room")
    parser = NerfstudioDataParserConfig(data=Path(scene), load_3D_points=False).setup()
    return parser.get_dataparser_outputs("train")


def test_a_scene_without_priors_is_read(outputs):
    data = SDFDataset(outputs)[0]
    assert data["image"].shape == (6, 8, 3) and "normal" not in data and "depth" not in data


def test_what_the_parser_has_stays(outputs):
    outputs.metadata["transform"] = "mine"
    assert SDFDataset(outputs).transform == "mine"


def test_upstream_still_fails(outputs):
    """When this fails the module is no longer needed."""
    for name in ("normal_filenames", "transform", "include_mono_prior", "camera_to_worlds"):
        outputs.metadata.pop(name, None)
    with pytest.raises(KeyError):
        SDFDataset.__init__.__wrapped__(SDFDataset.__new__(SDFDataset), outputs)  # type: ignore[attr-defined]
