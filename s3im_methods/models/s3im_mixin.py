"""Adds S3IM to any nerfstudio model that renders rays.

    class S3IMNerfactoModel(S3IMMixin, NerfactoModel): ...

The mixin comes first, so that its methods wrap the model's. The model's config has a field ``s3im``; at weight 0 the
mixin leaves every number of the base model as it is. Beside S3IM, a model of this package decides settings by the data
and the machine, and renders in bounded memory and inside a crop's box.
"""

from collections.abc import Callable
from typing import Any

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import OrientedBox
from nerfstudio.model_components.renderers import RGBRenderer
from torch import Tensor

from s3im_methods.compat.camera_optimizer import make_poses_precise
from s3im_methods.compat.chunks import render_in_chunks
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.view_rays import ViewRays
from s3im_methods.models.crop import cut_to_crop, empty_where_missed
from s3im_methods.models.s3im_losses import S3IMLosses


class S3IMMixin(S3IMLosses):
    """See the module's docstring."""

    takes_scene_as_still = True

    renderer_rgb: Any
    config: Any
    """The settings by which the model is built and trained; it is never exchanged for another."""

    kept_config: Any
    """The settings that a run's config.yml keeps: the same, but for what this machine alone decides."""

    def __init__(self, config: Any, **kwargs: Any) -> None:
        # torch allows plain attributes before its own constructor, in which populate_modules may need this one.
        self.kept_config = self.decided(config, SceneFacts.of(kwargs.get("metadata")))
        super().__init__(config=self.for_this_machine(self.kept_config), **kwargs)

    @classmethod
    def decided(cls, config: Any, facts: SceneFacts) -> Any:
        """The user's settings, or a copy in which what they leave open is decided by presets and by the data."""
        return config

    @classmethod
    def for_this_machine(cls, config: Any) -> Any:
        """These settings, or a copy in which what they leave open is decided by the hardware and what is installed."""
        return config

    def populate_modules(self) -> None:
        """Build the base model and the S3IM term, with camera poses that are precise where they are learned."""
        super().populate_modules()
        make_poses_precise(self)
        self.view_rays = ViewRays()

    def rays_at_once(self) -> int:
        """How many rays of an image are rendered together."""
        return self.config.eval_num_rays_per_chunk

    @torch.no_grad()
    def get_outputs_for_camera(self, camera: Cameras, obb_box: OrientedBox | None = None) -> dict[str, Tensor]:
        """The base model's outputs for a camera, ``[H, W, C]`` each; its lens is looked at once only."""
        return self.get_outputs_for_camera_ray_bundle(self.view_rays.of(camera, obb_box))

    def chunk_preparation(self, rays: RayBundle) -> Callable[[RayBundle, int], None] | None:
        """What :func:`~s3im_methods.compat.chunks.render_in_chunks` does to each chunk of an image's rays first.

        Args:
            rays: ``[H, W]``, without bounds.
        """
        return None

    def get_outputs_for_camera_ray_bundle(self, camera_ray_bundle: RayBundle) -> dict[str, Tensor]:
        """The base model's outputs for an image's rays, ``[H, W, C]`` each, in bounded memory.

        Rays that have bounds already, which are those of a crop's box, show nothing outside of them.
        """
        if camera_ray_bundle.nears is None or camera_ray_bundle.fars is None:
            prepare = self.chunk_preparation(camera_ray_bundle)
            return render_in_chunks(self, camera_ray_bundle, self.rays_at_once(), prepare)
        rays, hits = cut_to_crop(camera_ray_bundle, self.collider)
        outputs = render_in_chunks(self, rays, self.rays_at_once())
        empty_where_missed(outputs, hits, rays.fars, self.renderer_rgb.background_color)  # type: ignore[arg-type]
        return outputs

    def get_rgba_image(self, outputs: dict[str, Tensor], output_name: str = "rgb") -> Tensor:
        """An image with its opacity, ``[H, W, 4]``, without the plain background behind it.

        nerfstudio's is opaque unless the background is random, so that its exports keep points where a ray hits
        nothing. Where the background is a ray's last sample it stays as nerfstudio has it.
        """
        background = self.renderer_rgb.background_color
        if output_name != "rgb" or background in ("random", "last_sample"):
            return super().get_rgba_image(outputs, output_name)
        colour, opacity = outputs["rgb"], outputs["accumulation"]
        # A background that is learned has no colour of its own to take away.
        if "bg_rgb" not in outputs:
            behind = RGBRenderer.get_background_color(background, colour.shape, colour.device)
            colour = ((colour - behind * (1 - opacity)) / opacity.clamp(min=1e-10)).clamp(0, 1)
        return torch.cat([colour, opacity], dim=-1)
