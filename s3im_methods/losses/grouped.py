"""S3IM over random groups of rays: the same expectation as over shuffled images, without an image.

Where windows do not overlap, SSIM of a shuffled image is the mean over disjoint windows, and every window holds
``kernel_size^2`` rays of the batch in random order. So the rays are cut into such groups directly, once for each of M
permutations. Unlike in the reference module, no group has padding in it, every ray counts, and none occurs twice in
a group; the expectation depends neither on M nor on an image shape.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from s3im_methods.losses.permutations import valid_first
from s3im_methods.losses.ssim import C1, C2, dissimilarity, gaussian_window, window_terms


def grouped_s3im(
    x: Tensor, y: Tensor, permutations: Tensor, kernel_size: int, valid: Tensor | None = None, fused: bool | None = None
) -> Tensor:
    """1 - SSIM, averaged over groups of ``kernel_size^2`` rays and over the channels.

    In every permutation the rays that do not fill a group are left out.

    Args:
        x: Predicted colours, ``[B, C]``, float32 or float64.
        y: Their targets, of the same shape and type.
        permutations: ``[M, B]``, int64, on the same device: the orders in which the rays are cut into groups.
        kernel_size: Root of the group's size.
        valid: ``[B]``, bool: the rays that count; what the others hold, NaN included, has no effect.
        fused: Whether to compute moments and gradient by a hand-written routine, several times faster on a CPU; it
            gives a gradient for ``x`` alone, once. By default it is used on a CPU where ``y`` needs no gradient.

    Returns:
        A scalar in [0, 2); 0, with a gradient of 0, where no group is full.
    """
    groups = len(x) // kernel_size**2
    if groups == 0:
        return (x[:0] - y[:0]).sum()
    count = len(permutations)
    # A group's share in the mean.
    share = x.new_full((), 1 / (count * groups * x.shape[1]))
    if valid is not None:
        x, y = (torch.where(valid[:, None], values, 0) for values in (x, y))
        permutations = valid_first(permutations, valid)
        full = valid.sum() // kernel_size**2
        counts = torch.arange(groups, device=x.device) < full
        share = (counts.to(x) / (count * full.clamp(min=1) * x.shape[1])).repeat(count)[:, None]
    members = permutations[:, : groups * kernel_size**2]
    weights = gaussian_window(kernel_size, x.dtype, x.device)
    if fused if fused is not None else x.device.type == "cpu" and not y.requires_grad:
        return _FusedGroups.apply(x, y, members, weights, share)  # type: ignore[return-value]
    members = members.reshape(-1, kernel_size**2)
    return (dissimilarity(x[members].mT, y[members].mT, weights) * share).sum()


class _FusedGroups(torch.autograd.Function):
    """What :func:`grouped_s3im` computes, as two sums over bags of table rows.

    Forward: a group's moments are weighted sums of its rays' rows ``(x, y, x^2 + y^2, e, e^2)``. To keep the digits of
    small variances, x and y are measured from the mean of the whole batch; a random group's mean lies near it, so
    this is about as good as measuring from the group's own mean: the error of a variance is about 1e-7 times the
    squared distance from the batch's mean, against C2 = 9e-4.

    Backward: with p = 1 - bias, s = 1 - structure, e = x - y and a group's share n of the mean,

        dL/dx_i = w_i n [ 2 s (me - bias mx) / (mx^2 + my^2 + C1)
                          + 2 p / (vx + vy + C2) * ((e_i - me) - structure (x_i - mx)) ],

    which is linear in x_i and e_i with coefficients that belong to the group. So a ray's gradient is a weighted sum of
    its M groups' coefficients.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, members: Tensor, weights: Tensor, share: Tensor) -> Tensor:
        # One number for all channels, and products for squares: on narrow rows the general forms take much longer.
        origin = y.mean()
        a, b, error = x - origin, y - origin, x - y
        table = torch.cat([a, b, a * a + b * b, error, error * error], dim=1)
        bags = members.reshape(-1, len(weights))
        sums = _sum_rows(table, bags, weights.repeat(len(bags), 1), parts=5)
        mean_a, mean_b, square, mean_error, square_error = sums
        # Rounding can make the variance of a constant group negative.
        variance = (square - mean_a**2 - mean_b**2).clamp(min=0)
        error_variance = (square_error - mean_error**2).clamp(min=0)
        mean_x, mean_y = mean_a + origin, mean_b + origin
        bias, structure = window_terms(mean_x, mean_y, mean_error, variance, error_variance)
        ctx.save_for_backward(
            a, error, members, weights, share, mean_a, mean_x, mean_y, mean_error, variance, bias, structure
        )
        return ((bias + structure - bias * structure) * share).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:  # pyright: ignore
        a, error, members, weights, share, mean_a, mean_x, mean_y, mean_error, variance, bias, structure = (
            ctx.saved_tensors
        )
        scale = 2 * gradient * share
        of_error = scale * (1 - bias) / (variance + C2)
        of_a = -of_error * structure
        of_mean = scale * (1 - structure) * (mean_error - bias * mean_x) / (mean_x**2 + mean_y**2 + C1)
        constant = of_mean - of_a * mean_a - of_error * mean_error
        table = torch.cat([constant, of_a, of_error], dim=1)

        # For every ray and permutation, the group it is in and its weight there; rays left out keep weight 0.
        in_order = torch.arange(len(table), device=a.device, dtype=torch.int32).repeat_interleave(len(weights))
        groups = _by_ray(in_order, members, len(a))
        constant, of_a, of_error = _sum_rows(
            table, groups, _by_ray(weights.repeat(len(table)), members, len(a)), parts=3
        )
        return constant + of_a * a + of_error * error, None, None, None, None


def _by_ray(in_order: Tensor, members: Tensor, rays: int) -> Tensor:
    """Numbers that belong to the places in ``members`` (``[M, used]``), as ``[B, M]``; 0 for rays left out."""
    by_ray = in_order.new_zeros(len(members), rays).scatter_(1, members, in_order.view_as(members))
    # A third faster than transposing.
    return torch.stack(by_ray.unbind(), dim=1)


def _sum_rows(table: Tensor, bags: Tensor, weights: Tensor, parts: int) -> Tensor:
    """Weighted sums of the rows of a table ``[R, parts * C]`` that bags ``[N, P]`` name, as ``[parts, N, C]``."""
    sums = F.embedding_bag(bags, table, mode="sum", per_sample_weights=weights)
    return sums.view(len(bags), parts, -1).transpose(0, 1).contiguous()
