"""nerfstudio's ray generator, with what is the same at every step computed once.

Which way a pixel looks, in its camera's own axes, never changes; only the pose is applied per batch. nerfstudio
computes both for each batch, and undoes a lens's distortion with ten Newton steps: 700 small operators, a tenth of a
training step of the lite methods on a phone's photos, and as many kernel launches on a GPU.
"""

from dataclasses import replace

import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.model_components.ray_generators import RayGenerator
from torch import Tensor

MOST_PIXELS = 1 << 20
"""Of all lenses' tables together, 20 MB. Filling such ones takes a CPU seconds, which a training wins back."""
MOST_PIXELS_ON_GPU = 1 << 22
"""84 MB; a GPU fills them at once, and nerfstudio's own rays would make each step wait for it a dozen times."""

# The rays of the others do not begin at the camera, or the camera has more settings than are looked at here.
TABULATED_TYPES = (CameraType.PERSPECTIVE.value, CameraType.FISHEYE.value)


class TabulatedRayGenerator(RayGenerator):
    """Rays of pixels, equal to nerfstudio's but for rounding.

    Args:
        cameras: Cameras that :func:`can_be_tabulated`.
    """

    table: Tensor
    first: Tensor
    width: Tensor

    def __init__(self, cameras: Cameras) -> None:
        super().__init__(cameras)
        lenses, lens_of_camera = _lenses(cameras)
        # Direction, its length before it was normalised, and the pixel's area: as nerfstudio has them.
        views = [seen_from_the_origin(lens) for lens in lenses]
        tables = [torch.cat([v.directions, v.metadata["directions_norm"], v.pixel_area], dim=-1) for v in views]
        ends = torch.tensor([0, *(len(table) for table in tables)]).cumsum(0)
        self.register_buffer("table", torch.cat(tables), persistent=False)
        self.register_buffer("first", ends[:-1].to(cameras.device)[lens_of_camera], persistent=False)
        self.register_buffer("width", cameras.width[:, 0], persistent=False)

    def forward(self, ray_indices: Tensor) -> RayBundle:
        """Rays ``[n]`` of pixels ``[n, 3]``: camera, row and column."""
        camera, row, column = ray_indices.to(self.table.device).unbind(dim=-1)
        own = self.table[self.first[camera] + row * self.width[camera] + column]
        pose = self.cameras.camera_to_worlds[camera]
        return RayBundle(
            origins=pose[:, :, 3],
            directions=(own[:, None, :3] * pose[:, :, :3]).sum(dim=-1),
            pixel_area=own[:, 4:],
            camera_indices=camera[:, None],
            times=None if self.cameras.times is None else self.cameras.times[camera],
            metadata={"directions_norm": own[:, 3:4]},
        )


def can_be_tabulated(cameras: Cameras) -> bool:
    """Whether rays can come from a table: of perspective and fisheye cameras, whose lenses have few pixels in all."""
    if cameras.metadata or not all(kind in TABULATED_TYPES for kind in cameras.camera_type.unique().tolist()):
        return False
    lenses, _ = _lenses(cameras)
    most = MOST_PIXELS_ON_GPU if torch.device(cameras.device).type == "cuda" else MOST_PIXELS
    return sum(int(lens.width * lens.height) for lens in lenses) <= most


def _lenses(cameras: Cameras) -> tuple[list[Cameras], Tensor]:
    """One camera of each lens, and which lens each camera has, ``[n]``."""
    sizes = cameras.camera_type, cameras.width, cameras.height
    settings = [cameras.fx, cameras.fy, cameras.cx, cameras.cy, *(size.to(cameras.fx) for size in sizes)]
    if cameras.distortion_params is not None:
        settings.append(cameras.distortion_params)
    different, lens_of_camera = torch.cat(settings, dim=-1).unique(dim=0, return_inverse=True)
    found = lens_of_camera.tolist()
    places = [found.index(lens) for lens in range(len(different))]
    return [cameras[place : place + 1] for place in places], lens_of_camera


def seen_from_the_origin(lens: Cameras) -> RayBundle:
    """The rays of all pixels of one camera, row by row, with its own axes for the world's."""
    pose = torch.eye(4, device=lens.device)[:3]
    return replace(lens, camera_to_worlds=pose[None]).generate_rays(camera_indices=0).flatten()
