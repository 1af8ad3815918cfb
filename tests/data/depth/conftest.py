"""A small exact room, and copies of it in which a test changes what there is of depth."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from PIL import Image

from s3im_methods.data.checked_parser import checked_parser
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth_dataset import DepthDataset
from s3im_methods.scenes import RoomConfig, write_scene

WIDTH, HEIGHT = 48, 36


@dataclass
class Room:
    """A scene's folder and the object that its transforms.json holds."""

    folder: Path
    meta: dict[str, Any]

    @property
    def frames(self) -> list[dict[str, Any]]:
        return self.meta["frames"]

    def save(self) -> None:
        (self.folder / "transforms.json").write_text(json.dumps(self.meta))

    def each(self, change: Callable[[dict[str, Any]], Any]) -> None:
        for frame in self.frames:
            change(frame)
        self.save()

    def exact(self, frame: dict[str, Any]) -> np.ndarray:
        return np.load(self.folder / frame["depth_npy_path"])

    def write(self, name: str, values: np.ndarray) -> str:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".npy":
            np.save(path, values)
        else:
            Image.fromarray(values).save(path)
        return name

    def add_monocular(self, change: Callable[[np.ndarray], np.ndarray], key: str = "mono_depth_file_path") -> None:
        """Give each frame a monocular map, made of its exact depth."""

        def add(frame: dict[str, Any]) -> None:
            name = Path(frame["file_path"]).stem
            frame[key] = self.write(f"mono/{name}.npy", change(self.exact(frame)).astype(np.float32))

        self.each(add)

    def drop(self, key: str = "depth_file_path", first: int = 0) -> None:
        for frame in self.frames[first:]:
            frame.pop(key, None)
        self.save()

    def dataset(self, split: str = "train", scale: float = 1.0, parser: dict | None = None, **depth: Any):
        config = checked_parser(NerfstudioDataParserConfig(data=self.folder, **(parser or {})))
        return DepthDataset(config.setup().get_dataparser_outputs(split), scale, DepthSourceConfig(**depth))


@pytest.fixture(scope="session")
def pristine(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("exact") / "room"
    size: dict[str, Any] = {"width": WIDTH, "height": HEIGHT, "train_views": 6, "test_views": 2}
    return write_scene(RoomConfig(**size, light_samples=4, supersampling=1), out)


@pytest.fixture
def room(pristine, tmp_path) -> Room:
    folder = tmp_path / "room"
    shutil.copytree(pristine, folder)
    return Room(folder, json.loads((folder / "transforms.json").read_text()))
