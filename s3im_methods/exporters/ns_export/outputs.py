"""Whether the outputs that an ``ns-export`` command names are what it takes them for, and the colours it names."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from nerfstudio.cameras.cameras import Cameras, CameraType

from s3im_methods.errors import InputError
from s3im_methods.exporters.ns_export.command import flag

_CHANNELS = {"rgb_output_name": 3, "depth_output_name": 1, "normal_output_name": 3}
_RAYS = 16


@torch.no_grad()
def check_outputs(command: Any, pipeline: Any) -> None:
    """Render a few rays, and refuse names of outputs that the model lacks, or that hold something else.

    Args:
        command: A running ``ns-export`` command.
        pipeline: The run's, with a data manager that draws rays.

    Raises:
        InputError: If a name does not fit.
    """
    bundle, _ = pipeline.datamanager.next_train(0)
    outputs = pipeline.model(bundle[:_RAYS])
    for name, channels in _CHANNELS.items():
        wanted = getattr(command, name, None)
        if wanted is None or (name == "normal_output_name" and command.normal_method != "model_output"):
            continue
        fitting = [
            key for key, value in outputs.items() if isinstance(value, torch.Tensor) and value.shape[-1:] == (channels,)
        ]
        if wanted not in fitting:
            what = "one number" if channels == 1 else f"{channels} numbers"
            raise InputError(
                f"{flag(name)} is '{wanted}', and the model has no output of that name with {what} per pixel: give one "
                f"of {', '.join(sorted(fitting))}."
            )


def check_cameras(cameras: Cameras, downscale: int) -> None:
    """Refuse cameras whose depth ``ns-export tsdf`` cannot fuse: it takes all for pinholes with one size of image.

    Args:
        cameras: The training cameras.
        downscale: How many times smaller than their images they are rendered.

    Raises:
        InputError: If there are others.
    """
    instead = "use s3im export-mesh --method depth-fusion, which takes them"
    if bool((cameras.camera_type != CameraType.PERSPECTIVE.value).any()):
        raise InputError(f"ns-export tsdf reads every camera as a pinhole, and this scene has others: {instead}.")
    sizes = {(int(w), int(h)) for w, h in zip(cameras.width.flatten(), cameras.height.flatten(), strict=True)}
    if len(sizes) > 1:
        raise InputError(f"ns-export tsdf needs images of one size, and this scene has {len(sizes)} sizes: {instead}.")
    (width, height) = sizes.pop()
    if min(width, height) < 2 * downscale:
        raise InputError(
            f"--downscale-factor {downscale} leaves nothing of images of {width} x {height} pixels: give "
            f"{max(1, min(width, height) // 2)} or less."
        )


@contextmanager
def colours_asked_for(command: Any, model: Any) -> Iterator[None]:
    """Let a model answer with the output that ``--rgb-output-name`` names, wherever nerfstudio asks for its colours.

    nerfstudio's textures take "rgb" whatever the flag says, and its point clouds take the opacity from an output that
    is called like the colours, with "accumulation" in the place of "rgb".

    Args:
        command: A running ``ns-export`` command.
        model: The run's.
    """
    own = model.get_rgba_image
    name = getattr(command, "rgb_output_name", "rgb")

    def colours(outputs: dict[str, torch.Tensor], _: str = "rgb") -> torch.Tensor:
        if name.replace("rgb", "accumulation") != name:
            return own(outputs, name)
        return torch.cat([outputs[name], own(outputs, "rgb")[..., -1:]], dim=-1)

    model.get_rgba_image = colours
    try:
        yield
    finally:
        del model.get_rgba_image
