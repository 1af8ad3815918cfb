"""nerfstudio's image dataset, with sizes by one rule, masks as a viewer shows them, and colours under transparency."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.datasets.base_dataset import InputDataset
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from s3im_methods.data.checks.files import IMAGE_MODES
from s3im_methods.data.foreground import add_alpha
from s3im_methods.data.image_sizes import scaled_cameras
from s3im_methods.data.masks import read_mask
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError


class SceneImages(InputDataset):
    """Images and masks of a split, each of its camera's size.

    Args:
        dataparser_outputs: The split, as parsed.
        scale_factor: Factor of the images' resolution.

    Attributes:
        mask_filenames: The masks, or None.
        paint: The colour (red, green, blue; 0 to 1) that takes the place of what the masks leave out, or None.

    Raises:
        InputError: If the factor is no positive number, or leaves an image without a pixel.
    """

    def __init__(self, dataparser_outputs: DataparserOutputs, scale_factor: float = 1.0) -> None:
        # nerfstudio scales cameras and images by two rules, and takes masks for what is not 0.
        super().__init__(replace(dataparser_outputs, mask_filenames=None), 1.0)
        self.mask_filenames = dataparser_outputs.mask_filenames
        self.paint: Sequence[float] | None = self.mask_color if self.mask_filenames else None
        self.mask_color = None
        self.scale_factor = scale_factor
        self.cameras = scaled_cameras(self.cameras, scale_factor, dataparser_outputs.image_filenames)

    @property
    def listed_masks(self) -> list[Path]:
        """The masks that the split lists, for whatever use."""
        return self.mask_filenames or []

    @property
    def mask_role(self) -> str:
        """What a white pixel of a mask is."""
        return "trained on"

    def colour_warnings(self, ignores_masks: bool) -> list[str]:
        """What of the colours given for masked images has no effect, a sentence each.

        Args:
            ignores_masks: Whether pixels are drawn off the masks too.
        """
        if self.paint is None or ignores_masks:
            return []
        return [
            "--mask-color paints over what the masks leave out, but training samples no pixel there: add "
            "--pipeline.datamanager.pixel-sampler.ignore-mask True to learn that colour."
        ]

    def get_numpy_image(self, image_idx: int) -> NDArray[np.uint8]:
        """The image in its camera's size, ``[H, W, 3 or 4]``, opaque where it has no alpha and others have.

        Args:
            image_idx: Its number in the split.

        Raises:
            InputError: If it cannot be read, or its pixels are of a kind whose numbers are no 8-bit colours.
        """
        size = int(self.cameras.width[image_idx]), int(self.cameras.height[image_idx])
        pixels = _pixels(self.image_filenames[image_idx], size if self.scale_factor != 1.0 else None)
        pixels = pixels[:, :, None].repeat(3, axis=2) if pixels.ndim == 2 else pixels
        return add_alpha(pixels, None) if pixels.shape[-1] == 3 and self._has_alpha else pixels

    @cached_property
    def _has_alpha(self) -> bool:
        """Whether an image of the split has alpha that is kept: then all have it, because batches hold one kind."""
        return self._dataparser_outputs.alpha_color is None and any(map(_is_with_alpha, self.image_filenames))

    def get_data(self, image_idx: int, image_type: Literal["uint8", "float32"] = "float32") -> dict[str, Any]:
        """What there is of an image.

        Args:
            image_idx: Its number in the split.
            image_type: Of ``image``, ``[H, W, 3 or 4]``.

        Returns:
            nerfstudio's keys, and ``mask``, bool ``[H, W, 1]``, where the split has masks.

        Raises:
            InputError: If one of its files cannot be used.
        """
        data = super().get_data(image_idx, image_type)
        if self.mask_filenames:
            height, width = data["image"].shape[:2]
            data["mask"] = torch.from_numpy(read_mask(self.mask_filenames[image_idx], (height, width)))[..., None]
            if self.paint is not None:
                data["image"] = paint_over(data["image"], ~data["mask"], self.paint)
        return data


def _pixels(path: Path, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """``[H, W]`` or ``[H, W, 3 or 4]``, brought to a size if one is given."""
    try:
        with Image.open(path) as file:
            if file.mode not in IMAGE_MODES:
                raise InputError(
                    f"The image {quote(path)} is neither 8-bit grey, RGB nor RGBA (Pillow's mode {file.mode}): convert "
                    "it to 8-bit RGB."
                )
            return np.array(file if size is None else file.resize(size, resample=Image.Resampling.BILINEAR))
    except (InputError, MemoryError):
        raise
    except Exception as error:  # Decoders raise errors of any kind on damaged data.
        if isinstance(error, OSError) and error.errno is not None:
            # The system cannot read it, as on a network drive that is gone.
            raise
        raise InputError(
            f"The image {quote(path)} is cut off or damaged: copy or write it again, or drop its frame."
        ) from error


def _is_with_alpha(path: Path) -> bool:
    # A trained run can be rendered without its images.
    if not path.is_file():
        return False
    with Image.open(path) as file:
        return file.mode == "RGBA"


def paint_over(image: Tensor, where: Tensor, colour: Sequence[float]) -> Tensor:
    """An image with some pixels in one colour, opaque where it has alpha.

    Args:
        image: ``[H, W, 3 or 4]``, floats from 0 to 1, or bytes.
        where: The pixels, ``[H, W, 1]``, bool.
        colour: Red, green and blue, from 0 to 1.

    Example:
        >>> paint_over(torch.zeros(1, 1, 4), torch.ones(1, 1, 1, dtype=torch.bool), (1.0, 0.5, 0.0))
        tensor([[[1.0000, 0.5000, 0.0000, 1.0000]]])
    """
    paint = torch.tensor([*colour, 1.0])[: image.shape[-1]]
    if not image.is_floating_point():
        paint = (paint * 255).round()
    return torch.where(where, paint.to(image), image)
