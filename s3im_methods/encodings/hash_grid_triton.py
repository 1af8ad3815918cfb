"""GPU kernels of the multiresolution hash grid (Mueller et al., SIGGRAPH 2022), compiled by Triton on first use.

Naming and arithmetic are those of :mod:`s3im_methods.encodings.hash_grid_kernels`, in float32 whatever the table is
stored in. One program computes a block of points: of one level, but of all levels for the gradient with respect to the
points, which is their sum. Several points write to one slot of the table's gradient, by atomic additions, so that its
last bits differ from run to run. Slots are cut to a level's size, so that no point, NaN neither, reads or writes
elsewhere.
"""

# Triton's annotations do not describe what its compiler takes.
# pyright: reportGeneralTypeIssues=false, reportArgumentType=false

import contextlib
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

PRIME_X, PRIME_Y, PRIME_Z = tl.constexpr(1), tl.constexpr(2654435761), tl.constexpr(805459861)
BLOCK = 128


@triton.jit
def axis(coordinate, scaling, prime: tl.constexpr):
    """Lower node, upper node (both hashed) and offset along one axis."""
    scaled = coordinate * scaling
    floor = tl.floor(scaled)
    lower = floor.to(tl.int32).to(tl.uint32, bitcast=True)
    upper = tl.ceil(scaled).to(tl.int32).to(tl.uint32, bitcast=True)
    return lower * prime, upper * prime, scaled - floor


@triton.jit
def cell(points, i, known, scaling, slots, width: tl.constexpr):
    """Offsets of points in their cells, and where their nodes' features begin within the level."""
    x0, x1, ox = axis(tl.load(points + 3 * i, known, 0.0), scaling, PRIME_X)
    y0, y1, oy = axis(tl.load(points + 3 * i + 1, known, 0.0), scaling, PRIME_Y)
    z0, z1, oz = axis(tl.load(points + 3 * i + 2, known, 0.0), scaling, PRIME_Z)
    n000 = ((x0 ^ y0 ^ z0) & (slots - 1)).to(tl.int64) * width
    n100 = ((x1 ^ y0 ^ z0) & (slots - 1)).to(tl.int64) * width
    n010 = ((x0 ^ y1 ^ z0) & (slots - 1)).to(tl.int64) * width
    n110 = ((x1 ^ y1 ^ z0) & (slots - 1)).to(tl.int64) * width
    n001 = ((x0 ^ y0 ^ z1) & (slots - 1)).to(tl.int64) * width
    n101 = ((x1 ^ y0 ^ z1) & (slots - 1)).to(tl.int64) * width
    n011 = ((x0 ^ y1 ^ z1) & (slots - 1)).to(tl.int64) * width
    n111 = ((x1 ^ y1 ^ z1) & (slots - 1)).to(tl.int64) * width
    return ox, oy, oz, n000, n100, n010, n110, n001, n101, n011, n111


@triton.jit
def feature(slots, known):
    """Features of slots, in float32."""
    return tl.load(slots, known, 0.0).to(tl.float32)


@triton.jit
def encode(points, table, scalings, features, count, slots, levels, width: tl.constexpr, block: tl.constexpr):
    """Fill ``features`` (``[count, levels * width]``)."""
    level = tl.program_id(1).to(tl.int64)
    i = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    known = i < count
    s = tl.load(scalings + level)
    ox, oy, oz, n000, n100, n010, n110, n001, n101, n011, n111 = cell(points, i, known, s, slots, width)
    ux, uy, uz = 1.0 - ox, 1.0 - oy, 1.0 - oz
    part = table + level * slots * width
    for f in tl.static_range(width):
        upper = (feature(part + n111 + f, known) * ox + feature(part + n011 + f, known) * ux) * oy + (
            feature(part + n101 + f, known) * ox + feature(part + n001 + f, known) * ux
        ) * uy
        lower = (feature(part + n110 + f, known) * ox + feature(part + n010 + f, known) * ux) * oy + (
            feature(part + n100 + f, known) * ox + feature(part + n000 + f, known) * ux
        ) * uy
        tl.store(features + (i * levels + level) * width + f, upper * oz + lower * uz, known)


