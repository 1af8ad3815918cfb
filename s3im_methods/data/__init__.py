"""What is looked at before nerfstudio reads a scene, so that bad input gets one sentence instead of a traceback."""

from s3im_methods.data.check_scene import check_scene

__all__ = ["check_scene"]
