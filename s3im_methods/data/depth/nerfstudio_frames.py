"""nerfstudio's parser for ``nerfstudio-data``, which also passes on what transforms.json says about depth.

nerfstudio 1.1.5 refuses a scene in which some images have depth and others have none, and looks for downscaled copies
of the depth maps; here the frames' entries go to our dataset as they are, and the parser does not see them. What it
sees are poses around the origin, whose rotations are rotations, and keys by the names that it knows.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.cameras import CAMERA_MODEL_TO_TYPE, CameraType
from nerfstudio.data.dataparsers import nerfstudio_dataparser as stock
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.utils.io import load_from_json

from s3im_methods.data.checks.colmap_model import has_points, larger_model
from s3im_methods.data.checks.far_away import is_far
from s3im_methods.data.checks.honoured_keys import honoured
from s3im_methods.data.checks.known_keys import unread_lines
from s3im_methods.data.depth.listing import METADATA_KEY, FrameList, gone_points, points_of
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth.units import unit_of
from s3im_methods.data.far_outputs import FarOutputs
from s3im_methods.data.image_sizes import RADIUS_KEY
from s3im_methods.data.nerfstudio_poses import FramePoses, frame_poses
from s3im_methods.data.wording import command_line, quote

_NOTHING_APPLIED = np.eye(4)[:3].tolist()


class NerfstudioFrames(stock.Nerfstudio):
    """Parses as nerfstudio does, with a ``FrameList`` in the metadata in place of ``depth_filenames``.

    Attributes:
        lines: What to tell the user of the file that was parsed last.
    """

    lines: tuple[str, ...] = ()
    _lists_depth: bool = False
    _offset: np.ndarray = np.zeros(3)

    def _generate_dataparser_outputs(self, split: str = "train") -> DataparserOutputs:
        path = self.config.data if self.config.data.suffix == ".json" else self.config.data / "transforms.json"
        with self._prepared(path) as seen:
            outputs = super()._generate_dataparser_outputs(split)
        root, original, shown = path.parent, seen["original"], seen["shown"]
        by_image = {self._get_fname(Path(frame["file_path"]), root): frame for frame in original["frames"]}
        colmap = root / "colmap" / "sparse" / "0"
        # The stock parser adds the transform that it assumes of COLMAP models to the object that it was given.
        to_scene = _undo(outputs.dataparser_transform.numpy(), shown.get("applied_transform"))
        if seen["far"]:
            to_scene = _before(to_scene, self._offset)
            outputs = _far(outputs, to_scene, seen["applied"], float(original.get("applied_scale", 1.0)))
        outputs.metadata[METADATA_KEY] = FrameList(
            source=path,
            frames=[by_image[image] for image in outputs.image_filenames],
            all_frames=original["frames"],
            points=points_of(original, root),
            colmap=colmap if has_points(colmap) else None,
            points_to_scene=to_scene,
            header={key: value for key, value in original.items() if key != "frames"},
        )
        return outputs

    def _load_3D_points(
        self, ply_file_path: Path, transform_matrix: torch.Tensor, scale_factor: float
    ) -> dict[str, torch.Tensor] | None:
        found = super()._load_3D_points(ply_file_path, transform_matrix, scale_factor)
        if found is None or not self._offset.any():
            return found
        import open3d as o3d

        cloud = o3d.io.read_point_cloud(str(ply_file_path))  # pyright: ignore[reportArgumentType]
        points = np.asarray(cloud.points) - self._offset
        near = points @ transform_matrix[:, :3].double().numpy().T + transform_matrix[:, 3].double().numpy()
        return {**found, "points3D_xyz": torch.from_numpy(near * scale_factor).float()}

    @contextmanager
    def _prepared(self, path: Path) -> Iterator[dict[str, Any]]:
        seen: dict[str, Any] = {}

        def load(_: Path) -> dict:
            read = load_from_json(path)
            seen["original"], said = honoured(read, read["frames"], path)
            frames = seen["original"]["frames"]
            poses = frame_poses(frames, path, self.config)
            self._offset = poses.offset
            unread = unread_lines(seen["original"], frames, quote(path), _unread_of(seen["original"]))
            about_files = (*gone_points(read, path), *_larger_model(frames, path))
            self.lines = (*said, *poses.lines, *unread, *about_files, *self._idle_split(read, path))
            seen["shown"], seen["applied"], seen["far"] = self._shown(seen["original"], poses)
            return seen["shown"]

        original, stock.load_from_json = stock.load_from_json, load  # pyright: ignore[reportPrivateImportUsage]
        try:
            yield seen
        finally:
            stock.load_from_json = original  # pyright: ignore[reportPrivateImportUsage]

    def _idle_split(self, meta: dict, path: Path) -> list[str]:
        """A sentence where the file's lists decide in place of settings that were given."""
        usual = stock.NerfstudioDataParserConfig()
        names = ("eval_mode", "eval_interval", "train_split_fraction")
        given = [name for name in names if getattr(self.config, name) != getattr(usual, name)]
        if not given or "train_filenames" not in meta:
            return []
        flags = ", ".join(f"--{name.replace('_', '-')} {getattr(self.config, name)}" for name in given)
        return [
            f"{flags} {'has' if len(given) == 1 else 'have'} no effect, because {quote(path)} lists train_filenames, "
            "val_filenames and test_filenames: take the lists out of it to split in another way."
        ]

    def _shown(self, meta: dict, poses: FramePoses) -> tuple[dict, list, bool]:
        shown = copy.deepcopy(meta)
        # nerfstudio takes depth of all images or of none.
        lists_depth = self._lists_depth and all(frame.get("depth_file_path") for frame in shown["frames"])
        for frame, matrix in zip(shown["frames"], poses.matrices, strict=True):
            if not lists_depth:
                frame.pop("depth_file_path", None)
            frame["transform_matrix"] = matrix
        assumes_colmap = (self.config.data / "colmap/sparse/0").exists()
        applied = shown.get("applied_transform") or (_COLMAP if assumes_colmap else _NOTHING_APPLIED)
        shift = np.array(applied, dtype=np.float64)[:, 3]
        far = bool(poses.offset.any()) or is_far(poses.matrices[:, :3, 3] + shift)
        if far:
            # Multiplied in float32, a long shift would be lost.
            shown["applied_transform"] = _NOTHING_APPLIED
        return shown, applied, far


