"""S3IM-mip-NeRF on hash grids: nerfacto whose field and proposal networks see how wide a pixel is at each sample.

Each level of a grid counts as much as the sample can see of it, and the networks are told how much that is: what
mip-NeRF's integrated encoding does for sines (Barron et al., ICCV 2021), in the way of Zip-NeRF (ICCV 2023) but with
one point a sample. So distant and small renderings do not alias, and training at several scales is of use.
"""

from dataclasses import dataclass, field

from s3im_methods.fields.footprint_fields import see_footprints
from s3im_methods.losses.s3im_config import S3IMConfig
from s3im_methods.models.presets import refuse
from s3im_methods.models.s3im_nerfacto import S3IMNerfactoModel, S3IMNerfactoModelConfig
from s3im_methods.rays.sample_proposals import SampleProposals


@dataclass
class S3IMMipGridModelConfig(S3IMNerfactoModelConfig):
    """S3IM-nerfacto's settings, and that of the samples' width."""

    _target: type = field(default_factory=lambda: S3IMMipGridModel)
    """The class to instantiate."""
    s3im: S3IMConfig = field(default_factory=lambda: S3IMConfig(loss_mult=0.1))
    """Settings of the S3IM loss."""
    footprint: float = 2.0
    """How wide a sample counts for the hash grids, in standard deviations of its pixel; 0 makes it a point, as in
    nerfacto."""


class S3IMMipGridModel(S3IMNerfactoModel):
    """S3IM-nerfacto with samples as wide as their pixels.

    Args:
        config: The model's configuration.

    Raises:
        InputError: If the width is below 0.
    """

    config: S3IMMipGridModelConfig

    def populate_modules(self) -> None:
        """Build S3IM-nerfacto, and give its networks eyes for the samples' width."""
        if not 0 <= self.config.footprint < float("inf"):
            refuse("footprint", self.config.footprint, "give a number of 0 or above")
        super().populate_modules()
        self.density_fns = see_footprints(self, self.config.footprint)
        self.proposal_sampler.__class__ = SampleProposals
