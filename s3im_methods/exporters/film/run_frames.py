"""The frames of a film that show what a trained model renders."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from numpy.typing import NDArray

from s3im_methods.errors import InputError
from s3im_methods.exporters.film.writer import Frame
from s3im_methods.progress import track

_WIDE = 70.0


def film_cameras(poses: NDArray, like: Cameras, longest: int) -> Cameras:
    """Ideal cameras at poses, with the shape of image and the field of view of the training cameras.

    Args:
        poses: ``[N, 3, 4]``.
        like: The training cameras. Where they are no pinholes, the field of view is 70 degrees.
        longest: The longer side of the images in pixels; both sides become even numbers.
    """
    width, height = (float(side.float().median()) for side in (like.width, like.height))
    scale = longest / max(width, height)
    columns, rows = (max(2, 2 * round(side * scale / 2)) for side in (width, height))
    focal = float((like.fx / like.width).median()) * columns
    if bool((like.camera_type != CameraType.PERSPECTIVE.value).any()):
        focal = columns / 2 / float(np.tan(np.radians(_WIDE / 2)))
    matrices = torch.from_numpy(poses.astype(np.float32))
    return Cameras(matrices, focal, focal, columns / 2, rows / 2, columns, rows)


def run_frames(model: Any, cameras: Cameras, output_name: str) -> Iterator[Frame]:
    """Render one view after another.

    Args:
        model: Any ray-based model, in evaluation mode.
        cameras: The views, on the model's device.
        output_name: An output of the model with three numbers per pixel in [0, 1], such as rgb or normals.

    Raises:
        InputError: If the model has no such output.
    """
    for index in track(range(len(cameras)), "Rendering"):
        outputs = model.get_outputs_for_camera(cameras[index : index + 1])
        if output_name not in outputs or outputs[output_name].shape[-1] != 3:
            fitting = sorted(name for name, value in outputs.items() if value.shape[-1] == 3)
            raise InputError(f"The model has no picture '{output_name}': give one of {', '.join(fitting)}.")
        shown = outputs[output_name].float().clamp(0, 1)
        yield (shown * 255 + 0.5).to(torch.uint8).cpu().numpy()
