"""nerfstudio's parser for ``colmap``, for models where data sets have them, with or without points.

nerfstudio 1.1.5 looks for a model in ``colmap/sparse/0`` alone, stops at a model without points, and asks on the
terminal where downscaled copies are missing, which nobody may read.
"""

import sys
from copy import copy
from pathlib import Path
from typing import Any

import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.dataparsers.colmap_dataparser import MAX_AUTO_RESOLUTION, ColmapDataParser, ColmapDataParserConfig
from nerfstudio.utils.rich_utils import CONSOLE
from PIL import Image

from s3im_methods.data.checks.colmap_model import find_model, is_model
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError


class ColmapScene(ColmapDataParser):
    """Parses as nerfstudio does.

    Args:
        config: The configuration; it is not changed.

    Attributes:
        lines: What the user should know of the scene.

    Raises:
        InputError: If there is no model.
    """

    lines: tuple[str, ...] = ()

    def __init__(self, config: ColmapDataParserConfig) -> None:
        scene = Path(config.data)
        if scene.is_dir() and not is_model(scene / config.colmap_path):
            found = find_model(scene) if config.colmap_path == ColmapDataParserConfig().colmap_path else None
            if found is None:
                raise InputError(
                    f"{quote(scene / config.colmap_path)} holds no COLMAP model (cameras.bin or cameras.txt): give its "
                    "folder, seen from the scene's, as --colmap-path."
                )
            config = copy(config)
            config.colmap_path = Path(found)
            self.lines = (f"The COLMAP model is read from {quote(scene / found)}.",)
        super().__init__(config)

    def _generate_dataparser_outputs(self, split: str = "train", **kwargs: Any) -> DataparserOutputs:
        try:
            return super()._generate_dataparser_outputs(split, **kwargs)
        except NotImplementedError as error:
            raise InputError(
                f"{quote(self.config.data / self.config.colmap_path)} cannot be read ({str(error).rstrip('!.')}): "
                "straighten the images with `colmap image_undistorter`, and give the folder that it writes."
            ) from error

    def _load_3D_points(
        self, colmap_path: Path, transform_matrix: torch.Tensor, scale_factor: float
    ) -> dict[str, torch.Tensor]:
        files = [path for name in ("points3D.bin", "points3D.txt") if (path := colmap_path / name).is_file()]
        # A model of known poses has none.
        if not files or _is_without_points(files[0]):
            return {}
        return super()._load_3D_points(colmap_path, transform_matrix, scale_factor)

    def _setup_downscale_factor(
        self, image_filenames: list[Path], mask_filenames: list[Path], depth_filenames: list[Path]
    ) -> Any:
        factor = self._downscale_factor or self.config.downscale_factor or _usual_factor(image_filenames[0])
        images = self.config.data / self.config.images_path
        copies = images.with_name(f"{images.name}_{factor}")
        if factor > 1 and not copies.is_dir() and (CONSOLE.quiet or not sys.stdin or not sys.stdin.isatty()):
            raise InputError(
                f"The images are to be downscaled by {factor}, and {quote(copies)} is not there: write the copies "
                "into it, or add `colmap --downscale-factor 1` at the end of the command."
            )
        return super()._setup_downscale_factor(image_filenames, mask_filenames, depth_filenames)


def _usual_factor(image: Path) -> int:
    """nerfstudio's own choice."""
    with Image.open(image) as file:
        longest = max(file.size)
    factor = 1
    while longest / factor > MAX_AUTO_RESOLUTION:
        factor *= 2
    return factor


def _is_without_points(file: Path) -> bool:
    if file.suffix == ".bin":
        # It begins with their number.
        with open(file, "rb") as points:
            return not any(points.read(8))
    with open(file, encoding="utf-8") as lines:
        return all(line.startswith("#") or not line.strip() for line in lines)
