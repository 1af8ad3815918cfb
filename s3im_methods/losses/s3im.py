"""S3IM: Stochastic Structural SIMilarity (Xie et al., "S3IM: Stochastic Structural SIMilarity and Its Unreasonable
Effectiveness for Neural Fields", ICCV 2023).

SSIM of small windows whose pixels are random rays of the batch. A per-ray loss judges every ray alone; this one judges
a ray's error against the contrast of the rays it happens to be grouped with.
"""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from s3im_methods.errors import InputError
from s3im_methods.losses.grouped import grouped_s3im
from s3im_methods.losses.official import official_permutations, official_s3im
from s3im_methods.losses.permutations import random_permutations
from s3im_methods.losses.ssim_patches import patch_ssim

Mode = Literal["grouped", "official", "patch", "both"]
Denominators = Literal["free", "held"]

_FLAG = "--pipeline.model.s3im"


class S3IM(nn.Module):
    """Compute S3IM of a batch of rays: one minus the mean SSIM of random groups of their colours.

    The module draws its own random numbers. It has no parameters, no buffers and no state to save.

    Modes:
        * ``grouped``: every permutation of the batch is cut into groups of ``kernel_size^2`` rays; see
          :func:`~s3im_methods.losses.grouped.grouped_s3im`. Unbiased, for batches of any size.
        * ``official``: the arithmetic of the authors' module, with its image of shuffled rays and its zero padding; see
          :func:`~s3im_methods.losses.official.official_s3im`.
        * ``patch``: plain SSIM inside the real patches that the batch begins with, nothing random; see
          :func:`~s3im_methods.losses.ssim_patches.patch_ssim`.
        * ``both``: the sum of ``grouped`` and ``patch``.

    Args:
        kernel_size: Side of a window, in pixels; a window holds ``kernel_size^2`` rays.
        stride: Step from one window to the next, in pixels. Groups do not overlap, so in modes ``grouped`` and ``both``
            it must be ``kernel_size``.
        repeat_time: How many permutations are averaged, in all modes but ``patch``; more of them make the
            loss less noisy and leave its expectation as it is.
        patch_height: Height of the image of shuffled rays, in pixels; mode ``official`` only.
        patch_width: No effect, because the width follows from the batch. The authors' module has this argument.
        mode: See above.
        seed: Where the random numbers begin, until :meth:`reseed` is called.
        denominators: ``free``: the gradient flows through SSIM's denominators, as in the paper. ``held``: they are
            constants for the gradient. See :mod:`~s3im_methods.losses.ssim`.

    Raises:
        InputError: If a size is below 1, the mode or the denominators are unknown, the stride does not suit the mode,
            or the image of shuffled rays is lower than a window.

    Example:
        >>> y = torch.rand(4096, 3)
        >>> S3IM()(y, y).item()
        0.0
    """

    def __init__(
        self,
        kernel_size: int = 4,
        stride: int = 4,
        repeat_time: int = 10,
        patch_height: int = 64,
        patch_width: int = 64,
        mode: Mode = "grouped",
        seed: int = 0,
        denominators: Denominators = "free",
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride
        self.repeat_time = repeat_time
        self.patch_height = patch_height
        self.patch_width = patch_width
        self.mode = mode
        self.denominators = denominators
        self._check_settings()
        self._generators: dict[torch.device, torch.Generator] = {}
        self._seed = seed

    def _check_settings(self) -> None:
        for name in ("kernel_size", "stride", "repeat_time", "patch_height", "patch_width"):
            if getattr(self, name) < 1:
                flag = f"{_FLAG}.{name.replace('_', '-')}"
                raise InputError(f"S3IM's {name} ({flag}) is {getattr(self, name)}: give at least 1.")
        if self.mode not in get_args(Mode):
            raise InputError(f"S3IM has no mode {self.mode!r} ({_FLAG}.mode): give one of {', '.join(get_args(Mode))}.")
        if self.denominators not in get_args(Denominators):
            raise InputError(
                f"S3IM's denominators ({_FLAG}.denominators) are {self.denominators!r}: give free or held."
            )
        if self.mode in ("grouped", "both") and self.stride != self.kernel_size:
            raise InputError(
                f"In S3IM's mode '{self.mode}' windows do not overlap, but stride ({_FLAG}.stride) is {self.stride} "
                f"and kernel_size ({_FLAG}.kernel-size) is {self.kernel_size}: give both the same value, or another "
                "mode."
            )
        if self.mode == "official" and self.patch_height + 2 * ((self.kernel_size - 1) // 2) < self.kernel_size:
            raise InputError(
                f"S3IM's patch_height ({_FLAG}.patch-height) is {self.patch_height}, too low for a window of "
                f"kernel_size ({_FLAG}.kernel-size) {self.kernel_size}: give at least {self.kernel_size}."
            )

    def reseed(self, seed: int) -> None:
        """Make the permutations of the following calls a function of ``seed`` alone (and of the kind of device)."""
        self._seed = seed
        for generator in self._generators.values():
            generator.manual_seed(seed)

    def _generator(self, device: torch.device) -> torch.Generator:
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return self._generators[device]

    def forward(
        self,
        src_vec: Tensor,
        tar_vec: Tensor,
        mask: Tensor | None = None,
        num_patches: int = 0,
        patch_size: int = 0,
    ) -> Tensor:
        """The loss of one batch, with a fresh set of permutations; computed in float32, under autocast too.

        The host never waits for a GPU, but for mode ``official`` where a mask is given.

        Args:
            src_vec: Predicted colours, ``[B, C]``, of any floating-point type; float64 is computed in float64. S3IM's
                constants suppose colours in [0, 1].
            tar_vec: Their targets, ``[B, C]``, on the same device.
            mask: ``[B]`` or ``[B, 1]``, bool: the rays that count. What the others hold, NaN included, has no effect.
            num_patches: Modes ``patch`` and ``both``: how many real patches the batch begins with.
            patch_size: Modes ``patch`` and ``both``: their side, in pixels.

        Returns:
            A scalar in [0, 2), in mode ``both`` in [0, 4); 0 where the batch is too small for a window.

        Raises:
            InputError: If shapes, types or devices do not match, or mode ``patch`` or ``both`` gets no patch that holds
                a window.
        """
        _check_batch(src_vec, tar_vec, mask)
        dtype = torch.float64 if src_vec.dtype == torch.float64 else torch.float32
        valid = None if mask is None else mask.reshape(-1)
        with torch.autocast(src_vec.device.type, enabled=False):
            return self._loss(src_vec.to(dtype), tar_vec.to(dtype), valid, num_patches, patch_size)

    def _loss(self, x: Tensor, y: Tensor, valid: Tensor | None, num_patches: int, patch_size: int) -> Tensor:
        held = self.denominators == "held"
        if self.mode == "patch":
            return patch_ssim(x, y, num_patches, patch_size, self.kernel_size, self.stride, valid, held)
        generator = self._generator(x.device)
        if self.mode in ("grouped", "both"):
            permutations = random_permutations(self.repeat_time, len(x), generator)
            loss = grouped_s3im(x, y, permutations, self.kernel_size, valid, held=held)
            if self.mode == "both":
                loss = loss + patch_ssim(x, y, num_patches, patch_size, self.kernel_size, self.stride, valid, held)
            return loss
        if valid is not None:
            x, y = x[valid], y[valid]
        permutations = official_permutations(self.repeat_time, len(x), generator)
        return official_s3im(x, y, permutations, self.kernel_size, self.stride, self.patch_height, held)

    def extra_repr(self) -> str:
        """The settings, for ``print``."""
        return (
            f"mode={self.mode!r}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"repeat_time={self.repeat_time}, denominators={self.denominators!r}"
        )


def _check_batch(src_vec: Tensor, tar_vec: Tensor, mask: Tensor | None) -> None:
    if src_vec.dim() != 2 or src_vec.shape[1] < 1 or tar_vec.shape != src_vec.shape:
        raise InputError(
            f"S3IM compares colours of the same shape [rays, channels], but the prediction has {_shape(src_vec)} and "
            f"the target {_shape(tar_vec)}: flatten images to one row per ray."
        )
    if not (src_vec.is_floating_point() and tar_vec.is_floating_point()):
        raise InputError(
            f"S3IM compares floating-point colours, but the prediction is {src_vec.dtype} and the target "
            f"{tar_vec.dtype}: convert both to float32 in [0, 1]."
        )
    if src_vec.device != tar_vec.device or (mask is not None and mask.device != src_vec.device):
        where = f"{src_vec.device}, the target on {tar_vec.device}"
        where += "" if mask is None else f", the mask on {mask.device}"
        raise InputError(f"S3IM's prediction is on {where}: move all of them to one device.")
    if mask is not None and (mask.dtype != torch.bool or mask.shape not in ((len(src_vec),), (len(src_vec), 1))):
        raise InputError(
            f"S3IM's mask must be of type torch.bool and have the shape [{len(src_vec)}] or [{len(src_vec)}, 1], but "
            f"is {mask.dtype} of shape {_shape(mask)}: give one value per ray."
        )


def _shape(tensor: Tensor) -> str:
    return str(list(tensor.shape))
