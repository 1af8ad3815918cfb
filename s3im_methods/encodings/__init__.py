"""What maps a point to features."""

from s3im_methods.encodings.hash_grid import (
    FusedHashEncoding,
    chosen_implementation,
    fuse_hash_encodings,
    implementation_line,
    point_gradients,
)
from s3im_methods.encodings.sdf_hash_grid import SDFHashEncoding

__all__ = [
    "FusedHashEncoding",
    "SDFHashEncoding",
    "chosen_implementation",
    "fuse_hash_encodings",
    "implementation_line",
    "point_gradients",
]
