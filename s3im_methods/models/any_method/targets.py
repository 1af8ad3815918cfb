"""The names that the config.yml of a run of ``s3im train`` holds; they stay as they are.

To read such a file imports this module, which makes the methods with S3IM known to nerfstudio's commands. It is not
for plugins to import, because nerfstudio does not know its methods yet while it imports them.
"""

import copy
import functools
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nerfstudio.configs.method_configs import all_methods
from nerfstudio.data.datamanagers.parallel_datamanager import ParallelDataManagerConfig
from nerfstudio.data.datasets.depth_dataset import DepthDataset
from nerfstudio.data.datasets.semantic_dataset import SemanticDataset
from nerfstudio.data.pixel_samplers import PixelSampler

from s3im_methods.console import warn
from s3im_methods.data.checked_parser import be_silent, checked_parser
from s3im_methods.engine.pipeline import S3IMPipeline
from s3im_methods.engine.trainer import S3IMTrainer
from s3im_methods.errors import InputError
from s3im_methods.models.any_method.configs import with_s3im
from s3im_methods.models.any_method.methods import SUFFIX, refusal
from s3im_methods.models.any_method.model import of_settings
from s3im_methods.samplers.repeatable_pixels import RepeatablePixelSampler


def trainer(config: Any, **kwargs: Any) -> Any:
    """Build the method's trainer, with what ours adds to it."""
    return _both(S3IMTrainer, config.base_target)(config, **kwargs)


def pipeline(config: Any, **kwargs: Any) -> Any:
    """Build the method's pipeline, with what ours adds to it; the scene is read as methods of this package read it.

    Raises:
        InputError: If the scene lacks the segmentations or the depth maps that the method learns from.
    """
    try:
        with _scene_is_checked(config.datamanager, **kwargs), _pixels_are_repeatable(config.datamanager):
            built = _both(S3IMPipeline, config.base_target)(config, **kwargs)
    except AssertionError as error:
        # A bare assertion of nerfstudio's, in the constructor of its data set.
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        if frame.f_globals["__name__"] != SemanticDataset.__module__:
            raise
        raise InputError(
            "This method learns from segmentations of the images too, and the scene has none: give a scene of "
            "sitcoms3d-data, or train another method."
        ) from error
    cameras = getattr(getattr(built.datamanager, "train_dataset", None), "cameras", None)
    built.model.scene_has_times = getattr(cameras, "times", None) is not None
    return built


def model(config: Any, **kwargs: Any) -> Any:
    """Build the method's model, with S3IM."""
    # Models change their configuration while they are built: dnerf's would not be built from it a second time.
    config = copy.deepcopy(config)
    return of_settings(config.base_target, config.s3im, config.hash_grids)(config, **kwargs)


@contextmanager
def _scene_is_checked(manager: Any, test_mode: str = "val", local_rank: int = 0, **_: Any) -> Iterator[None]:
    """The method's data manager reads the scene by a checked parser."""
    stock = getattr(manager, "dataparser", None)
    if stock is None:
        # Of a method that reads its scene in a way of its own.
        yield
        return
    is_training = test_mode == "val"
    say = warn if is_training and local_rank == 0 else be_silent
    manager.dataparser = checked_parser(stock, test_mode != "inference", say, with_depth=True)
    if not is_training:
        # ns-render dataset builds data managers from this configuration afterwards.
        yield
        return
    try:
        with _depth_is_given():
            yield
    finally:
        # config.yml keeps nerfstudio's own.
        stock.data = manager.dataparser.data
        manager.dataparser = stock


@contextmanager
def _pixels_are_repeatable(manager: Any) -> Iterator[None]:
    """The processes of the method's data manager draw by the run's seed."""
    sampler: Any = getattr(manager, "pixel_sampler", None)
    if not isinstance(manager, ParallelDataManagerConfig) or getattr(sampler, "_target", None) is not PixelSampler:
        yield
        return
    sampler._target = RepeatablePixelSampler
    try:
        yield
    finally:
        # config.yml keeps nerfstudio's own.
        sampler._target = PixelSampler


@contextmanager
def _depth_is_given() -> Iterator[None]:
    """Without depth maps nerfstudio's data set would download a network, and write its guesses into the scene."""
    build = DepthDataset.__init__

    def build_with_depth(self: Any, dataparser_outputs: Any, *args: Any, **kwargs: Any) -> None:
        # What it guessed before lies beside the images.
        guessed = Path(dataparser_outputs.image_filenames[0]).parent / "depths.npy"
        if not dataparser_outputs.metadata.get("depth_filenames") and not guessed.exists():
            raise InputError(
                "This method needs depth maps, but the scene has none: add them by `s3im attach SCENE --depth FOLDER` "
                "and use nerfstudio-data, or train another method."
            )
        build(self, dataparser_outputs, *args, **kwargs)

    DepthDataset.__init__ = build_with_depth
    try:
        yield
    finally:
        DepthDataset.__init__ = build


@functools.cache
def _both(ours: type, base: type) -> type:
    return ours if issubclass(ours, base) else type(f"{base.__name__}WithS3IM", (ours, base), {})


def _register() -> None:
    for name in list(all_methods):
        if refusal(name) is None:
            all_methods[name + SUFFIX] = with_s3im(name)


_register()
