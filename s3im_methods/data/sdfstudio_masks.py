"""The foreground masks of sdfstudio's scenes, which nerfstudio 1.1.5's parser has a switch for but does not read."""

from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.dataparsers.sdfstudio_dataparser import SDFStudio
from nerfstudio.utils.io import load_from_json

from s3im_methods.data.wording import are, quote, some
from s3im_methods.errors import InputError

_KEY = "foreground_mask"


class SDFStudioWithMasks(SDFStudio):
    """Parses as nerfstudio does, and lists the frames' masks where ``include_foreground_mask`` asks for them."""

    def _generate_dataparser_outputs(self, split: str = "train") -> DataparserOutputs:
        outputs = super()._generate_dataparser_outputs(split)
        if self.config.include_foreground_mask:
            path = self.config.data / "meta_data.json"
            frames = load_from_json(path)["frames"]
            without = [frame["rgb_path"] for frame in frames if _KEY not in frame]
            if without:
                raise InputError(
                    f"{some(len(without), len(frames), 'frame')} in {quote(path)} {are(len(without))} without {_KEY}, "
                    f"for instance {quote(without[0])}: give it for every frame, or drop --include-foreground-mask."
                )
            by_image = {self.config.data / frame["rgb_path"]: self.config.data / frame[_KEY] for frame in frames}
            outputs.mask_filenames = [by_image[image] for image in outputs.image_filenames]
        return outputs
