"""nerfstudio's data manager, with depth from chosen sources and, where asked for, a few training views only."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs

from s3im_methods.console import say, warn
from s3im_methods.data.byte_images import ByteImageDataManager, ByteImageDataManagerConfig
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth.survey import DepthSurvey, survey
from s3im_methods.data.depth_dataset import DepthDataset
from s3im_methods.data.few_views import keep_views
from s3im_methods.errors import InputError


@dataclass
class DepthDataManagerConfig(ByteImageDataManagerConfig):
    """Configuration of the data manager of methods that learn from depth."""

    _target: type = field(default_factory=lambda: DepthDataManager)
    """The class to instantiate."""
    depth: DepthSourceConfig = field(default_factory=DepthSourceConfig)
    """Where depth comes from."""
    train_views: int | None = None
    """Train on this many views only, chosen by their poses to see as different things as possible. The views for
    evaluation stay the same."""


class DepthDataManager(ByteImageDataManager):
    """Loads images with depth, after a look at all depth maps of the training views.

    Args:
        config: The configuration; its data parser may be any, but depth other than the sensor's, and depth of some
            images only, come through ``nerfstudio-data``.
        device: Where the rays live.
        test_mode: "val" for training, "test" for evaluation, "inference" for rendering, when no depth is read.
        world_size: Number of processes that train together.
        local_rank: Number of this process on its machine.
        **kwargs: Passed on.

    Attributes:
        depth_survey: What the training views' depth maps hold; None except in training.

    Raises:
        InputError: If depth is missing or cannot be used.
    """

    config: DepthDataManagerConfig
    train_dataset: DepthDataset
    eval_dataset: DepthDataset

    def __init__(
        self,
        config: DepthDataManagerConfig,
        device: torch.device | str = "cpu",
        test_mode: Literal["test", "val", "inference"] = "val",
        world_size: int = 1,
        local_rank: int = 0,
        **kwargs: Any,
    ) -> None:
        self.depth_survey: DepthSurvey | None = None
        super().__init__(config, device, test_mode, world_size, local_rank, **kwargs)

    def make_dataset(self, outputs: DataparserOutputs, depth: DepthSourceConfig) -> DepthDataset:
        """The dataset of a split.

        Args:
            outputs: The split, as parsed; those of the training split are known already.
            depth: Where its depth comes from.
        """
        return DepthDataset(outputs, self.config.camera_res_scale_factor, depth)

    def create_train_dataset(self) -> DepthDataset:
        """The training views, of which ``train_views`` are kept, with their depth looked at once."""
        if self.config.train_views is not None:
            self.train_dataparser_outputs = keep_views(self.train_dataparser_outputs, self.config.train_views)
        dataset = self._dataset("train")
        if self.test_mode == "val":
            self.depth_survey = survey(dataset.depth_maps, dataset.cameras)
            self.depth_survey.check()
            if self.local_rank == 0:
                first, *warnings = self.depth_survey.lines()
                say(first)
                for line in warnings:
                    warn(line)
        return dataset

    def create_eval_dataset(self) -> DepthDataset:
        """The evaluation views with their depth."""
        dataset = self._dataset(self.test_split)
        self.look_at_files(dataset)
        return dataset

    def _dataset(self, split: str) -> DepthDataset:
        is_train = split == "train"
        outputs = self.train_dataparser_outputs if is_train else self.dataparser.get_dataparser_outputs(split=split)
        if self.test_mode == "inference":
            return self._without_files(outputs)
        dataset = self.make_dataset(outputs, self.config.depth)
        dataset.depth_maps.check_files()
        return dataset

    def _without_files(self, outputs: DataparserOutputs) -> DepthDataset:
        # The metadata stay those of training, by which the model was built; yet where a folder or a point cloud is
        # gone, a run can still be rendered.
        try:
            return self.make_dataset(outputs, self.config.depth)
        except InputError:
            return self.make_dataset(outputs, replace(self.config.depth, source="none"))
