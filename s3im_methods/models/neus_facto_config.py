"""Where config.yml files may look for the settings of :mod:`s3im_methods.models.s3im_neus_facto`."""

from s3im_methods.models.s3im_neus_facto import S3IMNeuSFactoModelConfig

__all__ = ["S3IMNeuSFactoModelConfig"]
