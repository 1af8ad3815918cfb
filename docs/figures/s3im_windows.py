"""What a window of S3IM is: sixteen rays of anywhere, whose contrast is that of the whole batch.

The truth and the render of a held-out view, cut out of the demo's overview, play the batch.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from s3im_methods.losses.permutations import random_permutations
from s3im_methods.losses.ssim import C2, gaussian_window, image_windows

OVERVIEW = Path(__file__).resolve().parents[1] / "method_nerfacto.jpg"
# Where the overview has the first view's truth and, to the right of it, its render, in pixels.
LEFT, TOP, WIDTH, HEIGHT, SHIFT = 6, 40, 256, 192, 262
KERNEL = 4


def demo_view() -> tuple[torch.Tensor, torch.Tensor]:
    """Truth and render of the demo's first held-out view, ``[HEIGHT, WIDTH, 3]`` each, in [0, 1]."""
    overview = torch.from_numpy(np.asarray(Image.open(OVERVIEW).convert("RGB"), dtype=np.float32) / 255)
    rows = overview[TOP : TOP + HEIGHT]
    return rows[:, LEFT : LEFT + WIDTH], rows[:, LEFT + SHIFT : LEFT + SHIFT + WIDTH]


def contrast(truth: torch.Tensor, render: torch.Tensor) -> torch.Tensor:
    """What S3IM divides a window's error variance by, averaged over the channels.

    Args:
        truth: In each of N windows, the colours of its pixels, ``[N, 3, KERNEL^2]``.
        render: Those of the render, of the same shape.

    Returns:
        ``[N]``.
    """
    weights = gaussian_window(KERNEL, truth.dtype, truth.device)
    mean = [(values * weights).sum(-1, keepdim=True) for values in (truth, render)]
    spread = [(((values - of) ** 2) * weights).sum(-1) for values, of in zip((truth, render), mean, strict=True)]
    return (spread[0] + spread[1] + C2).mean(-1)


def contrasts() -> tuple[torch.Tensor, torch.Tensor]:
    """The contrast of all random groups of one permutation of the view, and of all its real 4 x 4 patches."""
    truth, render = demo_view()
    order = random_permutations(1, HEIGHT * WIDTH, torch.Generator().manual_seed(0))[0].reshape(-1, KERNEL**2)
    groups = [image.reshape(-1, 3)[order].mT for image in (truth, render)]
    patches = [
        image_windows(image[None], KERNEL, KERNEL)[0].permute(1, 2, 0, 3).flatten(0, 1) for image in (truth, render)
    ]
    return contrast(*groups), contrast(*patches)


def draw() -> Figure:
    """The view with the rays of one group and one patch, these as windows, and the contrast of all windows."""
    truth, render = demo_view()
    order = random_permutations(1, HEIGHT * WIDTH, torch.Generator().manual_seed(0))[0]
    group = order[: KERNEL**2]
    row, column = 120, 60
    rows, columns = torch.meshgrid(
        torch.arange(row, row + KERNEL), torch.arange(column, column + KERNEL), indexing="ij"
    )
    patch = (rows * WIDTH + columns).flatten()

    figure = plt.figure(figsize=(10, 3.1))
    left, middle, right = figure.add_gridspec(1, 3, width_ratios=(4, 2.3, 3.4), wspace=0.25)
    picture = figure.add_subplot(left)
    picture.imshow(truth.numpy())
    picture.scatter(group % WIDTH, group // WIDTH, s=26, facecolors="none", edgecolors="yellow", linewidths=1.6)
    picture.add_patch(Rectangle((column - 2, row - 2), KERNEL + 3, KERNEL + 3, fill=False, color="cyan", lw=1.6))
    picture.set_title("a group: 16 random rays (circles)\na patch: 16 neighbours (square)", fontsize=9)
    picture.set(xlim=(-6, WIDTH + 6), ylim=(HEIGHT + 6, -6))
    picture.axis("off")

    windows = middle.subgridspec(2, 2, hspace=0.35, wspace=0.1)
    for place, (name, members) in enumerate((("group", group), ("patch", patch))):
        for column_of, (what, image) in enumerate((("truth", truth), ("render", render))):
            axes = figure.add_subplot(windows[place, column_of])
            axes.imshow(image.reshape(-1, 3)[members].view(KERNEL, KERNEL, 3).numpy())
            axes.set_title(f"{name}, {what}", fontsize=8)
            axes.axis("off")

    histogram = figure.add_subplot(right)
    of_groups, of_patches = contrasts()
    bins = np.geomspace(8e-4, 0.3, 50)
    histogram.hist(of_groups.numpy(), bins=bins.tolist(), color="goldenrod", alpha=0.8, label="random groups")
    histogram.hist(of_patches.numpy(), bins=bins.tolist(), color="teal", alpha=0.6, label="4 x 4 patches")
    histogram.set(xscale="log", xlabel="contrast: the divisor of the error variance", ylabel="windows", yticks=[])
    histogram.legend(frameon=False, loc="upper left", fontsize=8)
    for side in ("top", "right", "left"):
        histogram.spines[side].set_visible(False)
    plt.close(figure)
    return figure
