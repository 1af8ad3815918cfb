"""Copies of the runs in tests/fixtures, for tests that load them."""

import shutil
from pathlib import Path

from s3im_methods import method_configs

FIXTURES = Path(__file__).parents[1] / "fixtures"
METHODS = {
    value.config.method_name: value.config for name, value in vars(method_configs).items() if name.startswith("s3im_")
}


def copy_run(run: Path, out: Path) -> Path:
    """Copy a run and all scenes such that the relative paths in its config are right as seen from ``out``.

    Args:
        run: Its folder, as seen from the fixtures'.
        out: An existing folder.

    Returns:
        The copy's folder.
    """
    shutil.copytree(FIXTURES / "scenes", out / "scenes")
    shutil.copytree(FIXTURES / run, out / run)
    return out / run
