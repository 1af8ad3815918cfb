"""The names that the config.yml of a run of ``s3im train`` holds; they stay as they are.

To read such a file imports this module, which makes the methods with S3IM known to nerfstudio's commands. It is not
for plugins to import, because nerfstudio does not know its methods yet while it imports them.
"""

import copy
import functools
import traceback
from typing import Any

from nerfstudio.configs.method_configs import all_methods
from nerfstudio.data.datasets.semantic_dataset import SemanticDataset

from s3im_methods.engine.pipeline import S3IMPipeline
from s3im_methods.engine.trainer import S3IMTrainer
from s3im_methods.errors import InputError
from s3im_methods.models.any_method.configs import with_s3im
from s3im_methods.models.any_method.methods import SUFFIX, refusal
from s3im_methods.models.any_method.model import of_settings


def trainer(config: Any, **kwargs: Any) -> Any:
    """Build the method's trainer, with what ours adds to it."""
    return _both(S3IMTrainer, config.base_target)(config, **kwargs)


def pipeline(config: Any, **kwargs: Any) -> Any:
    """Build the method's pipeline, with what ours adds to it.

    Raises:
        InputError: If the scene lacks the segmentations that the method learns from.
    """
    try:
        built = _both(S3IMPipeline, config.base_target)(config, **kwargs)
    except AssertionError as error:
        # A bare assertion of nerfstudio's, in the constructor of its data set.
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        if frame.f_globals["__name__"] != SemanticDataset.__module__:
            raise
        raise InputError(
            "This method learns from segmentations of the images too, and the scene has none: give a scene of "
            "sitcoms3d-data, or train another method."
        ) from error
    cameras = getattr(getattr(built.datamanager, "train_dataset", None), "cameras", None)
    built.model.scene_has_times = getattr(cameras, "times", None) is not None
    return built


def model(config: Any, **kwargs: Any) -> Any:
    """Build the method's model, with S3IM."""
    # Models change their configuration while they are built: dnerf's would not be built from it a second time.
    config = copy.deepcopy(config)
    return of_settings(config.base_target, config.s3im, config.hash_grids)(config, **kwargs)


@functools.cache
def _both(ours: type, base: type) -> type:
    return ours if issubclass(ours, base) else type(f"{base.__name__}WithS3IM", (ours, base), {})


def _register() -> None:
    for name in list(all_methods):
        if refusal(name) is None:
            all_methods[name + SUFFIX] = with_s3im(name)


_register()
