"""A small scene to break one thing in."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from PIL import Image

from s3im_methods.data.checks.scene import check_scene
from s3im_methods.errors import InputError


@dataclass
class Scene:
    """Six images with masks, depth maps (of two kinds) and split lists, for ``nerfstudio-data``."""

    folder: Path
    size: tuple[int, int] = (8, 6)
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.save_all("")
        images = [f"images/{k}.png" for k in range(6)]
        self.meta = {
            **{"fl_x": 9.0, "fl_y": 9, "cx": 4.0, "cy": 3.0, "w": self.size[0], "h": self.size[1], "k1": 0.1},
            **{"train_filenames": images[:4], "val_filenames": images[4:5], "test_filenames": images[4:]},
            "frames": [
                {
                    "file_path": f"images/{k}.png",
                    "mask_path": f"masks/{k}.png",
                    "depth_file_path": "depths/5.npy" if k == 5 else f"depths/{k}.png",
                    "transform_matrix": self.pose(k),
                }
                for k in range(6)
            ],
        }
        self.write()

    @staticmethod
    def pose(x: float, scale: float = 1.0) -> list[list[float]]:
        return [[scale, 0, 0, x], [0, scale, 0, 0.5], [0, 0, scale, 2.0], [0, 0, 0, 1]]

    def config(self, **settings: Any) -> NerfstudioDataParserConfig:
        return NerfstudioDataParserConfig(**{"data": self.folder, **settings})

    def write(self) -> None:
        self.path("transforms.json").write_text(json.dumps(self.meta), encoding="utf-8")

    def path(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def save(self, name: str, mode: str = "RGB", size: tuple[int, int] | None = None) -> None:
        width, height = size or self.size
        noise = np.random.default_rng(0).integers(1, 255, size=(height, width, 4), dtype=np.uint8)
        is_depth = mode == "I;16"
        image = Image.fromarray(noise[..., 0].astype(np.uint16)) if is_depth else Image.fromarray(noise).convert(mode)
        image.save(self.path(name))

    def turn(self, name: str, orientation: int) -> None:
        """Let a file's EXIF data say that it is to be turned."""
        exif = Image.Exif()
        exif[0x0112] = orientation
        with Image.open(self.path(name)) as image:
            image.load()
        image.save(self.path(name), exif=exif)

    def save_all(self, suffix: str, factor: int = 1) -> None:
        size = (self.size[0] // factor, self.size[1] // factor)
        for k in range(6):
            self.save(f"images{suffix}/{k}.png", "RGB", size)
            self.save(f"masks{suffix}/{k}.png", "L", size)
            self.save(f"depths{suffix}/{k}.png", "I;16", size)
        np.save(self.path(f"depths{suffix}/5.npy"), np.ones((3, 4), dtype=np.float32))

    def cut(self, name: str, length: int) -> None:
        self.path(name).write_bytes(self.path(name).read_bytes()[:length])

    def spoil(self, name: str) -> None:
        """Change a PNG's first bytes of pixels."""
        head, pixels = self.path(name).read_bytes().split(b"IDAT", 1)
        self.path(name).write_bytes(head + b"IDAT" + b"damaged" + pixels[7:])

    def unsplit(self) -> None:
        for key in ("train_filenames", "val_filenames", "test_filenames"):
            del self.meta[key]
        self.write()

    def use_jpeg(self, after: bytes = b"") -> None:
        """Make the first image a JPEG, with some bytes after its end."""
        self.save("images/0.jpg")
        self.path("images/0.jpg").write_bytes(self.path("images/0.jpg").read_bytes() + after)
        self.meta["frames"][0]["file_path"] = self.meta["train_filenames"][0] = "images/0.jpg"
        self.write()


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path / "fox")


@pytest.fixture
def large_scene(tmp_path):
    """Images that nerfstudio downscales by itself where it finds copies of half the size."""
    return Scene(tmp_path / "fox", size=(1700, 5))


@pytest.fixture
def refusal(tmp_path):
    """The sentence for a configuration, "{s}" standing for the scene's folder."""

    def refuse(config) -> str:
        with pytest.raises(InputError) as error:
            check_scene(config)
        return str(error.value).replace(str(tmp_path / "fox"), "{s}")

    return refuse


@pytest.fixture
def sdfstudio(tmp_path):
    """Four images of sdfstudio's format, with monocular priors and masks in colour."""
    generator = np.random.default_rng(0)
    frames = []
    for k in range(4):
        pose = np.eye(4)
        turn = np.linalg.qr(generator.normal(size=(3, 3)))[0]
        pose[:3, :3], pose[:3, 3] = turn * np.linalg.det(turn), generator.normal(size=3)
        Image.fromarray(generator.integers(0, 255, (6, 8, 3), dtype=np.uint8)).save(tmp_path / f"{k}_rgb.png")
        np.save(tmp_path / f"{k}_depth.npy", generator.random((6, 8), dtype=np.float32))
        np.save(tmp_path / f"{k}_normal.npy", generator.random((3, 6, 8), dtype=np.float32))
        mask = np.zeros((6, 8, 3), dtype=np.uint8)
        mask[:, k:] = 255
        Image.fromarray(mask).save(tmp_path / f"{k}_mask.png")
        frames.append(
            {
                "rgb_path": f"{k}_rgb.png",
                "camtoworld": pose.tolist(),
                "intrinsics": [[9.0, 0, 4, 0], [0, 9, 3, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
                "mono_depth_path": f"{k}_depth.npy",
                "mono_normal_path": f"{k}_normal.npy",
                "foreground_mask": f"{k}_mask.png",
            }
        )
    box = {"aabb": [[-1, -1, -1], [1, 1, 1]]}
    meta = {"height": 6, "width": 8, "has_mono_prior": True, "scene_box": box, "frames": frames}
    (tmp_path / "meta_data.json").write_text(json.dumps(meta))
    return tmp_path


@pytest.fixture
def real_scene():
    """The folder of one of the scenes that are not in the repository; the test is skipped where it is missing."""

    def find(name: str) -> Path:
        folder = Path(os.environ.get("S3IM_SCENES", Path(__file__).parent / "../../../shared/data")) / name
        if not folder.exists():
            pytest.skip(f"the scene {name} is not on this machine (set S3IM_SCENES to the folder that holds it)")
        return folder

    return find
