"""nerfstudio's image dataset, with depth from the sources that the settings name."""

import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from torch import Tensor

from s3im_methods.data.depth.listing import METADATA_KEY
from s3im_methods.data.depth.maps import DepthMaps
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.scene_facts import add_facts
from s3im_methods.data.scene_images import SceneImages

DEPTH_KEYS = ("depth_image", "depth_sigma_scale", "depth_widening", "depth_confidence")


class DepthDataset(SceneImages):
    """Images with depth; nothing is downloaded, and an image without depth gets zeros.

    Each image's data hold, as float32 ``[H, W, 1]``:

    - ``depth_image``: z-depth in scene units, 0 for none. Times ``directions_norm`` it is the distance along the ray,
      for every kind of camera.
    - ``depth_sigma_scale`` and ``depth_widening``, where pixels may come from monocular maps: 1 and 0 for the sensor's,
      the settings' values for the others.
    - ``depth_confidence``, from 0 to 1, where the scene has confidence maps.

    All images of a scene have the same of these keys. ``metadata`` holds what of
    :class:`~s3im_methods.data.scene_facts.SceneFacts` is about depth.

    Args:
        dataparser_outputs: The split, as parsed.
        scale_factor: Factor of the images' resolution.
        depth: The settings; as they come where None.

    Raises:
        InputError: If the settings are out of range, or the scene has no depth of the kind they ask for.
    """

    exclude_batch_keys_from_device = [*SceneImages.exclude_batch_keys_from_device, *DEPTH_KEYS]  # noqa: RUF012

    def __init__(
        self, dataparser_outputs: DataparserOutputs, scale_factor: float = 1.0, depth: DepthSourceConfig | None = None
    ) -> None:
        super().__init__(dataparser_outputs, scale_factor)
        config = depth or DepthSourceConfig()
        self.depth_maps = DepthMaps(dataparser_outputs, self.cameras, config)
        # The sensor's depth is metric; only where there are monocular maps is there anything to learn.
        learned = config.alignment == "learned" and self.depth_maps.has_monocular
        # The model gets the metadata: the frames' entries are none of its business.
        self.metadata.pop(METADATA_KEY, None)
        add_facts(
            self.metadata,
            depth_source=self.depth_maps.source,
            depth_metres_per_unit=self.depth_maps.metres_per_unit,
            depth_alignment="learned" if learned else "fixed",
        )

    def get_metadata(self, data: dict) -> dict[str, Tensor]:
        """The depth of one image.

        Args:
            data: What is known of it already: ``image_idx`` and ``image``.

        Raises:
            InputError: If one of its depth files cannot be used.
        """
        maps = self.depth_maps
        found = maps.get(int(data["image_idx"]))
        depth = torch.from_numpy(found.metres)[..., None] / maps.metres_per_unit
        values = {"depth_image": depth.float()}
        if maps.has_monocular:
            monocular = torch.from_numpy(found.monocular)[..., None].float()
            values["depth_sigma_scale"] = 1.0 + monocular * (maps.config.monocular_sigma_scale - 1.0)
            values["depth_widening"] = monocular * maps.config.monocular_widening
        if maps.has_confidence:
            ones = torch.ones_like(values["depth_image"])
            known = found.confidence
            values["depth_confidence"] = ones if known is None else torch.from_numpy(known)[..., None].float()
        return values
