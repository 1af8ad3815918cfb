"""Load a trained run for a command."""

from pathlib import Path
from typing import Any, Literal

from s3im_methods.cli.start_up import imports_that_stay


def load_run(load_config: Path, test_mode: Literal["test", "inference"]) -> tuple[Any, Any, int]:
    """A run's configuration, its pipeline and the last step that it was trained for.

    Args:
        load_config: The run's config.yml, or its folder.
        test_mode: "test" where images are needed, "inference" where they are not.

    Raises:
        InputError: If there is no such file, it is no run's configuration, or its checkpoint or scene is not found.
    """
    from s3im_methods.engine.run_config import find_config

    # Before nerfstudio is imported, which takes seconds.
    path = find_config(load_config)
    with imports_that_stay():
        from nerfstudio.utils.eval_utils import eval_setup

    config, pipeline, _, step = eval_setup(path, test_mode=test_mode)
    return config, pipeline, step
