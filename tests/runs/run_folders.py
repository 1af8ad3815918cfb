"""Folders of runs as nerfstudio lays them out, for tests that only read names and small files."""

import json
import os
import shutil
from pathlib import Path

CONFIGS = Path(__file__).parents[1] / "fixtures" / "runs"
BEGAN = 1_700_000_000.0


def make_run(outputs: Path, name: str, step: int = 39, ended: float = BEGAN + 90, method: str = "s3im-tensorf") -> Path:
    """A run as nerfstudio lays it out, with an empty checkpoint."""
    folder = outputs / "room" / method / name
    (folder / "nerfstudio_models").mkdir(parents=True)
    shutil.copy(CONFIGS / method / "0.1.0" / "config.yml", folder)
    os.utime(folder / "config.yml", (BEGAN, BEGAN))
    checkpoint = folder / "nerfstudio_models" / f"step-{step:09d}.ckpt"
    checkpoint.touch()
    os.utime(checkpoint, (ended, ended))
    return folder


def evaluate(path: Path, checkpoint: Path, psnr: float) -> None:
    path.write_text(json.dumps({"checkpoint": str(checkpoint), "results": {"psnr": psnr, "psnr_std": 1.0}}))


def checkpoint_of(run: Path) -> Path:
    return next((run / "nerfstudio_models").iterdir())
