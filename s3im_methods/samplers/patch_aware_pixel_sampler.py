"""nerfstudio's pixel sampler, with real patches in a chosen share of the batch.

What it fixes in nerfstudio 1.1.5, whose samplers

* erode the masks again for every batch (issues 2476 and 3040);
* assert an even number of rays if image sizes differ;
* give every image the same number of rays, whatever its size;
* change the config that training and evaluation share;
* return fewer rays than asked for, with patches (issue 2313).
"""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import tyro
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.pixel_samplers import PixelSampler, PixelSamplerConfig
from nerfstudio.utils import comms
from torch import Tensor

from s3im_methods.data.area_average import wholly_inside
from s3im_methods.data.image_sizes import scaled_cameras
from s3im_methods.data.masks import read_mask
from s3im_methods.errors import InputError
from s3im_methods.randomness import process_seed, step_seed
from s3im_methods.samplers.gather import PerPixel, as_colours, gather_pixels, image_sizes
from s3im_methods.samplers.patches import patch_pixels
from s3im_methods.samplers.pixel_runs import PixelRuns
from s3im_methods.samplers.sampling_tables import build_tables
from s3im_methods.samplers.wide_cameras import rows_even_on_sphere, single_radius

_FLAG = "--pipeline.datamanager.pixel-sampler"


@dataclass
class PatchAwarePixelSamplerConfig(PixelSamplerConfig):
    """Which pixels a batch is made of: patches for a share of it, single pixels of all images for the rest."""

    _target: type = field(default_factory=lambda: PatchAwarePixelSampler)
    """The class to instantiate."""
    patch_share: float = 0.0
    """Share of the batch's rays, from 0 to 1, that come as square patches of neighbouring pixels; it is rounded down to
    whole patches, and all other rays are spread evenly over all valid pixels of all images."""
    patch_size: int = 8
    """Side of a patch, in pixels."""
    seed: int = 0
    """Seed of the pixels that are drawn without the trainer's seed of a step: in evaluation, and in the processes of
    ParallelDataManager."""
    # Hidden from the command line: the datamanager overwrites the first three, and no rejection sampling takes place.
    num_rays_per_batch: tyro.conf.Suppress[int] = 4096
    """Number of rays per batch; the datamanager sets it."""
    is_equirectangular: tyro.conf.Suppress[bool] = False
    """Whether all cameras are equirectangular; the datamanager sets it."""
    fisheye_crop_radius: tyro.conf.Suppress[float | None] = None
    """Radius of the usable circle of fisheye images, in pixels; the datamanager sets it from the scene."""
    rejection_sample_mask: tyro.conf.Suppress[bool] = False
    """Not used: valid pixels come from a table."""
    max_num_iterations: tyro.conf.Suppress[int] = 0
    """Not used: valid pixels come from a table."""


def count_patches(num_rays: int, patch_share: float, patch_size: int) -> int:
    """How many whole patches a batch holds.

    Args:
        num_rays: Rays in the batch.
        patch_share: Share of them that patches may take.
        patch_size: The patch's side, in pixels.

    Example:
        >>> count_patches(4096, 0.25, 8), count_patches(100, 0.29, 1)
        (16, 29)
    """
    # The small number undoes rounding: 0.29 * 100 is 28.999999999999996.
    return math.floor(patch_share * num_rays / patch_size**2 + 1e-9)


@dataclass(frozen=True)
class _Source:
    """The tables of one set of images, and the objects they were built from.

    Holding those objects, instead of their ``id``, makes it impossible for a new mask at a freed address to pass for
    the old one. The images are not held: while nerfstudio loads new ones there would be room for neither.
    """

    image_idx: Any
    mask: PerPixel | None
    sizes: list[tuple[int, int]]
    tables: dict[int, PixelRuns]
    cameras: Tensor

    def is_of(self, image_idx: Any, mask: PerPixel | None, sizes: list[tuple[int, int]]) -> bool:
        return self.image_idx is image_idx and self.mask is mask and self.sizes == sizes


