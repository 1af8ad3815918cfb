"""What maps a point to features."""

from s3im_methods.encodings.hash_grid import FusedHashEncoding, fuse_hash_encodings, fused_available, point_gradients
from s3im_methods.encodings.sdf_hash_grid import SDFHashEncoding

__all__ = ["FusedHashEncoding", "SDFHashEncoding", "fuse_hash_encodings", "fused_available", "point_gradients"]
