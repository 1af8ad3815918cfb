"""What maps a point to features."""

from s3im_methods.encodings.hash_grid import FusedHashEncoding, fuse_hash_encodings, fused_available, point_gradients

__all__ = ["FusedHashEncoding", "fuse_hash_encodings", "fused_available", "point_gradients"]
