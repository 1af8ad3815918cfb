"""The views of a data set in fewer pixels, made when they are read; or those of one scale, where files hold several."""

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor
from torch.utils.data import Dataset

from s3im_methods.data.area_average import area_average, wholly_inside
from s3im_methods.data.depth.fit_size import fit_size
from s3im_methods.data.image_sizes import RADIUS_KEY, scaled_cameras
from s3im_methods.data.wording import names_below, quote
from s3im_methods.errors import InputError

SCALES_KEY = "image_scales"
"""Of a parser's metadata, where its files hold several scales: by how much each image was made smaller."""

SCALES_FLAG, EVAL_SCALES_FLAG = (f"--pipeline.datamanager.{name}" for name in ("scales", "eval-scales"))
_AVERAGED = ("image", "fg_mask")


class ViewsAtScale(Dataset):
    """Some views of a data set, smaller by a whole number; for the rest it is that data set.

    Images and foregrounds are averaged over the pixels' areas. A pixel is in a mask if all of its area is. Depths,
    normals and what else there is of each pixel are those at its centre, since their means belong to no surface.

    Args:
        dataset: Any data set of nerfstudio's kind, with ``get_data``.
        places: Which of its views.
        factor: By how much they are made smaller.
        scale: By how much they are smaller than the scene's largest images.
        flag: The setting that asks for it, for the sentence.

    Attributes:
        places: See above.
        factor: See above.
        scale: See above.
        cameras: Of these views, in this scale.

    Raises:
        InputError: If an image would have no pixel.
    """

    def __init__(self, dataset: Any, places: Sequence[int], factor: int, scale: int, flag: str = SCALES_FLAG) -> None:
        self.places, self.scale = list(places), scale
        self._dataset, self.factor = dataset, factor
        cameras = dataset.cameras[torch.tensor(self.places)]
        shortest = int(torch.minimum(cameras.width, cameras.height).min())
        if shortest < factor:
            raise InputError(f"{flag} {factor} leaves no pixel of images of {shortest} pixels: give smaller numbers.")
        self.cameras: Cameras = scaled_cameras(cameras, 1 / factor)

    def __len__(self) -> int:
        return len(self.places)

    @property
    def is_whole(self) -> bool:
        """Whether these are all views of the data set as they are."""
        return self.factor == 1 and len(self.places) == len(self._dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """What there is of a view, with ``image`` in floats, and its ``scale``."""
        return {**self.get_data(index), "scale": self.scale}

    def get_data(self, image_idx: int, image_type: Literal["uint8", "float32"] = "float32") -> dict[str, Any]:
        """What the data set has of a view, in this scale.

        Args:
            image_idx: Its number among these views.
            image_type: Of ``image``.
        """
        data = self._dataset.get_data(self.places[image_idx], image_type)
        if self.factor > 1:
            whole = data["image"].shape[:2]
            camera = self.cameras[image_idx]
            size = int(camera.height), int(camera.width)
            data = {
                key: self._shrunk(key, value, size)
                if isinstance(value, Tensor) and value.dim() > 1 and value.shape[:2] == whole
                else value
                for key, value in data.items()
            }
        return {**data, "image_idx": image_idx}

    def _shrunk(self, key: str, values: Tensor, size: tuple[int, int]) -> Tensor:
        if key in _AVERAGED:
            return area_average(values, size)
        if key == "mask":
            return wholly_inside(values, size)
        return torch.from_numpy(fit_size(values.numpy(), size, quote(key), "", key))

    @property
    def image_filenames(self) -> list:
        """The views' images, in their own size."""
        names = self._dataset.image_filenames
        return [names[place] for place in self.places]

    def __getattr__(self, name: str) -> Any:
        # A copy is made before it has a dataset.
        if name == "_dataset":
            raise AttributeError(name)
        return getattr(self._dataset, name)


class JoinedViews(Dataset):
    """Views at several scales, one scale after the other; for the rest it is the first of them.

    Args:
        parts: The views at each scale.
    """

    def __init__(self, parts: Sequence[ViewsAtScale]) -> None:
        self._parts = list(parts)
        self._rows = [(part, row) for part in self._parts for row in range(len(part))]
        self.cameras = joined_cameras([part.cameras for part in self._parts])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """What there is of a view, see :class:`ViewsAtScale`."""
        part, row = self._rows[index]
        return part[row]

    @property
    def image_filenames(self) -> list:
        """The views' images, in their own size."""
        return [name for part in self._parts for name in part.image_filenames]

    @property
    def scales(self) -> list[int]:
        """The scale of each view."""
        return [part.scale for part, _ in self._rows]

    def __getattr__(self, name: str) -> Any:
        if name == "_parts":
            raise AttributeError(name)
        return getattr(self._parts[0], name)


def views_at_scales(dataset: Any, scales: Sequence[int], flag: str = SCALES_FLAG) -> list[ViewsAtScale]:
    """The views of a data set at each scale.

    Args:
        dataset: The views as they are.
        scales: By how much to make them smaller. Where the files hold several scales, these are taken.
        flag: The setting that they are from, for the sentences.

    Returns:
        One entry a scale.

    Raises:
        InputError: If the scales are no different whole numbers from 1 on, an image would have no pixel, or the files
            hold several scales and others are asked for.
    """
    if not scales or min(scales) < 1 or len(set(scales)) < len(scales):
        given = " ".join(map(str, scales))
        raise InputError(f"{flag} is '{given}': give different whole numbers from 1 on, such as 1 2 4 8.")
    listed = dataset._dataparser_outputs.metadata.get(SCALES_KEY)
    if listed is None or len(set(listed)) == 1:
        return [ViewsAtScale(dataset, range(len(dataset)), scale, scale, flag) for scale in scales]
    if tuple(scales) != (1,):
        raise InputError(f"The scene's files hold several scales already: leave out {flag}.")
    return [
        ViewsAtScale(dataset, [place for place, own in enumerate(listed) if own == scale], 1, scale)
        for scale in sorted(set(listed))
    ]


def joined_cameras(parts: Sequence[Cameras]) -> Cameras:
    """The cameras of all parts, one part after the other.

    Args:
        parts: Cameras ``[N_k]`` of the same scene, so that all or none have times and distortions.

    Returns:
        ``[sum of N_k]``; of the metadata it has what is a tensor of each camera.
    """
    columns = {
        name: torch.cat([getattr(part, name) for part in parts])
        for name in (each.name for each in fields(parts[0]))
        if isinstance(getattr(parts[0], name), Tensor)
    }
    metadata = {
        key: torch.cat([part.metadata[key] for part in parts])  # type: ignore[index]
        for key, value in (parts[0].metadata or {}).items()
        if key != RADIUS_KEY and isinstance(value, Tensor) and value.shape[:1] == parts[0].shape
    }
    return replace(parts[0], **columns, metadata=metadata or None)


def have_one_size(cameras: Cameras) -> bool:
    """Whether the images of all cameras have the same width and height."""
    return len(cameras.width.unique()) == len(cameras.height.unique()) == 1


def at_scales(manager: Any, dataset: Any) -> Any:
    """Held-out views at all scales at which a data manager judges them.

    Args:
        manager: Of this package or of nerfstudio, which knows no scales.
        dataset: The views as they are.
    """
    return manager.eval_views(dataset) if hasattr(manager, "eval_views") else dataset


def scale_counts(dataset: Any) -> list[int]:
    """How many views of each scale a data set has, in its order.

    Args:
        dataset: With several scales, or of one.
    """
    return (
        [len(list(run)) for _, run in groupby(dataset.scales)] if isinstance(dataset, JoinedViews) else [len(dataset)]
    )


def view_names(dataset: Any) -> list[str]:
    """What to call each view of a data set: its image file and, where there are several scales, its scale.

    Args:
        dataset: With ``image_filenames``.
    """
    names = names_below([Path(name) for name in dataset.image_filenames])
    scales = dataset.scales if isinstance(dataset, JoinedViews) else [1] * len(names)
    return [name if scale == 1 else f"{name} at 1/{scale}" for name, scale in zip(names, scales, strict=True)]


def metrics_of_scale(metrics: dict[str, float], batch: dict[str, Any]) -> dict[str, float]:
    """A view's metrics, and the same again under the name of the view's scale.

    Args:
        metrics: Of the view.
        batch: What there is of it; nothing is added where it has no ``scale``.

    Example:
        >>> metrics_of_scale({"psnr": 30.0}, {"scale": 4})
        {'psnr': 30.0, 'psnr_scale_4': 30.0}
    """
    if "scale" not in batch:
        return metrics
    return {**metrics, **{f"{name}_scale_{int(batch['scale'])}": value for name, value in metrics.items()}}
