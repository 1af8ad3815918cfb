"""Runs as rows of a table."""

import datetime

from s3im_methods.progress import spoken
from s3im_methods.runs.listing import FoundRun

COLUMNS = ("method", "scene", "steps", "PSNR", "time", "finished", "folder")
"""What the cells of a row are."""


def cells(run: FoundRun) -> list[str]:
    """One run's row; a dash stands for what is not known.

    Args:
        run: The run.
    """
    short_of_plan = run.planned is not None and run.steps < run.planned
    return [
        run.method,
        run.scene,
        f"{run.steps:,} of {run.planned:,}" if short_of_plan else f"{run.steps:,}",
        "-" if run.psnr is None else f"{run.psnr:.2f}",
        "-" if run.seconds is None else spoken(run.seconds),
        datetime.datetime.fromtimestamp(run.ended).strftime("%Y-%m-%d %H:%M"),
        str(run.folder),
    ]
