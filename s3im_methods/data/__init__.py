"""What is looked at before nerfstudio reads a scene, so that bad input gets one sentence, and where depth comes from.

Nothing is imported here, so that the settings in :mod:`s3im_methods.data.depth.source_config` stay light: the ``s3im``
command reads them to parse its flags.
"""
