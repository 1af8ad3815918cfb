"""Where a view's depth comes from: sensor files, monocular files aligned to something metric, sparse points.

``source_config`` holds the settings, ``listing`` says which files belong to which image, ``maps`` makes one
:class:`~s3im_methods.data.depth.maps.DepthMap` per image, ``survey`` looks at all of them before training.
Inside this package depth is in metres, that is in the units in which transforms.json gives the cameras' positions.
"""
