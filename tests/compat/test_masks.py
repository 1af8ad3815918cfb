"""nerfstudio's own datasets read masks as a viewer shows them."""

import importlib.util

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.data.utils import data_utils
from PIL import Image

from s3im_methods.compat.masks import mask_tensor, read_masks_as_shown


def jpeg(path):
    values = np.zeros((45, 61), dtype=np.uint8)
    values[9:30, 11:40] = 255
    Image.fromarray(values).save(path, quality=60)
    return torch.from_numpy(values > 0)[..., None]


def test_upstream_still_takes_noise_for_the_inside(tmp_path):
    expected = jpeg(tmp_path / "m.jpg")
    # Another copy of the module, because ours is put into the one that nerfstudio uses.
    spec = importlib.util.find_spec(data_utils.__name__)
    assert spec is not None and spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    assert fresh.get_image_mask_tensor_from_path(tmp_path / "m.jpg").sum() > 1.01 * expected.sum()


def test_nerfstudios_dataset_gets_the_same_mask(tmp_path):
    expected = jpeg(tmp_path / "m.jpg")
    Image.new("RGB", (61, 45)).save(tmp_path / "i.png")
    cameras = Cameras(torch.eye(4)[None, :3], 50.0, 50.0, 30.5, 22.5, 61, 45)
    outputs = DataparserOutputs([tmp_path / "i.png"], cameras, mask_filenames=[tmp_path / "m.jpg"])
    read_masks_as_shown()
    assert torch.equal(InputDataset(outputs)[0]["mask"], expected)
    small = InputDataset(outputs, scale_factor=0.5)[0]
    assert small["mask"].shape == (22, 30, 1) and small["image"].shape == (22, 30, 3)


def test_sides_are_rounded_as_nerfstudio_rounds_them(tmp_path):
    Image.new("L", (180, 90), 255).save(tmp_path / "m.png")
    assert mask_tensor(tmp_path / "m.png", 0.7).shape == (62, 125, 1)
