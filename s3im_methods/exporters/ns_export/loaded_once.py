"""Let several ``ns-export`` commands share one loaded run and its points; each would load and draw by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nerfstudio.scripts import exporter

from s3im_methods.exporters.ns_export.repairs import repair_export


@contextmanager
def loaded_once(config: Any, pipeline: Any, step: int) -> Iterator[None]:
    """Within it, nerfstudio's export commands are handed this run, whatever they are to load.

    Args:
        config: The run's configuration.
        pipeline: Its pipeline, with images ("test" mode).
        step: The step of its checkpoint.
    """
    clouds: dict[Any, Any] = {}

    def setup(*_: Any, **__: Any) -> tuple[Any, Any, Any, int]:
        # As when the pipeline is built for the command.
        repair_export(config.pipeline.model, clouds)
        return config, pipeline, config.get_checkpoint_dir(), step

    module: Any = exporter
    original, module.eval_setup = module.eval_setup, setup
    try:
        yield
    finally:
        module.eval_setup = original
