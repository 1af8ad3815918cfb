"""Do cameras have skew, which nerfstudio's cameras cannot have?"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s3im_methods.data.wording import has, quote, some

_MOST_SKEW = 1e-3


def skew_lines(intrinsics: NDArray, source: Path) -> list[str]:
    """A sentence where the skew of cameras is more than rounding leaves.

    Args:
        intrinsics: ``[N, 3 or 4, 3 or 4]``.
        source: Where the cameras come from, for the sentence.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        # A focal length of 0 is refused elsewhere.
        skew = np.abs(intrinsics[:, 0, 1] / intrinsics[:, 0, 0])
    if not skew.max() > _MOST_SKEW:
        return []
    count = int((skew > _MOST_SKEW).sum())
    return [
        f"{some(count, len(skew), 'camera')} of {quote(source)} {has(count)} skew (up to "
        f"{skew.max():.2g} of the focal length). nerfstudio's cameras cannot have skew, so it is left out."
    ]
