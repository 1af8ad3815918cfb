"""Depth metrics of held-out views, where the scene has a sensor's depth: the same for all methods and sources."""

from dataclasses import replace
from typing import Any

import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from s3im_methods.data.checked_parser import read_again
from s3im_methods.data.depth.listing import list_depth
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth_dataset import DepthDataset
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.views_at_scale import at_scales
from s3im_methods.metrics.depth import depth_metrics
from s3im_methods.models.depth_supervision import measured_depth


class TrueDepth:
    """The sensor's depth of a run's test split, whatever depth the run itself learned from.

    Args:
        manager: The run's data manager.
    """

    def __init__(self, manager: Any) -> None:
        outputs = read_again(manager.dataparser_config, "test")
        config = replace(getattr(manager.config, "depth", DepthSourceConfig()), source="sensor")
        self._dataset: DepthDataset | None = None
        if "sensor" in list_depth(outputs, config).offers:
            self._dataset = at_scales(manager, DepthDataset(outputs, manager.config.camera_res_scale_factor, config))

    def metrics(self, index: int, camera: Cameras, rendered: dict[str, Tensor]) -> dict[str, float]:
        """What :func:`~s3im_methods.metrics.depth.depth_metrics` says of a view.

        Args:
            index: Number among the test views.
            camera: Its camera, ``[1]``.
            rendered: The model's outputs, whose depths are distances along the ray, ``[H, W, 1]``.

        Returns:
            Nothing where the scene has no depth, the view none that is known, or the model renders none.
        """
        if self._dataset is None:
            return {}
        slopes = camera.generate_rays(camera_indices=0, keep_shape=True).metadata["directions_norm"]
        facts = SceneFacts.of(self._dataset.metadata)
        truth = measured_depth(self._dataset[index], slopes)
        if not bool((torch.isfinite(truth) & (truth > 0)).any()):
            return {}
        return depth_metrics(rendered, truth, facts.depth_metres_per_unit)
