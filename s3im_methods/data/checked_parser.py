"""The one way from a data parser, whichever it is, to the views of a scene: checked, and with its errors explained."""

import copy
import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from nerfstudio.data.dataparsers.base_dataparser import DataParser, DataParserConfig, DataparserOutputs
from nerfstudio.data.dataparsers.blender_dataparser import Blender
from nerfstudio.data.dataparsers.colmap_dataparser import ColmapDataParser
from nerfstudio.data.dataparsers.dnerf_dataparser import DNeRF
from nerfstudio.data.dataparsers.instant_ngp_dataparser import InstantNGP
from nerfstudio.data.dataparsers.nerfstudio_dataparser import Nerfstudio
from nerfstudio.data.dataparsers.scannet_dataparser import ScanNet
from nerfstudio.data.dataparsers.sdfstudio_dataparser import SDFStudio

from s3im_methods.compat.colmap_names import read_whole_names
from s3im_methods.compat.pca_poses import turn_all_poses
from s3im_methods.console import warn
from s3im_methods.data.checks.outputs import check_cameras, check_files
from s3im_methods.data.checks.parser_errors import explain
from s3im_methods.data.checks.transforms import read_transforms
from s3im_methods.data.checks.unread_lens import unread_lens
from s3im_methods.data.checks.unread_masks import unread_masks
from s3im_methods.data.colmap_scene import ColmapScene
from s3im_methods.data.depth.nerfstudio_frames import FramesWithDepth, NerfstudioFrames
from s3im_methods.data.image_sizes import with_own_sizes
from s3im_methods.data.instant_ngp_frames import InstantNGPFrames
from s3im_methods.data.scannet_pairs import ScanNetPairs
from s3im_methods.data.sdfstudio_scene import SDFStudioScene
from s3im_methods.errors import InputError

# nerfstudio's parsers that keep to themselves what we need, and ours that pass it on.
_OURS = {
    ColmapDataParser: ColmapScene,
    InstantNGP: InstantNGPFrames,
    Nerfstudio: NerfstudioFrames,
    ScanNet: ScanNetPairs,
    SDFStudio: SDFStudioScene,
}


class CheckedParser:
    """A data parser whose outputs are checked; for the rest it is that parser.

    Args:
        config: The parser's configuration.
        target: The class of the parser.
        with_files: Whether images and masks are to be looked at; a trained run can be rendered without them.
        say: Takes the lines that the user should read, each once.
    """

    def __init__(self, config: DataParserConfig, target: Any, with_files: bool, say: Callable[[str], None]) -> None:
        own = {"_with_files": with_files, "_say": say, "_said": set()}
        self.__dict__.update(own, parser=_explained(config, partial(target, config)))

    parser: DataParser

    def get_dataparser_outputs(self, split: str = "train", **kwargs: Any) -> DataparserOutputs:
        """The views of a split, fit for training.

        Args:
            split: "train", "val" or "test".
            **kwargs: Passed on.

        Raises:
            InputError: If the parser cannot read the scene, or what it reads cannot be trained on.
        """
        config = self.parser.config
        scale_factor = float(getattr(config, "scale_factor", 1.0))
        if not 0 < scale_factor < math.inf:
            raise InputError(f"--scale-factor is {scale_factor:g}: give a number above 0.")
        outputs = _explained(config, partial(self.parser.get_dataparser_outputs, split=split, **kwargs))
        source = Path(config.data)
        lines = check_cameras(outputs, split, source)
        if self._with_files:
            check_files(outputs, source, _is_downscaled(self.parser))
            lines += unread_masks(outputs, self.parser, source)
        outputs = with_own_sizes(outputs, self.parser)
        if isinstance(self.parser, Blender | DNeRF):
            path = source / f"transforms_{split}.json"
            lines += unread_lens(read_transforms(path), outputs.cameras, path)
            lines += _box_left_behind(self.parser.config.scale_factor)
        for line in (*getattr(self.parser, "lines", ()), *lines):
            # The same is found in every split, and in some of them in other numbers.
            kind = _COUNTS.sub("", line.split(":")[0])
            if kind not in self._said:
                self._said.add(kind)
                self._say(line)
        return outputs

    def __getattr__(self, name: str) -> Any:
        # A copy is made before it has a parser.
        if name == "parser":
            raise AttributeError(name)
        return getattr(self.parser, name)

    def __setattr__(self, name: str, value: Any) -> None:
        # nerfstudio's data manager sets the downscale factor.
        setattr(self.parser, name, value)


