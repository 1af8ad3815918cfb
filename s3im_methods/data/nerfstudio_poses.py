"""The poses of a transforms.json in float64, before nerfstudio makes float32 of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from numpy.typing import NDArray

from s3im_methods.data.checks.far_away import is_far, place, round_centre
from s3im_methods.data.checks.rotations import to_rotations
from s3im_methods.data.wording import quote


@dataclass(frozen=True)
class FramePoses:
    """The poses that nerfstudio's parser is to see.

    Args:
        matrices: Camera to world, ``[N, 4, 4]``, float64, around the origin, with rotations.
        offset: What was subtracted from the cameras' places, ``[3]``; 0 where they are near enough to the origin.
        lines: What to tell the user.
    """

    matrices: NDArray[np.float64]
    offset: NDArray[np.float64]
    lines: list[str]


def frame_poses(frames: list[dict], path: Path, config: NerfstudioDataParserConfig) -> FramePoses:
    """Drop scale from the rotations, and bring cameras that are too far away for float32 to the origin.

    Args:
        frames: Whose transform_matrix have passed the checks.
        path: Their file, for sentences.
        config: The data parser's configuration.
    """
    matrices = np.array([frame["transform_matrix"] for frame in frames], dtype=np.float64)
    matrices[:, :3, :3], lines = to_rotations(matrices[:, :3, :3], quote(path))
    offset = np.zeros(3)
    if is_far(matrices[:, :3, 3]):
        offset = round_centre(matrices[:, :3, 3])
        matrices[:, :3, 3] -= offset
        if config.center_method == "none":
            # Otherwise nerfstudio moves them there anyway.
            lines.append(
                f"The cameras of {quote(path)} are too far from the origin for float32: {place(offset)} is subtracted "
                "from their positions, although --center-method is none, and added back in exports."
            )
    return FramePoses(matrices, offset, lines)
