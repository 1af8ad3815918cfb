"""Norm and direction of the gradient at the colours over the weight of S3IM: its sum with MSE, and in balance."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from s3im_methods.losses import S3IM
from s3im_methods.losses.strength import balance_factor

RAYS, ERROR = 4096, 0.05
WEIGHTS = np.geomspace(0.01, 100, 17)
VARIANCES = (0.03, 0.003)


def pulls(variance: float, weight: float) -> tuple[float, float, float]:
    """What S3IM does to the gradient at the colours of rays that are rendered with a random error.

    Args:
        variance: Of the true colours, per channel.
        weight: Of S3IM.

    Returns:
        The length of the gradient of the sum and of both in balance, as multiples of the length of MSE's alone, and the
        angle between the directions of both in balance and of MSE alone, in degrees.
    """
    random = torch.Generator().manual_seed(0)
    truth = 0.5 + variance**0.5 * torch.randn(RAYS, 3, generator=random, dtype=torch.float64)
    colours = truth + ERROR * torch.randn(RAYS, 3, generator=random, dtype=torch.float64)
    colours.requires_grad_()
    own = (colours - truth).square().mean()
    # As the paper's sum and the balance have them by default.
    free, held = (weight * S3IM(denominators=name)(colours, truth) for name in ("free", "held"))
    factor = balance_factor(*(torch.autograd.grad(loss, colours, retain_graph=True)[0] for loss in (own, held)))
    losses = (own, own + free, factor * (own + held))
    alone, both, kept = (torch.autograd.grad(loss, colours, retain_graph=True)[0].flatten() for loss in losses)
    cosine = torch.dot(alone, kept) / (alone.norm() * kept.norm())
    return (
        float(both.norm() / alone.norm()),
        float(kept.norm() / alone.norm()),
        float(torch.rad2deg(torch.acos(cosine.clamp(-1, 1)))),
    )


def draw() -> Figure:
    """Length on the left, direction on the right."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.1), gridspec_kw={"wspace": 0.25})
    for variance, colour in zip(VARIANCES, ("teal", "goldenrod"), strict=True):
        added, kept, angles = zip(*(pulls(variance, weight) for weight in WEIGHTS), strict=True)
        left.plot(WEIGHTS, added, "o-", color=colour, markersize=3, label=f"add, variance {variance:g}")
        left.plot(WEIGHTS, kept, "--", color=colour, label=f"keep, variance {variance:g}")
        right.plot(WEIGHTS, angles, "o-", color=colour, markersize=3, label=f"variance {variance:g}")
    left.set(xlabel="weight of S3IM", ylabel="length, as multiples of MSE's", xscale="log", yscale="log")
    right.set(xlabel="weight of S3IM", ylabel="angle to the gradient of MSE, degrees", xscale="log", ylim=(0, None))
    for axes in (left, right):
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    plt.close(figure)
    return figure
