"""Everything that ``ns-train`` shows of this package. Entry points name the objects of this module.

Method names and the paths of the classes that the configurations hold are stored in users' config.yml files: they do
not change.
"""

from s3im_methods import compat
from s3im_methods.methods.dvgo import s3im_dvgo, s3im_dvgo_lite
from s3im_methods.methods.mipnerf import s3im_mipnerf, s3im_mipnerf_lite
from s3im_methods.methods.mipnerf360 import s3im_mipnerf360, s3im_mipnerf360_lite
from s3im_methods.methods.nerfacto import (
    s3im_depth_nerfacto,
    s3im_depth_nerfacto_lite,
    s3im_nerfacto,
    s3im_nerfacto_lite,
)
from s3im_methods.methods.neus import s3im_neus, s3im_neus_lite
from s3im_methods.methods.neus_facto import s3im_neus_facto, s3im_neus_facto_lite
from s3im_methods.methods.tensorf import s3im_tensorf, s3im_tensorf_lite
from s3im_methods.methods.unisurf import s3im_unisurf, s3im_unisurf_lite
from s3im_methods.methods.volsdf import s3im_volsdf, s3im_volsdf_lite

compat.apply()

__all__ = [
    "s3im_depth_nerfacto",
    "s3im_depth_nerfacto_lite",
    "s3im_dvgo",
    "s3im_dvgo_lite",
    "s3im_mipnerf",
    "s3im_mipnerf360",
    "s3im_mipnerf360_lite",
    "s3im_mipnerf_lite",
    "s3im_nerfacto",
    "s3im_nerfacto_lite",
    "s3im_neus",
    "s3im_neus_facto",
    "s3im_neus_facto_lite",
    "s3im_neus_lite",
    "s3im_tensorf",
    "s3im_tensorf_lite",
    "s3im_unisurf",
    "s3im_unisurf_lite",
    "s3im_volsdf",
    "s3im_volsdf_lite",
]
