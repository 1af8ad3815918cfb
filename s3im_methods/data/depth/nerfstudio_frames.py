"""nerfstudio's parser for ``nerfstudio-data``, which also passes on what transforms.json says about depth.

nerfstudio 1.1.5 refuses a scene in which some images have depth and others have none, and looks for downscaled copies
of the depth maps; here the frames' entries go to our dataset as they are, and the parser does not see them.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from nerfstudio.data.dataparsers import nerfstudio_dataparser as stock
from nerfstudio.data.dataparsers.base_dataparser import DataParserConfig, DataparserOutputs
from nerfstudio.utils.io import load_from_json

from s3im_methods.data.depth.listing import METADATA_KEY, FrameList


class NerfstudioFrames(stock.Nerfstudio):
    """Parses as nerfstudio does, with a ``FrameList`` in the metadata in place of ``depth_filenames``."""

    def _generate_dataparser_outputs(self, split: str = "train") -> DataparserOutputs:
        with _hidden_depth() as seen:
            outputs = super()._generate_dataparser_outputs(split)
        path = self.config.data if self.config.data.suffix == ".json" else self.config.data / "transforms.json"
        root, original, shown = path.parent, seen["original"], seen["shown"]
        by_image = {self._get_fname(Path(frame["file_path"]), root): frame for frame in original["frames"]}
        colmap = root / "colmap" / "sparse" / "0"
        points = root / original["ply_file_path"] if "ply_file_path" in original else None
        outputs.metadata[METADATA_KEY] = FrameList(
            source=path,
            frames=[by_image[image] for image in outputs.image_filenames],
            all_frames=original["frames"],
            points=points if points is not None and points.is_file() else None,
            colmap=colmap if colmap.is_dir() else None,
            # The stock parser adds the transform that it assumes of COLMAP models to the object that it was given.
            points_to_scene=_undo(outputs.dataparser_transform.numpy(), shown.get("applied_transform")),
            header={key: value for key, value in original.items() if key != "frames"},
        )
        return outputs


def with_frames(config: DataParserConfig) -> DataParserConfig:
    """The same configuration, made to pass on the frames' depth entries where it is plain ``nerfstudio-data``.

    Args:
        config: Any data parser's configuration; it is not changed.
    """
    return replace(config, _target=NerfstudioFrames) if config._target is stock.Nerfstudio else config


@contextmanager
def _hidden_depth() -> Iterator[dict[str, Any]]:
    seen: dict[str, Any] = {}

    def load(path: Path) -> dict:
        seen["original"] = load_from_json(path)
        seen["shown"] = copy.deepcopy(seen["original"])
        for frame in seen["shown"]["frames"]:
            frame.pop("depth_file_path", None)
        return seen["shown"]

    original, stock.load_from_json = stock.load_from_json, load  # pyright: ignore[reportPrivateImportUsage]
    try:
        yield seen
    finally:
        stock.load_from_json = original  # pyright: ignore[reportPrivateImportUsage]


def _undo(to_scene: np.ndarray, applied: list | None) -> np.ndarray:
    """The part of a transform ``[3, 4]`` that comes after ``applied``, ``[3, 4]``."""
    if applied is None:
        return to_scene
    return to_scene @ np.linalg.inv(np.vstack([np.asarray(applied, dtype=np.float64), [0, 0, 0, 1]]))