class PatchAwarePixelSampler(PixelSampler):
    """Draws exactly the asked number of rays: patches first, then single pixels.

    The batch begins with ``batch["num_patches"]`` patches of ``batch["patch_size"]`` squared rays each (plain ints, and
    present also where there are no patches), every patch row by row, inside one image and valid throughout. The other
    rays are drawn with replacement and equal probability from all valid pixels of all images, so an image gets rays in
    proportion to its valid pixels. Without a mask, equirectangular images are sampled evenly on the sphere instead, as
    in nerfstudio.

    Pixels are drawn on the CPU, from the sampler's own generator, and ``batch["indices"]`` stays there: nerfstudio
    keeps images and masks in main memory, and where they are on a GPU its own samplers fetch the indices back to the
    CPU, which has to wait for them.

    A mask must not be changed in place: its table is rebuilt when another object takes its place.

    Args:
        config: The settings; they are copied, because nerfstudio's constructor writes to them and training and
            evaluation share them.
        **kwargs: What nerfstudio's datamanagers pass: ``num_rays_per_batch``, ``is_equirectangular``,
            ``fisheye_crop_radius``; they take precedence over the config.

    Raises:
        InputError: If a setting is out of range, the batch is too small for one patch, patches are asked for with
            equirectangular cameras, or fisheye cameras have different crop radii.
    """

    config: PatchAwarePixelSamplerConfig  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, config: PatchAwarePixelSamplerConfig, **kwargs: Any) -> None:
        super().__init__(replace(config), **kwargs)
        self.config.is_equirectangular = bool(self.config.is_equirectangular)
        self.config.fisheye_crop_radius = single_radius(self.config.fisheye_crop_radius)
        _check_settings(self.config)
        self._source: _Source | None = None
        self.reseed(step_seed(self.config.seed, comms.get_rank(), 0, "pixels"))

    def reseed(self, seed: int) -> None:
        """Make what is drawn next a function of ``seed`` alone.

        The copies of the sampler in the processes of ParallelDataManager are not reached by this.
        """
        self._seed = seed
        self._generator = torch.Generator().manual_seed(seed)
        self._process = os.getpid()

    def check(self, outputs: DataparserOutputs, scale_factor: float = 1.0, scale: int = 1) -> None:
        """Refuse images that have nothing to draw from, by file name, before training starts.

        Masks are read from their files, one at a time; images are not read.

        Args:
            outputs: The scene as parsed, for example ``datamanager.train_dataparser_outputs``.
            scale_factor: The datamanager's ``camera_res_scale_factor``.
            scale: By how much images are made smaller after that, one of the datamanager's ``scales``.

        Raises:
            InputError: If an image has no valid pixel, or no room for a patch that is asked for.
        """
        cameras = scaled_cameras(outputs.cameras, scale_factor, outputs.image_filenames)
        whole, sizes = _sizes(cameras), _sizes(scaled_cameras(cameras, 1 / scale))
        masks = None
        if outputs.mask_filenames and not self.config.ignore_mask:
            files = zip(outputs.mask_filenames, whole, sizes, strict=True)
            masks = (wholly_inside(torch.from_numpy(read_mask(file, of))[..., None], size) for file, of, size in files)
        times = scale / scale_factor
        smaller = f", made {times:.3g} times smaller," if times > 1 else ""
        self._build_tables(sizes, masks, [f"'{file}'{smaller}" for file in outputs.image_filenames])

    def collate_image_dataset_batch(
        self, batch: dict[str, Any], num_rays_per_batch: int, keep_full_image: bool = False
    ) -> dict[str, Any]:
        """Draw pixels and fetch everything that the batch of images has for each pixel.

        Args:
            batch: ``image`` (floats in [0, 1], or bytes), ``image_idx`` and what else there is per pixel, each stacked
                as ``[N, H, W, ...]`` or, where sizes differ, listed as ``[H, W, ...]``. What is not per pixel is left
                out.
            num_rays_per_batch: How many rays to draw.
            keep_full_image: Whether to add the images themselves, as they came, as ``full_image``.

        Returns:
            Each per-pixel key as ``[B, ...]``, where B is ``num_rays_per_batch``, colours as floats; ``indices``, that
            is camera, y and x, ``[B, 3]``, int64, on the CPU; ``num_patches`` and ``patch_size``, ints.

        Raises:
            InputError: If an image has no valid pixel, or no room for a patch that is asked for.
        """
        source = self._source_of(batch)
        num_patches = count_patches(num_rays_per_batch, self.config.patch_share, self.config.patch_size)
        indices = self._draw(source, num_rays_per_batch, num_patches)
        pixel_batch: dict[str, Any] = {
            key: gather_pixels(value, indices) for key, value in batch.items() if image_sizes(value) == source.sizes
        }
        pixel_batch["image"] = as_colours(pixel_batch["image"])
        indices[:, 0] = source.cameras[indices[:, 0]]
        pixel_batch |= {"indices": indices, "num_patches": num_patches, "patch_size": self.config.patch_size}
        if keep_full_image:
            pixel_batch["full_image"] = batch["image"]
        return pixel_batch

    collate_image_dataset_batch_list = collate_image_dataset_batch

    def _draw(self, source: _Source, num_rays: int, num_patches: int) -> Tensor:
        if os.getpid() != self._process:
            self.reseed(process_seed(self._seed))
        side = self.config.patch_size
        pixels = source.tables[1].draw(num_rays - num_patches * side**2, self._generator)
        if self.config.is_equirectangular and source.mask is None:
            heights = torch.tensor([height for height, _ in source.sizes])[pixels[:, 0]]
            pixels[:, 1] = rows_even_on_sphere(heights, self._generator)
        if num_patches == 0:
            return pixels
        corners = source.tables[side].draw(num_patches, self._generator)
        return torch.cat((patch_pixels(corners, side), pixels))

    def _source_of(self, batch: dict[str, Any]) -> _Source:
        image_idx, mask = batch["image_idx"], None if self.config.ignore_mask else batch.get("mask")
        sizes = image_sizes(batch["image"])
        assert sizes is not None
        if self._source is None or not self._source.is_of(image_idx, mask, sizes):
            # nerfstudio moves the cameras' numbers to the GPU; looked up there, they would make every step wait for it.
            cameras = torch.as_tensor(image_idx).cpu()
            names = [f"number {camera}" for camera in cameras.tolist()]
            self._source = _Source(image_idx, mask, sizes, self._build_tables(sizes, mask, names), cameras)
        return self._source

    def _build_tables(
        self, sizes: list[tuple[int, int]], masks: Iterable[Tensor] | None, names: list[str]
    ) -> dict[int, PixelRuns]:
        patch_size = self.config.patch_size if self.config.patch_share > 0 else None
        return build_tables(sizes, masks, names, patch_size, self.config.fisheye_crop_radius)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the tables behind: they hold all masks, and the receiving process has masks of its own."""
        return {**self.__dict__, "_source": None}


def _sizes(cameras: Cameras) -> list[tuple[int, int]]:
    """Height and width of each camera's image."""
    return [(int(height), int(width)) for height, width in zip(cameras.height, cameras.width, strict=True)]


