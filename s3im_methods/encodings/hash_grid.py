"""nerfstudio's hash encoding with a fused implementation, for machines without tinycudann.

Same mathematics, same parameters, same checkpoint as ``HashEncoding(implementation="torch")``: by Numba on CPUs, and by
Triton on GPUs where it works; anywhere else it is that class.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Literal

import torch
from nerfstudio.field_components.encodings import HashEncoding
from nerfstudio.utils.external import TCNN_EXISTS
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from s3im_methods.encodings.gpu_kernels import gpu_kernels
from s3im_methods.kernels.available import fused_available
from s3im_methods.kernels.threads import in_ranges

Implementation = Literal["tcnn", "fused", "torch"]

_GPU_DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def chosen_implementation(wanted: Implementation | Literal["auto"]) -> Implementation:
    """The implementation of hash grids that a setting stands for: tcnn, fused or torch.

    Args:
        wanted: One of them, or auto, which takes tinycudann where it can be imported, else fused.
    """
    if wanted != "auto":
        return wanted
    return "tcnn" if TCNN_EXISTS else "fused"


def implementation_line(chosen: str) -> str:
    """Which implementation computes the hash grids, for the line that a run prints at its start."""
    return f"hash grids: {chosen}" + ("" if TCNN_EXISTS else " (tinycudann is not installed)")


def fuse_hash_encodings(module: nn.Module, point_gradients: bool) -> None:
    """Let every torch hash encoding inside a module use the fused implementation.

    Args:
        module: A field or a whole model; encodings by tinycudann are left as they are.
        point_gradients: Whether gradients with respect to the points are wanted: for a camera optimiser or for normals.
            nerfstudio's fields ask for them always, and they cost half as much again as the rest of the backward pass.
    """
    for child in module.modules():
        if type(child) is HashEncoding and child.tcnn_encoding is None:
            # Only the forward pass differs; making a second object would draw (and drop) a second random table.
            child.__class__ = FusedHashEncoding
            child.point_gradients = point_gradients  # type: ignore[assignment]


@contextmanager
def point_gradients(module: nn.Module) -> Iterator[None]:
    """While it is open, the fused encodings inside a module have gradients with respect to the points."""
    fused = [child for child in module.modules() if isinstance(child, FusedHashEncoding)]
    before = [child.point_gradients for child in fused]
    for child in fused:
        child.point_gradients = True
    try:
        yield
    finally:
        for child, value in zip(fused, before, strict=True):
            child.point_gradients = value


class FusedHashEncoding(HashEncoding):
    """Hash encoding whose torch path is fused; see :func:`fuse_hash_encodings`."""

    point_gradients: bool = True

    def pytorch_fwd(self, in_tensor: Tensor) -> Tensor:
        """Features of points.

        Args:
            in_tensor: Points in [0, 1], ``[*batch, 3]``.

        Returns:
            Features, ``[*batch, num_levels * features_per_level]``.
        """
        points, table = (in_tensor if self.point_gradients else in_tensor.detach()).reshape(-1, 3), self.hash_table
        if points.device.type == table.device.type == "cpu" and fused_available():
            points = points.to(table.dtype)
            features = _Encode.apply(points, table, self.scalings.to(points), self.hash_table_size - 1)
        elif kernels := _gpu_kernels_for(points, table):
            # Kept there, because a copy in every step would make the host wait for the GPU.
            self.scalings = self.scalings.to(points.device, torch.float32)
            features = kernels.Encode.apply(points.float(), table, self.scalings, self.hash_table_size)
        else:
            return super().pytorch_fwd(points.view(in_tensor.shape))
        return features.view(*in_tensor.shape[:-1], len(self.scalings) * table.shape[1])  # type: ignore[union-attr]


def _gpu_kernels_for(points: Tensor, table: Tensor) -> ModuleType | None:
    suits = points.is_cuda and points.device == table.device and table.dtype in _GPU_DTYPES
    # Their sums depend on which of the GPU's threads comes first.
    if not suits or points.dtype == torch.float64 or torch.are_deterministic_algorithms_enabled():
        return None
    return gpu_kernels(table.device)


class _Encode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, table: Tensor, scalings: Tensor, mask: int) -> Tensor:
        from s3im_methods.encodings import hash_grid_kernels as kernels

        points, table = points.detach().contiguous(), table.detach()
        features = points.new_empty(len(points), len(scalings) * table.shape[1])
        arrays = points.numpy(), table.numpy(), scalings.numpy(), mask, features.numpy()
        encode = kernels.encoder(table.shape[1], False)
        in_ranges(len(points), lambda first, last: encode(*arrays, first, last))
        ctx.save_for_backward(points, table, scalings)
        ctx.mask = mask
        return features

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        from s3im_methods.encodings import hash_grid_kernels as kernels

        points, table, scalings = ctx.saved_tensors
        gradient = gradient.contiguous()
        point_gradient = table_gradient = None
        if ctx.needs_input_grad[1]:
            table_gradient = torch.zeros_like(table)
            of_table = points.numpy(), gradient.numpy(), scalings.numpy(), ctx.mask, table_gradient.numpy()
            by_table = kernels.table_differentiator(table.shape[1], False)
            in_ranges(len(scalings), lambda first, last: by_table(*of_table, first, last))
        if ctx.needs_input_grad[0]:
            point_gradient = torch.empty_like(points)
            of_points = (
                points.numpy(),
                table.numpy(),
                gradient.numpy(),
                scalings.numpy(),
                ctx.mask,
                point_gradient.numpy(),
            )
            by_points = kernels.point_differentiator(table.shape[1])
            in_ranges(len(points), lambda first, last: by_points(*of_points, first, last))
        return point_gradient, table_gradient, None, None
