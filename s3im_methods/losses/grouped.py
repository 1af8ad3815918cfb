"""S3IM over random groups of rays: the same expectation as over shuffled images, without an image.

Where windows do not overlap, SSIM of a shuffled image is the mean over disjoint windows, and every window holds
``kernel_size^2`` rays of the batch in random order. So the rays are cut into such groups directly, once for each of M
permutations. Unlike in the reference module, no group has padding in it, every ray counts, and none occurs twice in
a group; the expectation depends neither on M nor on an image shape.
"""

from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from s3im_methods.kernels.available import agreeing_kernels, fused_available
from s3im_methods.losses.permutations import valid_first
from s3im_methods.losses.ssim import dissimilarity, gaussian_window


def grouped_s3im(
    x: Tensor,
    y: Tensor,
    permutations: Tensor,
    kernel_size: int,
    valid: Tensor | None = None,
    fused: bool | None = None,
    held: bool = False,
) -> Tensor:
    """1 - SSIM, averaged over groups of ``kernel_size^2`` rays and over the channels.

    In every permutation the rays that do not fill a group are left out.

    Args:
        x: Predicted colours, ``[B, C]``, float32 or float64.
        y: Their targets, of the same shape and type.
        permutations: ``[M, B]``, int64, on the same device: the orders in which the rays are cut into groups.
        kernel_size: Root of the group's size.
        valid: ``[B]``, bool: the rays that count; what the others hold, NaN included, has no effect.
        fused: Whether to compute value and gradient by a hand-written kernel, several times faster; it gives a gradient
            for ``x`` alone, once. By default it is used where ``y`` needs no gradient: on CPUs, and in float32 on GPUs
            that run it.
        held: Whether SSIM's denominators are constants for the gradient; see :mod:`~s3im_methods.losses.ssim`.

    Returns:
        A scalar in [0, 2); 0, with a gradient of 0, where no group is full.
    """
    if valid is not None:
        x, y = (torch.where(valid[:, None], values, 0) for values in (x, y))
        permutations = valid_first(permutations, valid)
    weights = gaussian_window(kernel_size, x.dtype, x.device)
    groups = len(x) // len(weights)
    if fused is None:
        by_cpu = x.device.type == "cpu" and fused_available()
        fused = not y.requires_grad and (by_cpu or gpu_kernels_for(x) is not None)
    if fused and (kernels := gpu_kernels_for(x)) is not None:
        full = x.new_full((1,), groups, dtype=torch.int64) if valid is None else (valid.sum() // len(weights))[None]
        return kernels.Groups.apply(x, y, permutations, weights, full, held)  # type: ignore[union-attr]
    if fused:
        full = groups if valid is None else int(valid.sum()) // len(weights)
        return _FusedGroups.apply(x, y, permutations, weights, full, held)  # type: ignore[return-value]
    # A group's share in the mean.
    share = x.new_full((), 1 / max(1, len(permutations) * groups * x.shape[1]))
    if valid is not None:
        full = valid.sum() // len(weights)
        counts = torch.arange(groups, device=x.device) < full
        share = (counts.to(x) / (len(permutations) * full.clamp(min=1) * x.shape[1])).repeat(len(permutations))[:, None]
    members = permutations[:, : groups * len(weights)].reshape(-1, len(weights))
    return (dissimilarity(x[members].mT, y[members].mT, weights, held) * share).sum()


def gpu_kernels_for(x: Tensor) -> ModuleType | None:
    """The module of the GPU's kernel, where colours ``x`` lie on a GPU that runs it."""
    return _gpu_kernels(x.device) if x.is_cuda and x.dtype == torch.float32 else None


def _load() -> ModuleType:
    from s3im_methods.losses import grouped_triton

    return grouped_triton


def _both(kernels: ModuleType, device: torch.device) -> tuple[list[Tensor], list[Tensor]]:
    """Loss and gradient by the kernel and in plain torch."""
    draw = torch.Generator().manual_seed(0)
    x, y = (torch.rand(100, 3, generator=draw).to(device) for _ in range(2))
    orders = torch.stack([torch.randperm(100, generator=draw) for _ in range(3)]).to(device)
    x.requires_grad_()
    full = torch.full((1,), 100 // 16, device=device)
    window, both = gaussian_window(4, x.dtype, device), ([], [])
    for held in (False, True):
        by_kernel = kernels.Groups.apply(x, y, orders, window, full, held)
        for numbers, loss in zip(both, (by_kernel, grouped_s3im(x, y, orders, 4, fused=False, held=held)), strict=True):
            # A ray's share of the gradient is small.
            numbers += [loss.detach(), *(1e3 * g for g in torch.autograd.grad(loss, x))]
    return both


_gpu_kernels = agreeing_kernels(_load, _both, "S3IM is computed by torch's operators")


class _FusedGroups(torch.autograd.Function):
    """What :func:`grouped_s3im` computes on a CPU, by the kernel of ``grouped_kernels``."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, permutations: Tensor, weights: Tensor, groups: int, held: bool
    ) -> Tensor:
        # Numba's import takes a third of a second, which commands that only read this module need not spend.
        from s3im_methods.losses.grouped_kernels import grouped_value_and_gradient

        gradient = torch.zeros_like(x, memory_format=torch.contiguous_format)
        loss = grouped_value_and_gradient(
            _array(x), _array(y), _array(permutations), _array(weights), groups, held, gradient.numpy()
        )
        ctx.save_for_backward(gradient)
        return x.new_tensor(loss)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None, None]:  # pyright: ignore
        return gradient * ctx.saved_tensors[0], None, None, None, None, None


def _array(values: Tensor) -> np.ndarray:
    return values.detach().contiguous().numpy()