def _check_settings(config: PatchAwarePixelSamplerConfig) -> None:
    rays, share, side = config.num_rays_per_batch, config.patch_share, config.patch_size
    if rays < 1:
        raise InputError(
            f"A batch of {rays} rays is empty: set --pipeline.datamanager.train-num-rays-per-batch and "
            "--pipeline.datamanager.eval-num-rays-per-batch to 1 or more."
        )
    if not 0 <= share <= 1:
        raise InputError(f"The patches' share of the batch is {share}: set {_FLAG}.patch-share from 0 to 1.")
    if side < 1:
        raise InputError(f"The patches' side is {side} pixels: set {_FLAG}.patch-size to 1 or more.")
    if share > 0 and config.is_equirectangular:
        raise InputError(
            "Patches of equirectangular cameras are not supported, because their pixels are not square on the sphere: "
            f"set {_FLAG}.patch-share 0."
        )
    if share > 0 and count_patches(rays, share, side) == 0:
        raise InputError(
            f"A share of {share:g} of {rays} rays per batch has no room for a patch of {side} x {side} pixels "
            f"({side**2} rays): raise --pipeline.datamanager.train-num-rays-per-batch (and eval-num-rays-per-batch), "
            f"or {_FLAG}.patch-share, or lower {_FLAG}.patch-size."
        )
