"""The foreground masks of sdfstudio's scenes, which nerfstudio 1.1.5's parser has a switch for but does not read."""

from collections.abc import Iterator

from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.dataparsers.sdfstudio_dataparser import SDFStudio
from nerfstudio.utils.io import load_from_json

from s3im_methods.data.wording import are, quote, some
from s3im_methods.errors import InputError

_KEY = "foreground_mask"
# What frames may list, and what has it read.
_FLAGS = {
    _KEY: "include_foreground_mask",
    "mono_depth_path": "include_mono_prior",
    "mono_normal_path": "include_mono_prior",
}


class SDFStudioWithMasks(SDFStudio):
    """Parses as nerfstudio does, and lists the frames' masks where ``include_foreground_mask`` asks for them.

    Attributes:
        lines: What the file lists that no flag asks for.
    """

    lines: tuple[str, ...] = ()

    def _generate_dataparser_outputs(self, split: str = "train") -> DataparserOutputs:
        outputs = super()._generate_dataparser_outputs(split)
        path = self.config.data / "meta_data.json"
        frames = load_from_json(path)["frames"]
        self.lines = tuple(self._not_asked_for(frames, quote(path)))
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
        for flag in dict.fromkeys(_FLAGS.values()):
            keys = [key for key, of in _FLAGS.items() if of == flag and any(frame.get(key) for frame in frames)]
            if keys and not getattr(self.config, flag):
                yield (
                    f"{where} lists {' and '.join(keys)}, which {are(len(keys))} not read: add sdfstudio-data "
                    f"--{flag.replace('_', '-')} True."
                )
