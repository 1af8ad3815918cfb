"""Load a trained run for a command."""

from pathlib import Path
from typing import Any, Literal


def load_run(load_config: Path, test_mode: Literal["test", "inference"]) -> tuple[Any, Any, int]:
    """A run's configuration, its pipeline and the last step that it was trained for.

    Args:
        load_config: The run's config.yml.
        test_mode: "test" where images are needed, "inference" where they are not.

    Raises:
        InputError: If there is no such file.
    """
    from s3im_methods.errors import InputError

    if not load_config.is_file():
        raise InputError(f"No config at '{load_config}': give the config.yml that ns-train wrote for the run.")
    from nerfstudio.utils.eval_utils import eval_setup

    config, pipeline, _, step = eval_setup(load_config, test_mode=test_mode)
    return config, pipeline, step
