"""Write frames as an MP4 file, as an animated GIF or WebP picture, or as PNG files in a folder."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from s3im_methods.errors import InputError
from s3im_methods.outputs import check_output_file, check_output_folder, written

Frame = NDArray[np.uint8]
"""sRGB, ``[H, W, 3]``."""


def check_film(path: Path, flag: str) -> Path:
    """See that a film can be written, before the work.

    Args:
        path: An .mp4, .gif or .webp file, or a folder for frames: anything without an ending.
        flag: Which gives it, for the sentence.

    Returns:
        The path without ``~``.

    Raises:
        InputError: If it cannot.
    """
    if not path.suffix:
        return check_output_folder(path, flag)
    path = check_output_file(path, flag, (".mp4", ".gif", ".webp"))
    if path.suffix.lower() != ".mp4":
        return path
    from s3im_methods.compat.ffmpeg import put_ffmpeg_on_path

    put_ffmpeg_on_path()
    if shutil.which("ffmpeg") is None:
        raise InputError(
            f"{flag} is a film, which needs ffmpeg, and there is none: install imageio-ffmpeg, or give a .gif."
        )
    return path


def write_film(frames: Iterable[Frame], path: Path, frame_rate: float, size: tuple[int, int]) -> None:
    """Write the frames as they come.

    Args:
        frames: All of one size.
        path: As :func:`check_film` takes it; a film appears when it is complete, and frames replace earlier ones.
        frame_rate: Frames per second.
        size: Height and width; even numbers for a film.
    """
    if not path.suffix:
        path.mkdir(parents=True, exist_ok=True)
        names = set()
        for number, frame in enumerate(frames):
            names.add(f"frame_{number:04d}.png")
            with written(path / f"frame_{number:04d}.png") as place:
                Image.fromarray(frame).save(place)
        # Of a longer film that was written there before.
        for old in path.glob("frame_*.png"):
            if old.name not in names and re.fullmatch(r"frame_\d{4,}", old.stem):
                old.unlink()
        return
    if path.suffix.lower() != ".mp4":
        pictures = (Image.fromarray(frame) for frame in frames)
        with written(path) as place:
            next(pictures).save(
                place, save_all=True, append_images=pictures, duration=round(1000 / frame_rate), loop=0, quality=75
            )
        return
    import mediapy

    with written(path) as place, mediapy.VideoWriter(place, shape=size, fps=frame_rate, crf=20) as film:
        for frame in frames:
            film.add_image(frame)
