"""Images rendered in chunks are nerfstudio's, and no chunk's outputs are kept beside the image."""

import weakref
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.models.base_model import Model

from s3im_methods.compat.chunks import render_in_chunks
from s3im_methods.models.s3im_mixin import S3IMMixin


class Painter:
    """Its colour is the ray's origin; it counts the outputs of earlier chunks that are still there at each chunk."""

    device = torch.device("cpu")

    def __init__(self, rays_per_chunk: int) -> None:
        self.config = SimpleNamespace(eval_num_rays_per_chunk=rays_per_chunk)
        self.given: list[weakref.ref] = []
        self.alive: list[int] = []

    def rays_at_once(self) -> int:
        return self.config.eval_num_rays_per_chunk

    def chunk_preparation(self, rays: RayBundle) -> None:
        """Nothing is done to chunks."""

    def __call__(self, ray_bundle: RayBundle) -> dict[str, Any]:
        self.alive.append(sum(ref() is not None for ref in self.given))
        outputs = {
            "rgb": ray_bundle.origins * 2,
            "accumulation": ray_bundle.origins[:, :1] > 0.5,
            "flat": ray_bundle.origins[:, 0].double(),
            "names": ["no tensor"],
        }
        self.given += [weakref.ref(output) for output in outputs.values() if isinstance(output, torch.Tensor)]
        return outputs

    forward = __call__


@pytest.fixture()
def rays() -> RayBundle:
    origins = torch.rand(3, 5, 3, generator=torch.Generator().manual_seed(0))
    return RayBundle(origins=origins, directions=origins, pixel_area=origins[..., :1])


@pytest.mark.parametrize("rays_per_chunk", [4, 5, 15, 100])
def test_it_renders_what_nerfstudio_does(rays, rays_per_chunk):
    ours = render_in_chunks(Painter(rays_per_chunk), rays)  # type: ignore[arg-type]
    theirs = Model.get_outputs_for_camera_ray_bundle(Painter(rays_per_chunk), rays)  # type: ignore[arg-type]
    assert ours.keys() == theirs.keys() == {"rgb", "accumulation", "flat"}
    for name, image in theirs.items():
        assert ours[name].dtype == image.dtype
        assert torch.equal(ours[name], image)


def test_no_chunk_outlives_its_turn(rays):
    # Through the mixin, as every method of the package renders.
    painter = Painter(4)
    S3IMMixin.get_outputs_for_camera_ray_bundle(painter, rays)  # type: ignore[arg-type]
    assert painter.alive == [0, 0, 0, 0]


def test_what_has_no_row_per_ray_is_left_out(rays):
    class Trained(Painter):
        def __call__(self, ray_bundle):
            return {**super().__call__(ray_bundle), "gradients": torch.zeros(7, 3), "loss": torch.zeros(())}

    assert render_in_chunks(Trained(4), rays).keys() == {"rgb", "accumulation", "flat"}  # type: ignore[arg-type]


def test_upstream_still_keeps_every_chunk(rays):
    """When this fails, nerfstudio's own rendering is as frugal: remove ``compat.chunks``."""
    painter = Painter(4)
    Model.get_outputs_for_camera_ray_bundle(painter, rays)  # type: ignore[arg-type]
    assert painter.alive[-1] > 0
