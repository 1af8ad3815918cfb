"""A truncated signed distance fused from rendered depth (Curless and Levoy, 1996), to be asked at any point."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from torch import Tensor
from torch.nn import functional

from s3im_methods.console import warn
from s3im_methods.data.wording import are, some
from s3im_methods.errors import InputError
from s3im_methods.progress import track

_OPAQUE = 0.5


@dataclass(frozen=True)
class DepthView:
    """What one pinhole camera saw.

    Attributes:
        distance: Along the ray at the pixels' centres, ``[H, W]``, scene units; 0 for nothing.
        camera_to_world: ``[3, 4]``, nerfstudio's axes.
        focal: Along x and y in pixels, ``[2]``.
        centre: Principal point in pixels, ``[2]``.
    """

    distance: Tensor
    camera_to_world: Tensor
    focal: Tensor
    centre: Tensor


def render_views(
    model: Any, cameras: Cameras, most: int, downscale: float, output_name: str = "depth"
) -> Iterator[DepthView]:
    """Render depth from the places of cameras, evenly spread over them, through ideal pinholes.

    Args:
        model: Any ray-based model, in evaluation mode.
        cameras: On the model's device. Lens distortion is left out. A panorama becomes the six faces of a cube. Any
            other camera that is not perspective becomes one view of 90 degrees, and a line says so.
        most: How many cameras at most.
        downscale: How many times smaller than the cameras' images.
        output_name: The model's output to take. nerfacto's ``expected_depth`` lies in mid-air where a ray grazes an
            edge; its ``depth``, the median, does not.

    Raises:
        InputError: If the model has no such output.
    """
    count = min(most, len(cameras))
    kinds = cameras.camera_type
    narrowed = int(((kinds != CameraType.PERSPECTIVE.value) & (kinds != CameraType.EQUIRECTANGULAR.value)).sum())
    if narrowed:
        warn(
            f"{some(narrowed, len(cameras), 'camera')} {are(narrowed)} neither perspective nor a panorama: only "
            "their central 90 degrees are used, so the mesh lacks what lies outside."
        )
    for index in track(torch.linspace(0, len(cameras) - 1, count).round().long().tolist(), "Rendering depth"):
        for camera in _pinholes(cameras[index], downscale):
            yield _view(model.get_outputs_for_camera(camera), camera, output_name)


def _view(outputs: dict[str, Tensor], camera: Cameras, output_name: str) -> DepthView:
    if output_name not in outputs or outputs[output_name].shape[-1] != 1:
        names = ", ".join(sorted(key for key, value in outputs.items() if value.shape[-1] == 1))
        raise InputError(f"The model has no depth output '{output_name}': give one of {names}.")
    distance = outputs[output_name][..., 0].to(camera.device)
    clear = ~torch.isfinite(distance)
    if "accumulation" in outputs:
        clear |= outputs["accumulation"][..., 0].to(camera.device) < _OPAQUE
    return DepthView(
        distance.masked_fill(clear, 0.0),
        camera.camera_to_worlds[0],
        torch.cat([camera.fx[0], camera.fy[0]]),
        torch.cat([camera.cx[0], camera.cy[0]]),
    )


def _pinholes(camera: Cameras, downscale: float) -> Iterator[Cameras]:
    width, height = (max(2, round(int(side) / downscale)) for side in (camera.width, camera.height))
    across, down = width / int(camera.width), height / int(camera.height)
    fx, fy, cx, cy = camera.fx * across, camera.fy * down, camera.cx * across, camera.cy * down
    turns = torch.eye(3)[None]
    kind = int(camera.camera_type)
    if kind == CameraType.EQUIRECTANGULAR.value:
        turns = _CUBE
        # A quarter of the circle.
        width = max(2, round(width / 4))
    if kind != CameraType.PERSPECTIVE.value:
        height = width
        fx = fy = torch.full_like(fx, width / 2)
        cx = cy = torch.full_like(cx, width / 2)
    pose = camera.camera_to_worlds
    for turn in turns.to(pose):
        turned = torch.cat([pose[:, :3] @ turn, pose[:, 3:]], dim=-1)
        yield Cameras(turned[None], fx[None], fy[None], cx[None], cy[None], width, height)


# Turns of a camera that looks along -z, so that its views of 90 degrees cover all directions.
_CUBE = torch.tensor(
    [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],
        [[-1, 0, 0], [0, 1, 0], [0, 0, -1]],
        [[0, 0, -1], [0, 1, 0], [1, 0, 0]],
        [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
        [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    ],
    dtype=torch.float32,
)


class FusedDepth:
    """Mean over the views of how far a point lies in front of what each view saw.

    Args:
        views: At least one.
        truncation: Distances count up to this, in scene units; a view says nothing about what lies farther behind the
            surface that it saw, nor about what lies behind or beside the camera.
        least: Where fewer views say something, nothing is known.
    """

    def __init__(self, views: list[DepthView], truncation: float, least: int = 1) -> None:
        self.views = views
        self.truncation = truncation
        self.least = least

    @torch.no_grad()
    def __call__(self, points: Tensor) -> Tensor:
        """Distances ``[N]`` at points ``[N, 3]``, both in scene units: negative behind the surface, NaN if not seen."""
        total, count = torch.zeros_like(points[:, 0]), torch.zeros_like(points[:, 0])
        for view in self.views:
            ahead = self._ahead(view, points)
            seen = ahead >= -self.truncation
            total += torch.where(seen, ahead.clamp(max=self.truncation), 0.0)
            count += seen
        return torch.where(count >= self.least, total / count, torch.nan)

    def _ahead(self, view: DepthView, points: Tensor) -> Tensor:
        """How much farther than each point the view saw, ``[N]``; NaN where it saw nothing."""
        local = (points - view.camera_to_world[:, 3]) @ view.camera_to_world[:, :3]
        depth = -local[:, 2]
        plane = torch.stack([local[:, 0], -local[:, 1]], dim=-1) / depth.clamp_min(1e-9)[:, None]
        pixel = plane * view.focal + view.centre
        height, width = view.distance.shape
        size = pixel.new_tensor([width, height])
        inside = (depth > 0) & ((pixel >= 0) & (pixel < size)).all(dim=-1)
        # Where pixels tell of one surface they are interpolated; across an edge that would invent one in mid-air.
        place = (2 * pixel / size - 1)[None, None]
        nearest, smooth = (
            functional.grid_sample(
                view.distance[None, None], place, mode=mode, padding_mode="border", align_corners=False
            )[0, 0, 0]
            for mode in ("nearest", "bilinear")
        )
        seen = torch.where((smooth - nearest).abs() < self.truncation / 2, smooth, nearest)
        known = inside & (nearest > 0)
        return torch.where(known, seen - local.norm(dim=-1), torch.nan)
