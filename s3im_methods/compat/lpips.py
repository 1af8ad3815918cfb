"""LPIPS without a download.

Every nerfstudio model builds torchmetrics' LPIPS in ``populate_modules``, which downloads AlexNet's weights at once.
Without a network, training fails at its start (nerfstudio issue 2415). The weights also go into every checkpoint. Here
the metric is made on first use, from weights that are already in torch's cache, and is not part of the model's state.
Without weights it is NaN, and one line says so.

nerfstudio's images have colours from 0 to 1. Its surface models do not tell torchmetrics so, which then takes them for
images of half the contrast with colours from -1 to 1. Here the colours of all models are from 0 to 1.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from s3im_methods.console import warn

# Of a smaller image nothing is left before the backbone's last layer, and torch raises an error.
_SMALLEST_SIDE = 32

_announced: set[str] = set()


class CachedLPIPS:
    """Stand-in for torchmetrics' ``LearnedPerceptualImagePatchSimilarity`` that never downloads.

    Args:
        net_type: Backbone, as in torchmetrics; nerfstudio's models use "alex".
        normalize: Whether colours run from 0 to 1, not from -1 to 1 as is torchmetrics' default.
        **kwargs: Handed to torchmetrics' class when it is made.
    """

    def __init__(self, net_type: str = "alex", normalize: bool = True, **kwargs: Any) -> None:
        self.net_type = net_type
        self.kwargs = {"normalize": normalize, **kwargs}
        self._metric: Any = None

    def __call__(self, predicted: Tensor, target: Tensor) -> Tensor:
        """LPIPS of two image batches ``[B, 3, H, W]``, or NaN where the backbone's weights are not at hand or the
        images have fewer than 32 pixels a side."""
        if self._metric is None:
            weights = weights_path(self.net_type)
            if not weights.exists():
                announce(
                    f"LPIPS is unavailable: its weights are not on this machine ({weights.name} in {weights.parent})."
                )
                return predicted.new_tensor(float("nan"))
            from torchmetrics.image import lpip

            self._metric = lpip.LearnedPerceptualImagePatchSimilarity(net_type=self.net_type, **self.kwargs)  # type: ignore[arg-type]
        if min(predicted.shape[-2:]) < _SMALLEST_SIDE:
            announce(f"LPIPS is left out for images of fewer than {_SMALLEST_SIDE} pixels a side.")
            return predicted.new_tensor(float("nan"))
        return self._metric.to(predicted.device)(predicted, target)


def weights_path(net_type: str) -> Path:
    """Where torchvision keeps the backbone's weights once they are downloaded."""
    from torchvision.models import AlexNet_Weights, SqueezeNet1_1_Weights, VGG16_Weights

    weights = {"alex": AlexNet_Weights, "vgg": VGG16_Weights, "squeeze": SqueezeNet1_1_Weights}[net_type]
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.IMAGENET1K_V1.url).name


@contextmanager
def lpips_without_download() -> Iterator[None]:
    """While it is open, models that build torchmetrics' LPIPS get :class:`CachedLPIPS` instead.

    So do plugins whose modules have imported the class by name.
    """
    from torchmetrics.image import lpip

    original = lpip.LearnedPerceptualImagePatchSimilarity
    places = [
        (module, name)
        for module in list(sys.modules.values())
        for name, value in list(getattr(module, "__dict__", {}).items())
        if value is original
    ]
    for module, name in places:
        setattr(module, name, CachedLPIPS)
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, original)


def announce(line: str) -> None:
    """Show a line once.

    Args:
        line: A sentence.
    """
    if line not in _announced:
        _announced.add(line)
        warn(line)
