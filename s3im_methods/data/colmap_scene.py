"""nerfstudio's parser for ``colmap``, for models where data sets have them, with or without points.

nerfstudio 1.1.5 looks for a model in ``colmap/sparse/0`` alone, stops at a model without points, refuses the fourth
term of a fisheye lens, and asks on the terminal where downscaled copies are missing, which nobody may read.
"""

import sys
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.dataparsers.colmap_dataparser import MAX_AUTO_RESOLUTION, ColmapDataParser, ColmapDataParserConfig
from nerfstudio.utils.rich_utils import CONSOLE
from PIL import Image

from s3im_methods.data.checks.colmap_model import count_images, find_model, is_model, is_without_points, larger_model
from s3im_methods.data.wording import are, argument, quote, some, which
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
        is_usual = config.colmap_path == ColmapDataParserConfig().colmap_path
        if scene.is_dir() and not is_model(scene / config.colmap_path):
            found = find_model(scene) if is_usual else None
            if found is None:
                raise InputError(
                    f"{quote(scene / config.colmap_path)} holds no COLMAP model (cameras.bin or cameras.txt): give its "
                    "folder, seen from the scene's, as --colmap-path."
                )
            config = copy(config)
            config.colmap_path = Path(found)
            self.lines = (f"The COLMAP model is read from {quote(scene / found)}.",)
        if is_usual:
            self.lines += _larger(scene, scene / config.colmap_path)
        super().__init__(config)

    def _generate_dataparser_outputs(self, split: str = "train", **kwargs: Any) -> DataparserOutputs:
        try:
            outputs = super()._generate_dataparser_outputs(split, **kwargs)
        except NotImplementedError as error:
            raise InputError(
                f"{quote(self.config.data / self.config.colmap_path)} cannot be read ({str(error).rstrip('!.')}): "
                "straighten the images with `colmap image_undistorter`, and give the folder that it writes."
            ) from error
        if any(self._fourth_terms):
            lens = outputs.cameras.distortion_params
            assert lens is not None
            lens[:, 3] = torch.tensor([self._fourth_terms[index] for index in self._indices]).to(lens)
        return outputs

    def _get_all_images_and_cameras(self, recon_dir: Path) -> dict[str, Any]:
        found = super()._get_all_images_and_cameras(recon_dir)
        self._check_poses(found["frames"], recon_dir)
        is_fisheye = found["camera_model"] == "OPENCV_FISHEYE"
        # nerfstudio refuses this term because it means another thing in COLMAP's OPENCV; of a fisheye it is the same.
        self._fourth_terms = [float(frame.pop("k4", 0.0)) if is_fisheye else 0.0 for frame in found["frames"]]
        return found

    @staticmethod
    def _check_poses(frames: list[dict[str, Any]], model: Path) -> None:
        """Name the image now: after nerfstudio has centred them, all positions are NaN."""
        bad = [frame["file_path"] for frame in frames if not np.isfinite(frame["transform_matrix"]).all()]
        if bad:
            raise InputError(
                f"{some(len(bad), len(frames), 'pose')} of {quote(model)} {are(len(bad))} unusable, "
                f"{which(len(bad))} that of {quote(bad[0])}, which holds NaN or infinity: correct it or drop such "
                "views."
            )

    def _get_image_indices(self, image_filenames: list[Path], split: str) -> Any:
        self._indices = super()._get_image_indices(image_filenames, split)
        return self._indices

    def _load_3D_points(
        self, colmap_path: Path, transform_matrix: torch.Tensor, scale_factor: float
    ) -> dict[str, torch.Tensor]:
        files = [path for name in ("points3D.bin", "points3D.txt") if (path := colmap_path / name).is_file()]
        # A model of known poses has none.
        if not files or is_without_points(files[0]):
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


def _larger(scene: Path, model: Path) -> tuple[str, ...]:
    """A sentence where another model has more images; it is not taken, because trained runs must keep their model."""
    larger = larger_model(model)
    if larger is None:
        return ()
    other, count = larger
    return (
        f"The COLMAP model in {quote(model)} is read and has {count_images(model)} images, but the one in "
        f"{quote(other)} has {count}: to train on that one, add "
        f"`colmap --colmap-path {argument(other.relative_to(scene))}` at the end of the command.",
    )


def _usual_factor(image: Path) -> int:
    """nerfstudio's own choice."""
    with Image.open(image) as file:
        longest = max(file.size)
    factor = 1
    while longest / factor > MAX_AUTO_RESOLUTION:
        factor *= 2
    return factor
