"""Procedural scenes whose images, poses, depth, normals and mesh are known exactly.

``write_scene(RoomConfig(width=24, height=18, train_views=6, test_views=2), Path("room"))`` is all a test needs.
"""

from s3im_methods.scenes.config import ObjectConfig, RoomConfig, SceneConfig
from s3im_methods.scenes.writer import write_scene

__all__ = ["ObjectConfig", "RoomConfig", "SceneConfig", "write_scene"]
