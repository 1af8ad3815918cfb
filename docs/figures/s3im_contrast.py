"""Where free and held denominators of S3IM want the contrast, if part of the true colours cannot be fitted."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from s3im_methods.losses import S3IM

RAYS, VARIANCE = 4096, 0.056
PSNRS = np.linspace(16, 30, 15)
CONTRASTS = np.linspace(0.8, 1.4, 13)
KINDS = {"MSE": "black", "S3IM, free": "goldenrod", "S3IM, held": "teal"}


def slope(kind: str, psnr: float, contrast: float) -> float:
    """How fast a loss grows with the contrast of the rendered colours, over the loss itself.

    Args:
        kind: One of ``KINDS``.
        psnr: Of the colours with as much contrast as can be fitted, dB; the true ones have the variance ``VARIANCE``.
        contrast: Of the rendered colours, as a multiple of that.
    """
    random = torch.Generator().manual_seed(0)
    rest = 10 ** (-psnr / 10)
    fit = (VARIANCE - rest) ** 0.5 * torch.randn(RAYS, 3, generator=random, dtype=torch.float64)
    truth = 0.5 + fit + rest**0.5 * torch.randn(RAYS, 3, generator=random, dtype=torch.float64)
    factor = torch.tensor(contrast, dtype=torch.float64, requires_grad=True)
    colours = 0.5 + factor * fit
    if kind == "MSE":
        loss = (colours - truth).square().mean()
    else:
        loss = S3IM(denominators="held" if kind.endswith("held") else "free")(colours, truth)
    return float(torch.autograd.grad(loss, factor)[0] / loss.detach())


def best(kind: str, psnr: float) -> float:
    """The contrast at which the slope is 0."""
    low, high = 0.5, 3.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(kind, psnr, middle) > 0 else (middle, high)
    return (low + high) / 2


def draw() -> Figure:
    """The slope over the contrast on the left, the contrast where it is 0 over PSNR on the right."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.1), gridspec_kw={"wspace": 0.25})
    for kind, colour in KINDS.items():
        left.plot(CONTRASTS, [slope(kind, 19.0, contrast) for contrast in CONTRASTS], color=colour, label=kind)
        right.plot(PSNRS, [best(kind, psnr) for psnr in PSNRS], color=colour, label=kind)
    left.axhline(0, color="lightgrey", linewidth=0.8, zorder=0)
    left.set(xlabel="contrast", ylabel="relative slope of the loss", title="at 19 dB")
    right.set(xlabel="PSNR, dB", ylabel="contrast where the slope is 0")
    for axes in (left, right):
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    plt.close(figure)
    return figure
