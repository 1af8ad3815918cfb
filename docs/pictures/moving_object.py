"""What methods make of a moving object, seen at moments and by cameras that they were not trained on.

    python docs/pictures/moving_object.py PICTURE CONFIG [CONFIG ...]

A row for each moment: truth, then a rendering of each run, without S3IM and with it. CONFIG is the config.yml of a run
of ``s3im train`` on a scene of ``s3im scene object --moving``.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from s3im_methods.cli.load_run import load_run

MOMENTS = (0.2, 0.6, 0.95)
SIDE, GAP, LINE, MARGIN = 224, 6, 22, 78
BACKGROUND, INK = (250,) * 3, (40, 40, 40)

Rows = dict[float, dict[str, NDArray[np.uint8]]]


def of_run(config: Path, rows: Rows) -> None:
    """Render a run at the held-out views nearest to the moments; the first run brings the truth.

    Args:
        config: The run's config.yml.
        rows: By time, pictures ``[H, W, 3]`` by their captions; what is rendered is added.
    """
    settings, pipeline, _ = load_run(config, test_mode="test")
    data: Any = pipeline.datamanager.eval_dataset
    times = data.cameras.times.flatten()
    name = "with S3IM" if settings.pipeline.model.s3im.loss_mult > 0 else "without S3IM"  # type: ignore[attr-defined]
    for moment in MOMENTS:
        view = int((times - moment).abs().argmin())
        tiles = rows.setdefault(float(times[view]), {"truth": _bytes(data.get_image_float32(view))})
        with torch.no_grad():
            found = pipeline.model.get_outputs_for_camera(data.cameras[view : view + 1])
        tiles[name] = _bytes(found["rgb"])


def _bytes(colours: torch.Tensor) -> NDArray[np.uint8]:
    return (255 * colours[..., :3].clamp(0, 1)).byte().numpy()


def draw(rows: Rows) -> Image.Image:
    """A row for each time, with its pictures' captions above the first."""
    columns = max(map(len, rows.values()))
    canvas = Image.new("RGB", (MARGIN + columns * (SIDE + GAP), LINE + len(rows) * (SIDE + GAP)), BACKGROUND)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=14)
    for row, (time, tiles) in enumerate(sorted(rows.items())):
        top = LINE + row * (SIDE + GAP)
        pen.text((GAP, top + SIDE // 2), f"time {time:.2f}", fill=INK, font=font)
        for column, (caption, tile) in enumerate(tiles.items()):
            left = MARGIN + column * (SIDE + GAP)
            if row == 0:
                pen.text((left, 3), caption, fill=INK, font=font)
            canvas.paste(Image.fromarray(tile).resize((SIDE, SIDE), Image.Resampling.BICUBIC), (left, top))
    return canvas


if __name__ == "__main__":
    picture, *configs = map(Path, sys.argv[1:])
    shown: Rows = {}
    for each in configs:
        of_run(each, shown)
    draw(shown).save(picture, quality=88)
