"""Write frames as an MP4 file, as an animated GIF or WebP picture, or as PNG files in a folder."""

import re
import shutil
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError
from s3im_methods.outputs import check_output_file, check_output_folder, written
from s3im_methods.runs.picture_notes import read_note, save_with_note

Frame = NDArray[np.uint8]
"""sRGB, ``[H, W, 3]``."""

_FRAME = re.compile(r"frame_\d+\.(png|jpe?g)", re.IGNORECASE)
_NOTE = {"film": "frame"}
# Milliseconds in which animated pictures count; a GIF has hundredths of a second.
_TICK = {".gif": 10, ".webp": 1}


def check_film(path: Path, flag: str) -> Path:
    """See that a film can be written, before the work.

    Args:
        path: An .mp4, .gif or .webp file, or a folder for frames: anything without an ending.
        flag: Which gives it, for the sentence.

    Returns:
        The path without ``~``.

    Raises:
        InputError: If it cannot, or the folder holds frames of something else, which would mix with the film's.
    """
    if not path.suffix:
        path = check_output_folder(path, flag)
        others = sorted(file.name for file in path.glob("*") if _FRAME.fullmatch(file.name) and not _is_ours(file))
        if others:
            raise InputError(
                f"{flag} is {quote(path)}, which holds frames of something else or of an older version, such as "
                f"{others[0]}: give another folder, or remove them."
            )
        return path
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


def _is_ours(frame: Path) -> bool:
    return read_note(frame) == _NOTE


def durations(count: int, frame_rate: float, tick: int) -> list[int]:
    """How long each frame is shown, in milliseconds, so that each begins at most half a tick early or late.

    Args:
        count: Frames.
        frame_rate: Of them per second.
        tick: All durations are multiples of it.

    Example:
        >>> durations(6, 15.0, 10)
        [70, 60, 70, 70, 60, 70]
    """
    begins = [round(index * 1000 / frame_rate / tick) * tick for index in range(count + 1)]
    return [after - before for before, after in pairwise(begins)]


def write_film(frames: Iterable[Frame], path: Path, frame_rate: float, count: int, size: tuple[int, int]) -> None:
    """Write the frames as they come.

    Args:
        frames: All of one size.
        path: As :func:`check_film` takes it; a film appears when it is complete, and frames replace earlier ones.
        frame_rate: Frames per second.
        count: Frames.
        size: Height and width; even numbers for a film.
    """
    if not path.suffix:
        path.mkdir(parents=True, exist_ok=True)
        names = set()
        for number, frame in enumerate(frames):
            names.add(f"frame_{number:04d}.png")
            with written(path / f"frame_{number:04d}.png") as place:
                save_with_note(Image.fromarray(frame), place, _NOTE)
        # Of a longer film that was written there before.
        for old in path.glob("frame_*.png"):
            if old.name not in names and _is_ours(old):
                old.unlink()
        return
    if path.suffix.lower() != ".mp4":
        pictures = (Image.fromarray(frame) for frame in frames)
        with written(path) as place:
            shown = durations(count, frame_rate, _TICK[path.suffix.lower()])
            next(pictures).save(place, save_all=True, append_images=pictures, duration=shown, loop=0, quality=75)
        return
    import mediapy

    with written(path) as place, mediapy.VideoWriter(place, shape=size, fps=frame_rate, crf=20) as film:
        for frame in frames:
            film.add_image(frame)
