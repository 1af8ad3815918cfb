"""True and rendered depth side by side, in the colours of one scale."""

import torch
from nerfstudio.utils import colormaps
from torch import Tensor


def depth_picture(truth: Tensor, rendered: Tensor, accumulation: Tensor) -> Tensor:
    """Draw both depths with the scale of the true one: equal colours are equal depths.

    Args:
        truth: True depth, ``[H, W, 1]``; 0 where it is not known, which is drawn white.
        rendered: Rendered depth, ``[H, W, 1]``, in the same unit; outside the truth's range it has the colour of the
            range's end.
        accumulation: Opacity of the rendered rays, ``[H, W, 1]`` in [0, 1]; empty ones are drawn white.

    Returns:
        The truth to the left, the rendered depth to the right, ``[H, 2 W, 3]`` in [0, 1]. Where the truth is nowhere
        known the scale is the rendered depth's.

    Example:
        >>> depth_picture(torch.ones(4, 6, 1), torch.ones(4, 6, 1), torch.ones(4, 6, 1)).shape
        torch.Size([4, 12, 3])
    """
    known = torch.isfinite(truth) & (truth > 0)
    scale = truth[known] if known.any() else rendered
    near, far = float(scale.min()), float(scale.max())
    return torch.cat(
        [
            colormaps.apply_depth_colormap(truth, known.to(truth.dtype), near_plane=near, far_plane=far),
            colormaps.apply_depth_colormap(rendered, accumulation, near_plane=near, far_plane=far),
        ],
        dim=1,
    )
