"""nerfstudio's data manager with images at several scales: the same views, as a camera of fewer pixels has them.

A scene of any parser is made smaller here; where the parser's files hold several scales, these are taken.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datamanagers.base_datamanager import (
    VanillaDataManager,
    VanillaDataManagerConfig,
    variable_res_collate,
)
from nerfstudio.data.utils.dataloaders import FixedIndicesEvalDataloader, RandIndicesEvalDataloader
from nerfstudio.data.utils.nerfstudio_collate import nerfstudio_collate
from nerfstudio.model_components.ray_generators import RayGenerator
from torch import Tensor

from s3im_methods.data.scene_images import SceneImages
from s3im_methods.data.to_device import to_device
from s3im_methods.data.views_at_scale import (
    EVAL_SCALES_FLAG,
    SCALES_FLAG,
    JoinedViews,
    ViewsAtScale,
    have_one_size,
    joined_cameras,
    views_at_scales,
)
from s3im_methods.errors import InputError
from s3im_methods.samplers import PatchAwarePixelSamplerConfig
from s3im_methods.samplers.pixels_at_scales import PixelsAtScales


@dataclass
class ScaledDataManagerConfig(VanillaDataManagerConfig):
    """Configuration of a data manager with images at several scales."""

    _target: type = field(default_factory=lambda: ScaledDataManager)
    """The class to instantiate."""
    scales: tuple[int, ...] = (1,)
    """Downscale factors of the training images, such as 1 2 4 8. Each batch has equally many rays of each scale; a
    pixel is the mean of the area that it covers. For methods that know how large a pixel is, such as s3im-mipnerf."""
    eval_scales: tuple[int, ...] | None = None
    """Downscale factors at which held-out views are evaluated, together and one by one (psnr_scale_4). If not set:
    those of training."""


class ScaledDataManager(VanillaDataManager[SceneImages]):
    """See the module's docstring. Training and evaluation sets stay the views as they are; only what is drawn from
    them, and what ns-eval judges, is at several scales.

    Args:
        config: The data manager's configuration.
        *args: nerfstudio's.
        **kwargs: nerfstudio's.

    Raises:
        InputError: If the scales do not suit the images or the batch.
    """

    config: ScaledDataManagerConfig
    _views_of: dict[str, Tensor]

    def __init__(self, config: ScaledDataManagerConfig, *args: Any, **kwargs: Any) -> None:
        # torch allows plain attributes before its own constructor, in which images are set up.
        self._views_of = {}
        super().__init__(config, *args, **kwargs)

    def load_images(self, name: Literal["train", "eval"], set_up: Callable[[], None]) -> None:
        """Let nerfstudio load a set's images.

        Args:
            name: Of the set.
            set_up: nerfstudio's own.
        """
        set_up()

    def setup_train(self) -> None:
        """Set up the loading of training images, at all scales."""
        # Rays for a point cloud come from the finest pixels.
        scales = self.config.scales if self.test_mode == "val" else (min(self.config.scales, default=1),)
        self._set_up("train", views_at_scales(self.train_dataset, scales), super().setup_train)

    def setup_eval(self) -> None:
        """Set up the loading of evaluation images, at all scales at which they are judged; whole views are floats."""
        self._set_up("eval", self._eval_parts(self.eval_dataset), super().setup_eval)
        views = self.eval_views(self.eval_dataset)
        if views is self.eval_dataset:
            self.fixed_indices_eval_dataloader.input_dataset = self.eval_dataset
            self.eval_dataloader.input_dataset = self.eval_dataset
            return
        workers = self.world_size * 4
        self.fixed_indices_eval_dataloader = FixedIndicesEvalDataloader(views, device=self.device, num_workers=workers)
        self.eval_dataloader = RandIndicesEvalDataloader(views, device=self.device, num_workers=workers)

    def next_train(self, step: int) -> tuple[RayBundle, dict]:
        """The rays of a batch of training pixels, and the pixels, all on the device; cameras are numbered as the
        training views."""
        self.train_count += 1
        return self._next("train")

    def next_eval(self, step: int) -> tuple[RayBundle, dict]:
        """The rays of a batch of held-out pixels, and the pixels, all on the device."""
        self.eval_count += 1
        return self._next("eval")

    @property
    def _eval_scales(self) -> tuple[int, ...]:
        return judged_scales(self.config)

    def _eval_parts(self, dataset: Any) -> list[ViewsAtScale]:
        flag = SCALES_FLAG if self.config.eval_scales is None else EVAL_SCALES_FLAG
        return views_at_scales(dataset, self._eval_scales, flag)

    def eval_views(self, dataset: Any) -> Any:
        """Held-out views at all scales at which they are judged.

        Args:
            dataset: The views as they are.

        Returns:
            The same where that is the only scale; else a data set whose items have their ``scale``.
        """
        parts = self._eval_parts(dataset)
        return dataset if len(parts) == 1 and self._eval_scales == (1,) else JoinedViews(parts)

    def _set_up(self, name: Literal["train", "eval"], parts: list[ViewsAtScale], set_up: Callable[[], None]) -> None:
        """Let nerfstudio load images and make sampler and rays; where there are several scales, of each, and of all."""
        collate = self.config.collate_fn
        if len(parts) == 1 and parts[0].is_whole:
            # nerfstudio has looked at the training images alone.
            if collate is nerfstudio_collate and not have_one_size(parts[0].cameras):
                self.config.collate_fn = variable_res_collate
            self.load_images(name, set_up)
            self.config.collate_fn = collate
            return
        if not isinstance(self.config.pixel_sampler, PatchAwarePixelSamplerConfig):
            raise InputError(
                "Several scales need this package's pixel sampler: leave out --pipeline.datamanager.scales."
            )
        dataset, loaders, samplers = getattr(self, f"{name}_dataset"), [], []
        for part in parts:
            setattr(self, f"{name}_dataset", part)
            # By nerfstudio's data manager chosen by the sizes of all images.
            self.config.collate_fn = nerfstudio_collate if have_one_size(part.cameras) else variable_res_collate
            self.load_images(name, set_up)
            loaders.append(getattr(self, f"iter_{name}_image_dataloader"))
            samplers.append(getattr(self, f"{name}_pixel_sampler"))
        setattr(self, f"{name}_dataset", dataset)
        self.config.collate_fn = collate
        ends = torch.tensor([0, *(len(part) for part in parts)]).cumsum(0).tolist()
        rays: int = getattr(self.config, f"{name}_num_rays_per_batch")
        factors = [part.factor for part in parts]
        setattr(self, f"iter_{name}_image_dataloader", _all_at_once(loaders))
        setattr(self, f"{name}_pixel_sampler", PixelsAtScales(samplers, ends[:-1], factors, rays))
        cameras = joined_cameras([part.cameras for part in parts])
        setattr(self, f"{name}_ray_generator", RayGenerator(cameras.to(self.device)))
        self._views_of[name] = torch.tensor([place for part in parts for place in part.places], device=self.device)

    def _next(self, name: Literal["train", "eval"]) -> tuple[RayBundle, dict]:
        sampler: Any = getattr(self, f"{name}_pixel_sampler")
        # Before rays are made of the indices: nerfstudio sends these from memory for which the host waits.
        batch = to_device(sampler.sample(next(getattr(self, f"iter_{name}_image_dataloader"))), self.device)
        rays = getattr(self, f"{name}_ray_generator")(batch["indices"])
        views = self._views_of.get(name)
        if views is not None:
            batch["indices"][:, 0] = views[batch["indices"][:, 0]]
            rays.camera_indices = batch["indices"][:, :1]
        return rays, batch


def judged_scales(config: Any) -> tuple[int, ...]:
    """The scales at which held-out views are judged.

    Args:
        config: Of a data manager of this package, or of another one, which knows no scales.
    """
    if not isinstance(config, ScaledDataManagerConfig):
        return (1,)
    return tuple(config.scales if config.eval_scales is None else config.eval_scales)


def _all_at_once(loaders: list[Iterator[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    while True:
        yield {"scales": [next(loader) for loader in loaders]}
