"""S3IM-depth-nerfacto: S3IM-nerfacto that also learns from depth maps.

Differences to nerfstudio's depth-nerfacto: the choice of losses, the bounded ray density among them; means over the
rays that have a depth; sigma as a function of the step; depths with a sigma, a widening and a confidence per pixel;
learned alignment of monocular depth; depth metrics. Nothing is downloaded, and no depth is invented.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.losses.depth import DepthLossConfig
from s3im_methods.models.depth_mixin import DepthSupervisionMixin
from s3im_methods.models.s3im_nerfacto import S3IMNerfactoModel, S3IMNerfactoModelConfig

_GLO_SIZE = 4


@dataclass
class S3IMDepthNerfactoModelConfig(S3IMNerfactoModelConfig):
    """S3IM-nerfacto's settings, and the depth loss's."""

    _target: type = field(default_factory=lambda: S3IMDepthNerfactoModel)
    """The class to instantiate."""
    depth: DepthLossConfig = field(default_factory=lambda: DepthLossConfig(reach=2.0))
    """Settings of the depth loss."""
    appearance: Literal["embedding", "glo"] = "embedding"
    """How images that differ in exposure are told apart: embedding is nerfacto's, as its own settings describe it; glo
    is a vector of four numbers per image that starts at zero and is zero for views that were not trained on."""


class S3IMDepthNerfactoModel(DepthSupervisionMixin, S3IMNerfactoModel):
    """S3IM-nerfacto with a depth loss and depth metrics.

    Args:
        config: The model's configuration.
        scene_box: The scene's bounds.
        num_train_data: Number of training images.
        metadata: The training set's metadata; see :class:`~s3im_methods.data.scene_facts.SceneFacts`.
    """

    config: S3IMDepthNerfactoModelConfig

    @classmethod
    def decided(cls, config: Any, facts: SceneFacts) -> Any:
        """S3IM-nerfacto's, with the embedding that the choice of the images' appearance means."""
        if config.appearance == "glo":
            config = replace(config, appearance_embed_dim=_GLO_SIZE, use_average_appearance_embedding=False)
        return super().decided(config, facts)

    def populate_modules(self) -> None:
        """Build S3IM-nerfacto with depth; a vector of glo starts at zero."""
        super().populate_modules()
        if self.config.appearance == "glo" and self.field.embedding_appearance is not None:
            torch.nn.init.zeros_(self.field.embedding_appearance.embedding.weight)
