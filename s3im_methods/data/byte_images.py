"""nerfstudio's data manager with images kept as the bytes they come in: a quarter of the memory, and a quicker start.

nerfstudio keeps every image in float32, all of them twice while it stacks them. The pixel sampler turns the bytes of
the drawn pixels into the same floats, to the last bit; ``stacking`` does without the second copy.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.data.utils.nerfstudio_collate import nerfstudio_collate
from torch.utils.data import Dataset

from s3im_methods.console import say, warn
from s3im_methods.data.checked_parser import be_silent, checked_parser
from s3im_methods.data.cut_out import add_cut_out_facts
from s3im_methods.data.depth.listing import METADATA_KEY
from s3im_methods.data.few_views import spread_evenly
from s3im_methods.data.image_sizes import check_factor, whole_downscale_factor
from s3im_methods.data.look_at_files import look_at_files
from s3im_methods.data.scaled_datamanager import ScaledDataManager, ScaledDataManagerConfig
from s3im_methods.data.scene_facts import SceneFacts, add_facts
from s3im_methods.data.scene_images import SceneImages
from s3im_methods.data.stacking import stack_and_free
from s3im_methods.data.tabulated_rays import TabulatedRayGenerator, can_be_tabulated
from s3im_methods.samplers import PatchAwarePixelSamplerConfig

_LOOKED_AT = 8


@dataclass
class ByteImageDataManagerConfig(ScaledDataManagerConfig):
    """Configuration of the data manager that keeps images as bytes."""

    _target: type = field(default_factory=lambda: ByteImageDataManager)
    """The class to instantiate."""


class ByteImages(Dataset):
    """A dataset's images as uint8; for the rest it is that dataset.

    Args:
        dataset: A dataset of nerfstudio whose images are not blended with a colour.
    """

    def __init__(self, dataset: InputDataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """What the dataset has for an image; ``image`` is ``[H, W, 3 or 4]``, uint8."""
        return self._dataset.get_data(index, image_type="uint8")

    def __getattr__(self, name: str) -> Any:
        # A copy is made before it has a dataset.
        if name == "_dataset":
            raise AttributeError(name)
        return getattr(self._dataset, name)


def mean_colour(dataset: InputDataset, ignores_masks: bool) -> tuple[float, float, float] | None:
    """The mean colour, in [0, 1], of the pixels that are learned from in up to eight images, evenly spaced.

    Args:
        dataset: The images; what is transparent counts as black.
        ignores_masks: Whether pixels are drawn off the masks too.

    Returns:
        Red, green and blue; None if these images have no such pixel.
    """
    count, means = len(dataset.image_filenames), []
    for place in spread_evenly(min(_LOOKED_AT, count), count):
        data = dataset.get_data(place)
        pixels = data["image"] if ignores_masks or "mask" not in data else data["image"][data["mask"][..., 0]]
        if pixels.numel() > 0:
            colours = pixels[..., :3] * pixels[..., 3:] if pixels.shape[-1] == 4 else pixels
            means.append(colours.reshape(-1, 3).mean(dim=0))
    if not means:
        return None
    red, green, blue = torch.stack(means).mean(dim=0).tolist()
    return red, green, blue


class ByteImageDataManager(ScaledDataManager):
    """See the module's docstring. Images stay floats where the parser names a background colour to blend them with, and
    for another pixel sampler than ours. Where a table can hold the rays of the pixels, they come from it.

    The training set's metadata say what is cut out, see :mod:`s3im_methods.data.cut_out`, and else, before a training,
    the mean colour.

    Args:
        config: The data manager's configuration.
        device: Where the rays live.
        test_mode: "val" for training, "test" for evaluation, "inference" for rendering, when no image is looked at.
        world_size: Number of processes that train together.
        local_rank: Number of this process on its machine.
        **kwargs: Passed on.

    Raises:
        InputError: If the scene cannot be used.
    """

    config: ByteImageDataManagerConfig

    def __init__(
        self,
        config: ByteImageDataManagerConfig,
        device: torch.device | str = "cpu",
        test_mode: Literal["test", "val", "inference"] = "val",
        world_size: int = 1,
        local_rank: int = 0,
        **kwargs: Any,
    ) -> None:
        check_factor(config.camera_res_scale_factor)
        config = copy.copy(config)
        say = warn if test_mode == "val" and local_rank == 0 else be_silent
        config.dataparser = checked_parser(config.dataparser, test_mode != "inference", say)  # type: ignore[assignment]
        whole_downscale_factor(config.dataparser)
        super().__init__(config, device, test_mode, world_size, local_rank, **kwargs)
        # The model is built by it, also where a run is rendered whose config.yml does not have it yet.
        add_cut_out_facts(self.train_dataset)
        metadata = self.train_dataset.metadata
        if test_mode == "val" and not SceneFacts.of(metadata).has_transparent_background:
            ignores_masks = bool(self.config.pixel_sampler.ignore_mask)
            add_facts(metadata, mean_colour=mean_colour(self.train_dataset, ignores_masks))
        # The model gets the metadata: the frames' entries are none of its business.
        metadata.pop(METADATA_KEY, None)

    def create_train_dataset(self) -> SceneImages:
        """The training views."""
        return SceneImages(self.train_dataparser_outputs, self.config.camera_res_scale_factor)

    def create_eval_dataset(self) -> SceneImages:
        """The evaluation views; before training, a look at the files of both."""
        dataset = SceneImages(
            self.dataparser.get_dataparser_outputs(split=self.test_split), self.config.camera_res_scale_factor
        )
        self.look_at_files(dataset)
        return dataset

    def look_at_files(self, evaluation: SceneImages) -> None:
        """Look at all views' files, where training is to begin.

        Args:
            evaluation: The evaluation views; the training views are there already.

        Raises:
            InputError: If the masks leave no pixel to learn from.
        """
        if self.test_mode == "val":
            ignores_masks = bool(self.config.pixel_sampler.ignore_mask)
            info, warnings = look_at_files(self.train_dataset, evaluation, ignores_masks)
            if self.local_rank == 0:
                for line in info:
                    say(line)
                for line in warnings:
                    warn(line)

    def setup_train(self) -> None:
        """Set up the loading of training images, and the rays of their pixels."""
        super().setup_train()
        cameras = self.train_ray_generator.cameras
        if can_be_tabulated(cameras):
            self.train_ray_generator = TabulatedRayGenerator(cameras)

    def load_images(self, name: Literal["train", "eval"], set_up: Callable[[], None]) -> None:
        """Let nerfstudio load a set's images, as bytes where they may be.

        Args:
            name: Of the set.
            set_up: nerfstudio's own.
        """
        with self._as_bytes("train_dataset" if name == "train" else "eval_dataset"):
            set_up()

    @contextmanager
    def _as_bytes(self, name: Literal["train_dataset", "eval_dataset"]) -> Iterator[None]:
        dataset: SceneImages = getattr(self, name)
        blended = dataset._dataparser_outputs.alpha_color is not None or dataset.paint is not None
        if blended or not isinstance(self.config.pixel_sampler, PatchAwarePixelSamplerConfig):
            yield
            return
        # nerfstudio's loaders ask a dataset for floats, and have no setting for this.
        setattr(self, name, ByteImages(dataset))
        collate = self.config.collate_fn
        if collate is nerfstudio_collate:
            self.config.collate_fn = stack_and_free
        try:
            yield
        finally:
            setattr(self, name, dataset)
            self.config.collate_fn = collate
