"""``multi-blender``: NeRF's rendered objects at several scales, as mip-NeRF's and mipnerf_pl's converters write them.

A file ``metadata.json`` lists for each split, in columns, every image of every scale: ``file_path``, ``cam2world`` (in
Blender's and nerfstudio's axes), ``width``, ``height``, ``focal`` and ``label``, whose k says that the image was made
smaller by two to the power of k. The weights ``lossmult``, four to the power of k, are not read: equally many rays of
each scale with equal weights have the same expected loss. Neither are ``near`` and ``far``, which methods set (one line
says so where they are not the usual 2 and 6), nor ``pix2cam``, which repeats size and focal length.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.dataparsers.base_dataparser import DataParser, DataParserConfig, DataparserOutputs
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.plugins.registry_dataparser import DataParserSpecification
from nerfstudio.utils.colors import get_color

from s3im_methods.data.views_at_scale import SCALES_KEY
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

# Of each image, and the shape of its entry.
_COLUMNS = {"file_path": (), "cam2world": (4, 4), "width": (), "height": (), "focal": (), "label": ()}
# What all converters write, and what methods assume.
_USUAL_PLANES = {"near": 2.0, "far": 6.0}
# That of blender-data, for cameras at 4 units from the object.
_HALF_BOX = 1.5


@dataclass
class MultiBlenderDataParserConfig(DataParserConfig):
    """Rendered objects at several scales, in the layout of mip-NeRF and mipnerf_pl."""

    _target: type = field(default_factory=lambda: MultiBlenderDataParser)
    """The class to instantiate."""
    data: Path = Path()
    """Folder with metadata.json."""
    scale_factor: float = 1.0
    """By how much to scale the cameras' positions, and the box around the object."""
    alpha_color: Literal["white", "black"] | None = None
    """Colour to blend transparent images with; if not set, methods choose it and learn the images' alpha."""


class MultiBlenderDataParser(DataParser):
    """See the module's docstring.

    Args:
        config: The configuration.

    Attributes:
        lines: What the user should read about the files.
    """

    config: MultiBlenderDataParserConfig
    lines: tuple[str, ...] = ()

    def _generate_dataparser_outputs(self, split: str = "train") -> DataparserOutputs:
        config = self.config
        path = config.data / "metadata.json"
        columns = _read_split(path, split)
        if any(set(columns.get(name) or [usual]) != {usual} for name, usual in _USUAL_PLANES.items()):
            self.lines = (
                f"near and far of {quote(path)} are not read: give --pipeline.model.near-plane and "
                "--pipeline.model.far-plane if they matter.",
            )
        poses = torch.tensor(columns["cam2world"], dtype=torch.float32)[:, :3]
        poses[:, :, 3] *= config.scale_factor
        width, height = (torch.tensor(columns[name], dtype=torch.int64)[:, None] for name in ("width", "height"))
        focal = torch.tensor(columns["focal"], dtype=torch.float32)
        half = _HALF_BOX * config.scale_factor
        return DataparserOutputs(
            image_filenames=[config.data / name for name in columns["file_path"]],
            cameras=Cameras(
                camera_to_worlds=poses,
                fx=focal,
                fy=focal,
                cx=width / 2,
                cy=height / 2,
                width=width,
                height=height,
                camera_type=CameraType.PERSPECTIVE,
            ),
            alpha_color=None if config.alpha_color is None else get_color(config.alpha_color),
            scene_box=SceneBox(aabb=torch.tensor([[-half] * 3, [half] * 3])),
            dataparser_scale=config.scale_factor,
            metadata={SCALES_KEY: [2 ** int(label) for label in columns["label"]]},
        )


def _read_split(path: Path, split: str) -> dict[str, list[Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"The scene folder {quote(path.parent)} holds no metadata.json, which multi-blender reads: convert a scene "
            "with mipnerf_pl's convert_blender_data.py, or use blender-data with --pipeline.datamanager.scales 1 2 4 8."
        ) from None
    except ValueError as error:
        raise InputError(f"{quote(path)} is no JSON ({error}): write it again.") from None
    columns = content.get(split) if isinstance(content, dict) else None
    if not isinstance(columns, dict):
        raise InputError(f"{quote(path)} has no split {quote(split)}: convert the scene again.")
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise InputError(f"The split {quote(split)} of {quote(path)} has no {missing[0]}: convert the scene again.")
    count = len(columns["file_path"])
    for name, shape in _COLUMNS.items():
        _check_column(columns[name], count, shape, f"The column {name} of the split {quote(split)} of {quote(path)}")
    _check_labels(columns, f"the split {quote(split)} of {quote(path)}")
    return columns


def _check_labels(columns: dict[str, list[Any]], where: str) -> None:
    """Refuse images of one pose whose sizes and focal lengths are not what their labels say.

    Without this, rays of the wrong width or direction would be trained silently.
    """
    labels, focal, *sides = (np.array(columns[name], dtype=float) for name in ("label", "focal", "width", "height"))
    poses = np.array(columns["cam2world"]).reshape(len(labels), -1)
    _, first, view = np.unique(poses, axis=0, return_index=True, return_inverse=True)
    # The first image of each pose, with which its others are compared.
    other = first[view.reshape(-1)]
    shrunk = 2.0 ** (labels[other] - labels)
    for name, values in zip(("focal", "width", "height"), (focal, *sides), strict=True):
        # Halving rounds sides to whole pixels.
        slack = 0.02 * np.abs(focal) if name == "focal" else np.maximum(1.0, shrunk)
        wrong = np.flatnonzero(np.abs(values - values[other] * shrunk) > slack).tolist()
        if wrong:
            told = " and ".join(
                f"{values[row]:g} at label {labels[row]:g} ({quote(columns['file_path'][row])})"
                for row in (int(other[wrong[0]]), wrong[0])
            )
            raise InputError(f"Label and {name} disagree in {where}: one pose has {told}. Convert the scene again.")


def _check_column(values: Any, count: int, shape: tuple[int, ...], what: str) -> None:
    kind = str if what.startswith("The column file_path") else (int, float)
    found, fits = np.empty(0), False
    try:
        found = np.array(values)
        fits = found.shape == (count, *shape) and count > 0 and (kind is str) == (found.dtype.kind == "U")
        fits = fits and (kind is str or (found.dtype.kind in "iuf" and bool(np.isfinite(found).all())))
    except ValueError:
        pass
    if not fits:
        each = f"{shape[0]} x {shape[1]} numbers" if shape else "one name" if kind is str else "one number"
        raise InputError(f"{what} does not hold {each} for each of {count} images: convert the scene again.")
    if what.startswith("The column label") and not ((found >= 0) & (found <= 16) & (found == found.round())).all():
        raise InputError(f"{what} does not count how often images were halved: convert the scene again.")


multi_blender = DataParserSpecification(
    config=MultiBlenderDataParserConfig(),
    description="Rendered objects at several scales, as mipnerf_pl converts them.",
)
