"""S3IM-DVGO: dense voxels (Sun et al., CVPR 2022) with S3IM (Xie et al., ICCV 2023).

With weight 0 its losses are those of :class:`~s3im_methods.models.dvgo.DVGOModel` to the last bit.
"""

from dataclasses import dataclass, field
from typing import Any

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.models.dvgo import DVGOModel
from s3im_methods.models.dvgo_presets import with_preset
from s3im_methods.models.dvgo_settings import DVGOSettings
from s3im_methods.models.grids.memory import grid_bytes
from s3im_methods.models.s3im_mixin import S3IMMixin


@dataclass
class S3IMDVGOModelConfig(DVGOSettings):
    """DVGO's settings, and S3IM's; a setting that is None is as the preset of style and scene-kind says."""

    _target: type = field(default_factory=lambda: S3IMDVGOModel)
    """The class to instantiate."""


class S3IMDVGOModel(S3IMMixin, DVGOModel):
    """DVGO trained with S3IM.

    Args:
        config: The model's configuration.
        **kwargs: What nerfstudio's pipeline hands to every model.
    """

    config: S3IMDVGOModelConfig
    box_advice = "enlarge it with --pipeline.model.box-scale"
    decides_by_data = True

    @staticmethod
    def adapt_to_data(config: Any, parser: Any) -> None:
        """Decide on a scene-kind that is auto for blender-data; for other data the images do."""
        if config.scene_kind == "auto" and "blender" in type(parser).__name__.lower():
            config.scene_kind = "object"

    @classmethod
    def decided(cls, config: Any, facts: SceneFacts) -> Any:
        """The settings with what preset and images decide.

        Raises:
            InputError: If settings contradict each other or are out of range.
        """
        return with_preset(config, facts)

    def hardware_line(self) -> str:
        """What the grids will be and need, for the line that a run prints at its start."""
        config = self.config
        needed = grid_bytes(config.resolution**3, 1 + config.features, dense_gradient=self.device.type != "cpu")
        stages = f"a coarse stage of {config.coarse_steps} steps" if config.coarse_steps else "no coarse stage"
        return (
            f"voxel grids of {1 + config.features} numbers a node, up to {config.resolution}^3 nodes, which take up to "
            f"{needed / 1e9:.1f} GB; {stages}; preset: {config.style}, {config.scene_kind}; background: "
            f"{config.background_color}"
        )
