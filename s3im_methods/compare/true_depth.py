"""Depth metrics of held-out views, where the scene has a sensor's depth: the same for all methods and sources."""

from dataclasses import replace
from typing import Any

import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from s3im_methods.data.depth.listing import list_depth
from s3im_methods.data.depth.nerfstudio_frames import with_frames
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth_dataset import DepthDataset
from s3im_methods.metrics.depth import abs_rel, delta, rmse
from s3im_methods.models.depth_supervision import DepthFacts, measured_depth


class TrueDepth:
    """The sensor's depth of a run's test split, whatever depth the run itself learned from.

    Args:
        manager: The run's data manager.
    """

    def __init__(self, manager: Any) -> None:
        outputs = with_frames(manager.dataparser_config).setup().get_dataparser_outputs(split="test")
        config = replace(getattr(manager.config, "depth", DepthSourceConfig()), source="sensor")
        self._dataset: DepthDataset | None = None
        if "sensor" in list_depth(outputs, config).offers:
            self._dataset = DepthDataset(outputs, manager.config.camera_res_scale_factor, config)

    def metrics(self, index: int, camera: Cameras, rendered: dict[str, Tensor]) -> dict[str, float]:
        """``_abs_rel``, ``_rmse`` in scene units, ``_rmse_metres`` and ``_delta1`` of ``depth`` and ``expected_depth``.

        Args:
            index: Number among the test views.
            camera: Its camera, ``[1]``.
            rendered: The model's outputs, of which these two are used: distances along the ray, ``[H, W, 1]``.

        Returns:
            Nothing where the scene has no depth, the view none that is known, or the model renders none.
        """
        if self._dataset is None:
            return {}
        slopes = camera.generate_rays(camera_indices=0, keep_shape=True).metadata["directions_norm"]
        facts = DepthFacts.of(self._dataset.metadata)
        truth = measured_depth(self._dataset[index], slopes, facts)
        if not bool((torch.isfinite(truth) & (truth > 0)).any()):
            return {}
        metrics = {}
        for name in ("depth", "expected_depth"):
            if name in rendered:
                found = rendered[name].to(truth.device)
                metrics |= {f"{name}_{short}": measure(found, truth).item() for short, measure in _MEASURES.items()}
                if facts.metres_per_unit is not None:
                    metrics[f"{name}_rmse_metres"] = metrics[f"{name}_rmse"] * facts.metres_per_unit
        return metrics


_MEASURES = {"abs_rel": abs_rel, "rmse": rmse, "delta1": delta}
