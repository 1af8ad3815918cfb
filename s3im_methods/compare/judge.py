"""Judge a trained pipeline on views that it was not trained on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import torch
from nerfstudio.data.utils.dataloaders import FixedIndicesEvalDataloader
from PIL import Image
from torch import Tensor

from s3im_methods.compare.true_depth import TrueDepth
from s3im_methods.data.few_views import spread_evenly
from s3im_methods.data.views_at_scale import at_scales, metrics_of_scale, scale_counts, view_names
from s3im_methods.errors import InputError
from s3im_methods.models.s3im_losses import true_picture

_MOST_PICTURES = 3
_VIEWS_OF_CURVE = 2


@dataclass(frozen=True)
class JudgedView:
    """One held-out view.

    Args:
        index: Its number among the held-out views.
        name: Of its image file.
        metrics: What the model measures of it, as far as it is a number.
        truth: Its image, uint8 ``[H, W, 3]``.
        render: As it was rendered, uint8 ``[H, W, 3]``.
    """

    index: int
    name: str
    metrics: dict[str, float]
    truth: np.ndarray
    render: np.ndarray


class HeldOutViews:
    """The views that ``ns-eval`` would judge, read from the disk one at a time.

    Args:
        pipeline: A pipeline whose data manager makes data sets of splits, as nerfstudio's do.
        most: How many to judge, evenly spread; None for all. Where there are several scales, each is judged at all.

    Attributes:
        indices: Which of the held-out views are judged.
    """

    def __init__(self, pipeline: Any, most: int | None) -> None:
        manager = pipeline.datamanager
        self._model = pipeline.model
        # While training, data managers hold the split "val"; scenes for blender-data have another one for tests.
        manager.test_split = "test"
        dataset = at_scales(manager, manager.create_eval_dataset())
        self._loader = FixedIndicesEvalDataloader(dataset, device=pipeline.device)
        self._depth = TrueDepth(manager)
        self._names = view_names(dataset)
        self.indices = _chosen(scale_counts(dataset), most)

    def judge(self, index: int) -> JudgedView:
        """Render a view and measure it.

        Args:
            index: Number among the held-out views.

        Raises:
            InputError: If what the model renders is not finite.
        """
        camera, batch = self._loader.get_camera(index)
        outputs = self._model.get_outputs_for_camera(camera)
        metrics, _ = self._model.get_image_metrics_and_images(outputs, batch)
        # A model's own are judged by the depth that it learned from, which may be another, or a guess.
        metrics = {name: value for name, value in metrics.items() if not name.startswith(("depth_", "expected_depth_"))}
        metrics = metrics_of_scale({**metrics, **self._depth.metrics(index, camera, outputs)}, batch)
        if not bool(torch.isfinite(outputs["rgb"]).all()):
            raise InputError(f"The render of the view '{self._names[index]}' is not finite: the training went wrong.")
        found = {name: float(value) for name, value in metrics.items() if np.isfinite(float(value))}
        truth = true_picture(self._model, batch["image"])
        return JudgedView(index, self._names[index], found, _pixels(truth), _pixels(outputs["rgb"]))

    @property
    def of_curve(self) -> list[int]:
        """The few of them that are looked at during the training."""
        total = len(self.indices)
        return [self.indices[place] for place in spread_evenly(min(_VIEWS_OF_CURVE, total), total)]

    @property
    def pictured(self) -> set[int]:
        """Which views are kept as pictures: the first, the middle and the last."""
        places = np.linspace(0, len(self.indices) - 1, min(_MOST_PICTURES, len(self.indices)))
        return {self.indices[place] for place in places.round().astype(int)}


def _chosen(counts: list[int], most: int | None) -> list[int]:
    """The same views of each scale, of which there are so many one after the other."""
    chosen, first = [], 0
    for count in counts:
        places = range(count) if most is None or most >= count else spread_evenly(most, count)
        chosen += [first + place for place in places]
        first += count
    return chosen


def mean_metrics(views: list[JudgedView]) -> dict[str, float]:
    """Each metric averaged over the views that have it."""
    names = dict.fromkeys(name for view in views for name in view.metrics)
    return {name: float(np.mean([view.metrics[name] for view in views if name in view.metrics])) for name in names}


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """Write a PNG; whoever reads the folder meanwhile sees no half of it, and several runs may write the same one."""
    staging = path.with_name(f".{uuid4().hex}.{path.name}")
    Image.fromarray(pixels).save(staging, format="PNG")
    staging.replace(path)


def _pixels(image: Tensor) -> np.ndarray:
    values = image.detach().float().cpu()
    return (values.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
