"""What S3IM's gradient is: that of the squared error, divided by about twice the batch's variance."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from s3im_methods.losses import S3IM
from s3im_methods.losses.ssim import C2, gaussian_window

RAYS, ERROR = 4096, 0.01
VARIANCES = np.geomspace(1e-5, 0.1, 17)
SHARES = np.linspace(0, 0.95, 20)


def batch(variance: float, white_share: float = 0.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rays on an object of grey 0.5 with texture, and rays on a white background that is right already.

    Args:
        variance: Of the object's colours, per channel.
        white_share: Share of the rays that see the background.

    Returns:
        Predicted colours, which need a gradient, and true ones, ``[RAYS, 3]`` each, and which rays see the object.
    """
    random = torch.Generator().manual_seed(0)
    truth = 0.5 + variance**0.5 * torch.randn(RAYS, 3, generator=random, dtype=torch.float64)
    error = ERROR * torch.randn(RAYS, 3, generator=random, dtype=torch.float64)
    on_object = torch.arange(RAYS) >= round(white_share * RAYS)
    truth = torch.where(on_object[:, None], truth, 1.0)
    return (truth + error * on_object[:, None]).requires_grad_(), truth, on_object


def gradient_ratio(variance: float, white_share: float = 0.0) -> float:
    """How many times as long S3IM's gradient is on the object's rays as that of the squared error."""
    predicted, truth, on_object = batch(variance, white_share)
    lengths = []
    for loss in (S3IM()(predicted, truth), (predicted - truth).square().mean()):
        (gradient,) = torch.autograd.grad(loss, predicted)
        lengths.append(gradient[on_object].norm())
    return float(lengths[0] / lengths[1])


def expected_ratio(variance: float | np.ndarray) -> float | np.ndarray:
    """The same without background, for errors that are small beside the contrast: one minus the structure term alone.

    With s the sum of the squares of a window's weights, the expected variance within a window is (1 - s) times that of
    the batch, so that S3IM is about (1 - s) MSE / ((1 - s) 2 v + C2).
    """
    rest = 1 - float((gaussian_window(4, torch.float64, torch.device("cpu")) ** 2).sum())
    return rest / (rest * (2 * variance + ERROR**2) + C2)


def draw() -> Figure:
    """The ratio over the batch's variance, and what a growing white background does to it."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.1), gridspec_kw={"wspace": 0.25})
    left.loglog(VARIANCES, 1 / (2 * VARIANCES), "--", color="grey", label="1 / (2 v)")
    left.loglog(VARIANCES, expected_ratio(VARIANCES), color="teal", label="expected, with C2")
    left.loglog(VARIANCES, [gradient_ratio(value) for value in VARIANCES], "o", color="goldenrod", label="measured")
    left.set(xlabel="variance v of the batch's colours", ylabel="gradient of S3IM / of MSE", ylim=(3, 3000))
    left.legend(frameon=False)
    for variance, colour in ((0.03, "teal"), (0.003, "goldenrod")):
        ratios = [gradient_ratio(variance, share) for share in SHARES]
        right.plot(100 * SHARES, ratios, "o-", color=colour, markersize=3, label=f"object's variance {variance:g}")
    right.set(xlabel="share of white background, %", ylabel="gradient of S3IM / of MSE", yscale="log")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    plt.close(figure)
    return figure