class FramesWithDepth(NerfstudioFrames):
    """The same for nerfstudio's own data sets, which look for depth maps where nerfstudio's parser lists them."""

    _lists_depth = True

    def _generate_dataparser_outputs(self, split: str = "train") -> DataparserOutputs:
        outputs = super()._generate_dataparser_outputs(split)
        frames: FrameList = outputs.metadata[METADATA_KEY]
        # These data sets know one unit for all maps.
        unit = unit_of(DepthSourceConfig(), self.config.depth_unit_scale_factor, frames.said({}))
        outputs.metadata["depth_unit_scale_factor"] = unit.whole
        return outputs


# What nerfstudio assumes where a COLMAP model lies beside a file that does not say.
_COLMAP = [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, -1, 0]]


def _unread_of(meta: dict[str, Any]) -> dict[str, str]:
    kind = CAMERA_MODEL_TO_TYPE.get(meta.get("camera_model", ""))
    is_cropped = kind in (CameraType.FISHEYE, CameraType.FISHEYE624)
    return {} if is_cropped else {RADIUS_KEY: "only fisheye images are cropped"}


def _larger_model(frames: list[dict], path: Path) -> list[str]:
    """A sentence where ns-process-data took the first of COLMAP's models, and another one has more images."""
    root = path.parent
    larger = larger_model(root / "colmap/sparse/0")
    if larger is None or larger[1] <= len(frames):
        return []
    other, count = larger
    command = command_line(
        [
            *("ns-process-data", "images", "--data", root / "images", "--output-dir", root),
            *("--skip-colmap", "--skip-image-processing", "--colmap-model-path", other.relative_to(root)),
        ]
    )
    return [
        f"{quote(path)} has poses of {len(frames)} images, but the COLMAP model in {quote(other)} has {count}: to "
        f"train on that model, rewrite {quote(path)} with `{command}`."
    ]


def _undo(to_scene: np.ndarray, applied: list | None) -> np.ndarray:
    """The part of a transform ``[3, 4]`` that comes after ``applied``, ``[3, 4]``."""
    if applied is None:
        return to_scene
    return to_scene @ np.linalg.inv(np.vstack([np.asarray(applied, dtype=np.float64), [0, 0, 0, 1]]))


def _before(to_scene: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """A transform ``[3, 4]`` that begins with subtracting an offset, with a rotation that float64 can undo."""
    left, _, right = np.linalg.svd(to_scene[:, :3].astype(np.float64))
    rotation = left @ right
    return np.column_stack([rotation, to_scene[:, 3] - rotation @ offset])


def _far(outputs: DataparserOutputs, to_scene: np.ndarray, applied: list, applied_scale: float) -> FarOutputs:
    own = {field.name: getattr(outputs, field.name) for field in fields(outputs)}
    # dataparser_scale is that of both steps, so that the second one's shift is in units of the first.
    second = np.column_stack([to_scene[:, :3], to_scene[:, 3] / applied_scale])
    first = np.vstack([np.array(applied, dtype=np.float64), [0, 0, 0, 1]])
    return FarOutputs(**{**own, "dataparser_transform": torch.from_numpy(second @ first)})
