"""nerfstudio's parser for ``scannet-data``, for scenes whose images, depth maps and poses belong together.

nerfstudio 1.1.5 pairs the three by their order, so that one file too many shifts all that follow.
"""

from collections import Counter
from pathlib import Path

from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.dataparsers.scannet_dataparser import ScanNet

from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError


class ScanNetPairs(ScanNet):
    """Parses as nerfstudio does."""

    def _generate_dataparser_outputs(self, split: str = "train") -> DataparserOutputs:
        folders = [self.config.data / name for name in ("color", "depth", "pose")]
        numbers = [_numbers(folder) for folder in folders]
        for folder, found in zip(folders[1:], numbers[1:], strict=True):
            odd = sorted((found - numbers[0]) + (numbers[0] - found))
            if odd:
                more, fewer = (folder, folders[0]) if found[odd[0]] > numbers[0][odd[0]] else (folders[0], folder)
                raise InputError(
                    f"{quote(more)} has more files with number {odd[0]} than {quote(fewer)}. scannet-data pairs files "
                    "by order: keep the same numbers in color, depth and pose, one file each."
                )
        return super()._generate_dataparser_outputs(split)


def _numbers(folder: Path) -> Counter[int]:
    # As the parser reads names; what is no number stops it.
    return Counter(int(path.name.split(".")[0]) for path in folder.iterdir())
