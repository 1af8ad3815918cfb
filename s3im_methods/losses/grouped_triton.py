"""GPU kernel of S3IM over groups: value and gradient in one launch, where plain torch needs some ninety.

Naming and formulas are those of ``grouped_kernels``. Within one permutation no ray occurs twice, so each has a gradient
of its own to write to: there are no atomic additions, and a run repeats itself to the bit.
"""

# pyright: reportGeneralTypeIssues=false, reportArgumentType=false, reportCallIssue=false
import contextlib
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from s3im_methods.losses.ssim import C1, C2

BLOCK = 32
"""Groups of a program."""


@triton.jit
def value_and_gradient(
    x,
    y,
    permutations,
    weights,
    full,
    losses,
    gradient,
    rays,
    c1,
    c2,
    size: tl.constexpr,
    padded: tl.constexpr,
    channels: tl.constexpr,
    block: tl.constexpr,
    held: tl.constexpr,
):
    """Fill ``losses`` (``[M, programs]``, to be added up) and ``gradient`` (``[M, rays, channels]``).

    ``x`` and ``y`` are ``[rays, channels]``, ``permutations`` is ``[M, rays]``; the first ``full`` (one number) groups
    of ``size`` rays count. ``padded`` is the least power of two that is not below ``size``.
    """
    m = tl.program_id(1).to(tl.int64)
    groups = tl.load(full)
    group = tl.program_id(0) * block + tl.arange(0, block)
    place = tl.arange(0, padded)
    known = (group < groups)[:, None] & (place < size)[None, :]
    members = tl.load(permutations + m * rays + (group * size)[:, None] + place[None, :], known, other=0)
    w = tl.load(weights + place, place < size, other=0.0)[None, :]
    share = 1.0 / tl.maximum(tl.num_programs(1) * groups * channels, 1).to(tl.float32)
    total = tl.zeros([block], tl.float32)
    flow = 0.0 if held else 1.0
    for c in tl.static_range(channels):
        a = tl.load(x + members * channels + c, known, other=0.0)
        b = tl.load(y + members * channels + c, known, other=0.0)
        e = a - b
        mx, my, me = tl.sum(w * a, axis=1), tl.sum(w * b, axis=1), tl.sum(w * e, axis=1)
        da, db, de = a - mx[:, None], b - my[:, None], e - me[:, None]
        v, ve = tl.sum(w * (da * da + db * db), axis=1), tl.sum(w * de * de, axis=1)
        energy, contrast = mx * mx + my * my + c1, v + c2
        bias, structure = me * me / energy, ve / contrast
        total += bias + structure - bias * structure
        of_error = 2.0 * share * (1.0 - bias) / contrast
        of_mean = 2.0 * share * (1.0 - structure) * (me - flow * bias * mx) / energy
        slope = of_mean[:, None] + of_error[:, None] * (de - flow * structure[:, None] * da)
        tl.store(gradient + (m * rays + members) * channels + c, w * slope, known)
    loss = tl.sum(tl.where(group < groups, total, 0.0), axis=0) * share
    tl.store(losses + m * tl.num_programs(0) + tl.program_id(0), loss)


class Groups(torch.autograd.Function):
    """What ``grouped_s3im`` computes: ``apply(x, y, permutations, weights, full, held)``.

    ``x`` and ``y`` in float32, ``[B, C]``; ``permutations`` ``[M, B]``; ``weights`` ``[P]``; ``full``, how many groups
    count, is an int64 tensor of one number, for which the host does not wait; ``held`` is a bool.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, permutations: Tensor, weights: Tensor, full: Tensor, held: bool
    ) -> Tensor:
        (rays, channels), count, size = x.shape, len(permutations), len(weights)
        programs = max(1, triton.cdiv(rays // size, BLOCK))
        losses, gradient = x.new_zeros(count, programs), x.new_zeros(count, rays, channels)
        given = (values.contiguous() for values in (x, y, permutations, weights, full))
        with torch.cuda.device(x.device) if x.is_cuda else contextlib.nullcontext():
            value_and_gradient[(programs, count)](
                *given, losses, gradient, rays, C1, C2, size, triton.next_power_of_2(size), channels, BLOCK, held
            )
        ctx.save_for_backward(gradient.sum(dim=0))
        return losses.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None, None]:  # pyright: ignore
        return gradient * ctx.saved_tensors[0], None, None, None, None, None
