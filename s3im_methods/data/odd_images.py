"""Images that teach nothing, or teach something false without a word: of one colour, and copies of others."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from nerfstudio.data.datasets.base_dataset import InputDataset
from PIL import Image

from s3im_methods.data.wording import are, quote, some, which
from s3im_methods.errors import InputError

# Of 255, in every channel: what a sensor's noise and JPEG make of a lens cap.
_ONE_COLOUR = 8
# Nothing compresses well: only files so small for their pixels are decoded, in bytes per pixel and for all.
_PER_PIXEL, _FOR_HEADERS = 0.06, 4096
_COMPRESSED = ("PNG", "JPEG", "MPO", "WEBP")


def odd_image_warnings(train: InputDataset, evaluation: InputDataset) -> list[str]:
    """What of the images themselves may not be meant, a sentence each.

    Args:
        train: The training views.
        evaluation: The views for evaluation.

    Raises:
        InputError: If all training views are of one colour.
    """
    images, held_out = ([Path(name) for name in dataset.image_filenames] for dataset in (train, evaluation))
    times = train.cameras.times
    moves = times is not None and bool((times != times[0]).any())
    # What moves may come to the same place again.
    copied = [] if moves else _copies(images, held_out)
    return [*_of_one_colour(images), *_trained_on_too(images, held_out), *copied]


def _of_one_colour(images: Sequence[Path]) -> list[str]:
    bad = [path for path in images if _is_of_one_colour(path)]
    if not bad:
        return []
    count, first = some(len(bad), len(images), "training image"), f"{which(len(bad))} {quote(bad[0])}"
    if len(bad) == len(images):
        raise InputError(
            f"{count} {are(len(bad))} of one colour throughout, {first}, so that nothing is left to learn from: write "
            "the images again."
        )
    return [
        f"{count} {are(len(bad))} of one colour throughout, {first}: the scene is learned to look like that from "
        f"there, so drop {'it' if len(bad) == 1 else 'them'} if nothing was photographed."
    ]


def _is_of_one_colour(path: Path) -> bool:
    try:
        with Image.open(path) as file:
            most = _PER_PIXEL * file.width * file.height + _FOR_HEADERS
            if file.format in _COMPRESSED and os.path.getsize(path) > most:
                return False
            extrema = file.getextrema()
    except Exception:  # Decoders raise errors of any kind on damaged data; other checks refuse what is no image.
        return False
    channels = extrema if isinstance(extrema[0], tuple) else (extrema,)
    return all(high - low <= _ONE_COLOUR for low, high in channels)  # type: ignore[misc]


def _trained_on_too(images: Sequence[Path], held_out: Sequence[Path]) -> list[str]:
    both = [path for path in held_out if path in set(images)]
    if not both:
        return []
    return [
        f"{some(len(both), len(held_out), 'image')} for evaluation {are(len(both))} trained on too, {which(len(both))} "
        f"{quote(both[0])}: metrics say little of new views."
    ]


def _copies(images: Sequence[Path], held_out: Sequence[Path]) -> list[str]:
    """A sentence where files have the same bytes, with which place would one photograph be taken from two places."""
    every = list(dict.fromkeys([*images, *held_out]))
    original = _originals(every)
    copies = [path for path in every if path in original]
    if not copies:
        return []
    trained = set(images)
    leaks = [path for path in copies if (path in trained) != (original[path] in trained)]
    named = (leaks or copies)[0]
    harm = (
        "what is held out was trained on, so that metrics say less of new views"
        if leaks
        else "one picture from two places misleads the training"
    )
    count, noun = some(len(copies), len(every), "image"), "a copy" if len(copies) == 1 else "copies"
    return [
        f"{count} {are(len(copies))} byte for byte {noun} of another, {which(len(copies))} {quote(named)} of "
        f"{quote(original[named])}: {harm}. Keep each image once."
    ]


def _originals(paths: Sequence[Path]) -> dict[Path, Path]:
    """Of each copy the first file that has the same bytes."""
    of_size: dict[int, list[Path]] = {}
    for path in paths:
        if path.is_file():
            of_size.setdefault(path.stat().st_size, []).append(path)
    found: dict[Path, Path] = {}
    for alike in of_size.values():
        first: dict[bytes, Path] = {}
        for path in alike if len(alike) > 1 else ():
            digest = hashlib.blake2b(path.read_bytes()).digest()
            if digest in first:
                found[path] = first[digest]
            first.setdefault(digest, path)
    return found
