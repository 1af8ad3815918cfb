"""How much memory a training takes: of the images exactly, of the rest by what the built model has."""

from dataclasses import dataclass

import psutil
import torch
from nerfstudio.cameras.cameras import Cameras
from torch import nn

# A parameter, its gradient and Adam's two moments.
_COPIES = 4
# What a training step of the lite methods holds of a ray: samples, features and their graph; measured on fox.
_BYTES_PER_RAY = 200_000
_WARN_ABOVE = 0.8


@dataclass(frozen=True)
class MemoryEstimate:
    """In bytes.

    Args:
        images: Images, and masks, depth and normals where the method learns from them, as its data manager keeps them.
        model: Parameters, gradients and the optimiser's moments.
        step: What a training step holds of a batch.
        libraries: What this process has with all libraries loaded, before the above.
        free: What the machine has left.
    """

    images: int
    model: int
    step: int
    libraries: int
    free: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.images + self.model + self.step + self.libraries

    def line(self) -> str:
        """The sum and its largest part, in words."""
        parts = {"images": self.images, "model": self.model, "a step's rays": self.step, "libraries": self.libraries}
        each = ", ".join(f"{name} {_gigabytes(size)}" for name, size in parts.items())
        return f"about {_gigabytes(self.total)} of {_gigabytes(self.free)} free ({each})"

    def warnings(self) -> list[str]:
        """A sentence where it may not fit."""
        if self.total - self.libraries <= _WARN_ABOVE * self.free:
            return []
        return [
            f"Training takes {self.line()}: use smaller images (`nerfstudio-data --downscale-factor 2` at the end of "
            "the command), fewer of them, or the -lite variant of the method."
        ]


def estimate_memory(cameras: Cameras, bytes_per_pixel: int, model: nn.Module, rays: int) -> MemoryEstimate:
    """Estimate a training's memory on a CPU.

    Args:
        cameras: Of the training views, in the resolution that they are trained in.
        bytes_per_pixel: Of the image and of what else is loaded with it.
        model: The model, built for training; one that grows has ``bytes_when_grown()`` for its largest parameters in
            training.
        rays: Rays per batch.
    """
    pixels = int((cameras.width.double() * cameras.height.double()).sum())
    parameters = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    grown = getattr(model, "bytes_when_grown", None)
    own = psutil.Process().memory_info().rss
    return MemoryEstimate(
        images=pixels * bytes_per_pixel,
        model=_COPIES * parameters if grown is None else round(grown()),
        step=rays * _BYTES_PER_RAY,
        libraries=max(0, own - parameters),
        free=psutil.virtual_memory().available,
    )


def bytes_per_pixel(shown: dict[str, torch.Tensor]) -> int:
    """What one pixel takes of all that the data set has for each image.

    Args:
        shown: One image's data, as the data manager keeps them.

    Example:
        >>> bytes_per_pixel({"image": torch.zeros(2, 3, 3, dtype=torch.uint8), "depth_image": torch.zeros(2, 3, 1)})
        7
    """
    height, width = shown["image"].shape[:2]
    per_pixel = [v for v in shown.values() if isinstance(v, torch.Tensor) and v.shape[:2] == (height, width)]
    return sum(value.numel() * value.element_size() for value in per_pixel) // (height * width)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 5e7 else f"{size / 1e6:.0f} MB"
