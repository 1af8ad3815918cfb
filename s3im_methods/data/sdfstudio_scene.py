"""What nerfstudio 1.1.5's parser ignores in sdfstudio's scenes: masks (although it has a flag), lens and skew."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from nerfstudio.cameras.cameras import CAMERA_MODEL_TO_TYPE, CameraType
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.dataparsers.sdfstudio_dataparser import SDFStudio
from nerfstudio.utils.io import load_from_json

from s3im_methods.data.checks.skew import skew_lines
from s3im_methods.data.wording import are, quote, some
from s3im_methods.errors import InputError

_KEY = "foreground_mask"
# What frames may list, and what has it read.
_FLAGS = {
    _KEY: "include_foreground_mask",
    "mono_depth_path": "include_mono_prior",
    "mono_normal_path": "include_mono_prior",
}


class SDFStudioScene(SDFStudio):
    """Parses as nerfstudio does, and lists the frames' masks where ``include_foreground_mask`` asks for them.

    Attributes:
        lines: What the file lists that no flag asks for, a flag that has no effect, and what its cameras lose.
    """

    lines: tuple[str, ...] = ()

    def _generate_dataparser_outputs(self, split: str = "train") -> DataparserOutputs:
        outputs = super()._generate_dataparser_outputs(split)
        path = self.config.data / "meta_data.json"
        meta = load_from_json(path)
        frames = meta["frames"]
        self.lines = (*self._not_asked_for(frames, quote(path)), *_unread_lens(meta, path))
        if self.config.include_foreground_mask:
            without = [frame["rgb_path"] for frame in frames if _KEY not in frame]
            if without:
                raise InputError(
                    f"{some(len(without), len(frames), 'frame')} in {quote(path)} {are(len(without))} without {_KEY}, "
                    f"for instance {quote(without[0])}: give it for every frame, or drop --include-foreground-mask."
                )
            by_image = {self.config.data / frame["rgb_path"]: self.config.data / frame[_KEY] for frame in frames}
            outputs.mask_filenames = [by_image[image] for image in outputs.image_filenames]
        return outputs

    def _not_asked_for(self, frames: list[dict], where: str) -> Iterator[str]:
        factor = self.config.downscale_factor
        if factor not in (0, 1):
            yield (
                f"--downscale-factor {factor} has no effect with sdfstudio-data: give "
                f"--pipeline.datamanager.camera-res-scale-factor {1 / factor:g} instead, before sdfstudio-data."
            )
        for flag in dict.fromkeys(_FLAGS.values()):
            keys = [key for key, of in _FLAGS.items() if of == flag and any(frame.get(key) for frame in frames)]
            if keys and not getattr(self.config, flag):
                yield (
                    f"{where} lists {' and '.join(keys)}, which {are(len(keys))} not read: add sdfstudio-data "
                    f"--{flag.replace('_', '-')} True."
                )


def _unread_lens(meta: dict[str, Any], path: Path) -> Iterator[str]:
    """Sentences about what the parser ignores of the cameras."""
    model = meta.get("camera_model") or "OPENCV"
    kind = CAMERA_MODEL_TO_TYPE.get(model) if isinstance(model, str) else None
    if kind != CameraType.PERSPECTIVE:
        yield (
            f"{quote(path)} has camera_model {quote(model)}, but sdfstudio-data treats every camera as a pinhole: "
            "undistort the images, or use `nerfstudio-data` with a transforms.json."
        )
    yield from skew_lines(np.array([frame["intrinsics"] for frame in meta["frames"]], dtype=np.float64), path)
