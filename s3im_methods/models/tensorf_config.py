"""Where config.yml files may look for the settings of :mod:`s3im_methods.models.s3im_tensorf`."""

from s3im_methods.models.s3im_tensorf import S3IMTensoRFModelConfig

__all__ = ["S3IMTensoRFModelConfig"]
