"""nerfstudio's neus and neus-facto on scenes of other parsers than sdfstudio-data.

Their data set asks the parser for five things beside the images, all of them for monocular priors, and ends in
``KeyError: 'normal_filenames'`` (or ``'depth_filenames'``) with every other parser. A scene without priors is one in
which they are not included.
"""

import functools
from types import ModuleType
from typing import Any

from s3im_methods.compat.on_import import when_imported

_ABSENT = {
    "depth_filenames": None,
    "normal_filenames": None,
    "camera_to_worlds": None,
    "transform": None,
    "include_mono_prior": False,
}


def read_scenes_without_priors() -> None:
    """Let nerfstudio's ``SDFDataset`` take scenes of all parsers, as soon as it is imported."""
    when_imported("nerfstudio.data.datasets.sdf_dataset", _repair)


def _repair(module: ModuleType) -> None:
    build = module.SDFDataset.__init__
    if hasattr(build, "__wrapped__"):
        return

    @functools.wraps(build)
    def build_without_priors(self: Any, dataparser_outputs: Any, scale_factor: float = 1.0) -> None:
        for name, value in _ABSENT.items():
            dataparser_outputs.metadata.setdefault(name, value)
        build(self, dataparser_outputs, scale_factor)

    module.SDFDataset.__init__ = build_without_priors