@triton.jit
def table_gradient(points, gradient, scalings, result, count, slots, levels, width: tl.constexpr, block: tl.constexpr):
    """Add to ``result``, which has the table's shape and float32."""
    # Relaxed: nothing is read until the kernel has ended, and Triton's default puts a fence around each addition.
    level = tl.program_id(1).to(tl.int64)
    i = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    known = i < count
    s = tl.load(scalings + level)
    ox, oy, oz, n000, n100, n010, n110, n001, n101, n011, n111 = cell(points, i, known, s, slots, width)
    ux, uy, uz = 1.0 - ox, 1.0 - oy, 1.0 - oz
    part = result + level * slots * width
    for f in tl.static_range(width):
        g = feature(gradient + (i * levels + level) * width + f, known)
        tl.atomic_add(part + n111 + f, g * oz * oy * ox, known, sem="relaxed")
        tl.atomic_add(part + n011 + f, g * oz * oy * ux, known, sem="relaxed")
        tl.atomic_add(part + n101 + f, g * oz * uy * ox, known, sem="relaxed")
        tl.atomic_add(part + n001 + f, g * oz * uy * ux, known, sem="relaxed")
        tl.atomic_add(part + n110 + f, g * uz * oy * ox, known, sem="relaxed")
        tl.atomic_add(part + n010 + f, g * uz * oy * ux, known, sem="relaxed")
        tl.atomic_add(part + n100 + f, g * uz * uy * ox, known, sem="relaxed")
        tl.atomic_add(part + n000 + f, g * uz * uy * ux, known, sem="relaxed")


@triton.jit
def point_gradient(
    points, table, gradient, scalings, result, count, slots, levels, width: tl.constexpr, block: tl.constexpr
):
    """Fill ``result`` (``[count, 3]``)."""
    i = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    known = i < count
    dx = tl.zeros([block], tl.float32)
    dy = tl.zeros([block], tl.float32)
    dz = tl.zeros([block], tl.float32)
    part = table
    for level in range(levels):
        s = tl.load(scalings + level)
        ox, oy, oz, n000, n100, n010, n110, n001, n101, n011, n111 = cell(points, i, known, s, slots, width)
        ux, uy, uz = 1.0 - ox, 1.0 - oy, 1.0 - oz
        for f in tl.static_range(width):
            v000, v100 = feature(part + n000 + f, known), feature(part + n100 + f, known)
            v010, v110 = feature(part + n010 + f, known), feature(part + n110 + f, known)
            v001, v101 = feature(part + n001 + f, known), feature(part + n101 + f, known)
            v011, v111 = feature(part + n011 + f, known), feature(part + n111 + f, known)
            g = feature(gradient + (i * levels + level) * width + f, known) * s
            along_x1 = (v111 - v011) * oy + (v101 - v001) * uy
            along_x0 = (v110 - v010) * oy + (v100 - v000) * uy
            along_y1 = (v111 - v101) * ox + (v011 - v001) * ux
            along_y0 = (v110 - v100) * ox + (v010 - v000) * ux
            along_z1 = (v111 - v110) * ox + (v011 - v010) * ux
            along_z0 = (v101 - v100) * ox + (v001 - v000) * ux
            dx += g * (along_x1 * oz + along_x0 * uz)
            dy += g * (along_y1 * oz + along_y0 * uz)
            dz += g * (along_z1 * oy + along_z0 * uy)
        part += slots * width
    tl.store(result + 3 * i, dx, known)
    tl.store(result + 3 * i + 1, dy, known)
    tl.store(result + 3 * i + 2, dz, known)


class Encode(torch.autograd.Function):
    """Features ``[n, levels * width]`` of points ``[n, 3]`` in [0, 1], from a table ``[levels * slots, width]``.

    ``apply(points, table, scalings, slots)``: points and scalings in float32; the table in float32 or half, in which
    the features and its gradient are returned.
    """

    @staticmethod
    def forward(ctx: Any, points: Tensor, table: Tensor, scalings: Tensor, slots: int) -> Tensor:
        points, table, scalings = points.contiguous(), table.contiguous(), scalings.contiguous()
        levels, width = len(scalings), table.shape[1]
        features = table.new_empty(len(points), levels * width)
        if len(points):
            with _on(points):
                encode[_grid(points, levels)](
                    points, table, scalings, features, len(points), slots, levels, width, BLOCK
                )
        ctx.save_for_backward(points, table, scalings)
        ctx.slots = slots
        return features

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        points, table, scalings = ctx.saved_tensors
        gradient = gradient.contiguous()
        count, levels, width = len(points), len(scalings), table.shape[1]
        of_points = of_table = None
        with _on(points):
            if ctx.needs_input_grad[1]:
                of_table = torch.zeros_like(table, dtype=torch.float32)
                if count:
                    table_gradient[_grid(points, levels)](
                        points, gradient, scalings, of_table, count, ctx.slots, levels, width, BLOCK
                    )
                of_table = of_table.to(table.dtype)
            if ctx.needs_input_grad[0]:
                of_points = torch.empty_like(points)
                if count:
                    point_gradient[_grid(points, 1)](
                        points, table, gradient, scalings, of_points, count, ctx.slots, levels, width, BLOCK
                    )
        return of_points, of_table, None, None


def _grid(points: Tensor, levels: int) -> tuple[int, int]:
    return triton.cdiv(len(points), BLOCK), levels


def _on(points: Tensor) -> contextlib.AbstractContextManager[Any]:
    """Triton launches on the current GPU, which need not be the points'."""
    return torch.cuda.device(points.device) if points.is_cuda else contextlib.nullcontext()
