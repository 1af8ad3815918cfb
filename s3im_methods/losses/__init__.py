"""How a batch of rendered rays is judged: S3IM, its settings and its weight over the steps."""

from s3im_methods.losses.s3im import S3IM
from s3im_methods.losses.s3im_config import S3IMConfig, s3im_weight
from s3im_methods.losses.strength import balanced

__all__ = ["S3IM", "S3IMConfig", "balanced", "s3im_weight"]