# How many of how many things, which of them, the verb that fits, and other numbers.
_COUNTS = re.compile(r"\d+ of \d+ \w+|'[^']*'|\b(?:is|are|has|have|namely|first)\b|[\d.]+")


def be_silent(line: str) -> None:
    """Show nothing: of a scene whose lines have been said."""


def checked_parser(
    config: DataParserConfig,
    with_files: bool = True,
    say: Callable[[str], None] = warn,
    with_depth: bool = False,
) -> DataParserConfig:
    """The same configuration, whose parser is checked and passes on what nerfstudio's parsers keep to themselves.

    Args:
        config: Any data parser's configuration; it is not changed, and a run's config.yml keeps its class.
        with_files: See :class:`CheckedParser`.
        say: Takes the lines that the user should read.
        with_depth: Whether depth maps are listed as nerfstudio's own data sets look for them.
    """
    turn_all_poses()
    read_whole_names()
    target: Any = config._target
    if isinstance(target, partial) and target.func is CheckedParser:
        target = target.keywords["target"]
    target = _OURS.get(target, target)
    if with_depth and target is NerfstudioFrames:
        target = FramesWithDepth
    result = copy.copy(config)
    result._target = partial(  # type: ignore[assignment]
        CheckedParser, target=target, with_files=with_files, say=say
    )
    return result


def read_splits(
    config: DataParserConfig, with_files: bool = True, say: Callable[[str], None] = warn
) -> dict[str, DataparserOutputs]:
    """The views of all splits of a scene, fit for training.

    Args:
        config: Any data parser's configuration.
        with_files: See :class:`CheckedParser`.
        say: Takes the lines that the user should read.

    Raises:
        InputError: See :meth:`CheckedParser.get_dataparser_outputs`.
    """
    parser = checked_parser(config, with_files, say).setup()
    return {split: parser.get_dataparser_outputs(split=split) for split in ("train", "val", "test")}


def read_again(config: DataParserConfig, split: str) -> DataparserOutputs:
    """A split of a scene that has been looked at: its files are left alone, and nothing is said twice.

    Args:
        config: Any data parser's configuration.
        split: "train", "val" or "test".

    Raises:
        InputError: See :meth:`CheckedParser.get_dataparser_outputs`.
    """
    return checked_parser(config, with_files=False, say=be_silent).setup().get_dataparser_outputs(split=split)


def _explained(config: DataParserConfig, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except InputError:
        raise
    except Exception as error:
        raise explain(error, config) from error


def _box_left_behind(scale_factor: float) -> list[str]:
    """These parsers scale where the cameras stand, and leave the box in which the object lies."""
    if scale_factor == 1:
        return []
    return [
        f"--scale-factor {scale_factor:g} moves the cameras and leaves the scene's box as it is: a method that learns "
        f"in that box, as s3im-tensorf and s3im-dvgo do, needs --pipeline.model.box-scale {scale_factor:g} too."
    ]


def _is_downscaled(parser: DataParser) -> bool:
    # What was chosen comes before what was asked for; parsers keep it under either name.
    chosen = [getattr(parser, name, None) for name in ("downscale_factor", "_downscale_factor")]
    factors = [factor for factor in (*chosen, getattr(parser.config, "downscale_factor", None)) if factor is not None]
    return bool(factors) and factors[0] > 1
