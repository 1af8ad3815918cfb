"""Does the split of a scene leave images for training and for evaluation?"""

import os
from collections.abc import Callable
from pathlib import Path

from nerfstudio.data.dataparsers.instant_ngp_dataparser import InstantNGPDataParserConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.data.utils import dataparsers_utils as stock

from s3im_methods.data.wording import are, quote, some
from s3im_methods.errors import InputError

FEWEST_TRAINING_VIEWS = 2
_SPLITS = ("train", "val", "test")


def listed_splits(meta: dict, images: list[Path], file_of: Callable[[str], Path], path: Path) -> list[list[int]] | None:
    """The splits that the file lists itself as train_filenames, val_filenames and test_filenames.

    All three must be there: nerfstudio trains with the first two, and evaluates, views and renders with the third.

    Args:
        meta: What the JSON file holds.
        images: Each frame's image.
        file_of: Where nerfstudio looks for a listed name.
        path: The JSON file, for the sentence.

    Returns:
        The frames' indices for each split, or None where the file lists no splits.

    Raises:
        InputError: If a list is missing, malformed or too short, or names an image that no frame has.
    """
    keys = [f"{split}_filenames" for split in _SPLITS]
    present = [key for key in keys if key in meta]
    if not present:
        return None
    absent = [key for key in keys if key not in meta]
    if absent:
        raise InputError(
            f"{quote(path)} lists {' and '.join(present)} but not {' and '.join(absent)}, and nerfstudio needs all "
            "three to train and then evaluate: add what is missing (val_filenames and test_filenames may be the same)."
        )
    return [_listed_split(key, meta[key], images, file_of, path) for key in keys]


def _listed_split(key: str, names: object, images: list[Path], file_of: Callable[[str], Path], path: Path) -> list[int]:
    if not isinstance(names, list) or any(not isinstance(name, str) for name in names):
        raise InputError(f"{key} in {quote(path)} is not a list of file names: give a list of the frames' file_paths.")
    index = {image: number for number, image in enumerate(images)}
    unknown = [name for name in names if file_of(name) not in index]
    if unknown:
        raise InputError(
            f"{key} in {quote(path)} lists {quote(unknown[0])}, which is not the file_path of a frame "
            f"({some(len(unknown), len(names), 'name')} {are(len(unknown))} unknown): correct or drop it."
        )
    chosen = sorted({index[file_of(name)] for name in names})
    fewest = FEWEST_TRAINING_VIEWS if key == "train_filenames" else 1
    if len(chosen) < fewest:
        count = "one image only" if chosen else "no image"
        raise InputError(f"{key} in {quote(path)} lists {count}: list {fewest} or more.")
    return chosen


def chosen_splits(
    config: NerfstudioDataParserConfig | InstantNGPDataParserConfig,
    images: list[Path],
    path: Path,
    parser: str = "nerfstudio-data",
) -> list[list[int]]:
    """The training and evaluation images that nerfstudio chooses by ``eval_mode``.

    Args:
        config: The data parser's configuration.
        images: Each frame's image.
        path: The JSON file, for the sentence.
        parser: The data parser's name, for the sentence.

    Returns:
        The frames' indices for training and for evaluation.

    Raises:
        InputError: If a flag is out of range, or fewer than 2 training images or no evaluation image are left.
    """
    order = sorted(range(len(images)), key=images.__getitem__)
    names = [images[index] for index in order]
    train, evaluation = ([order[i] for i in indices] for indices in _stock_split(config, names, path))
    if len(train) < FEWEST_TRAINING_VIEWS or not evaluation:
        detail = {
            "fraction": f" and --train-split-fraction {config.train_split_fraction:g}",
            "interval": f" and --eval-interval {config.eval_interval}",
        }.get(config.eval_mode, "")
        remedy = "interval --eval-interval 8" if len(images) > FEWEST_TRAINING_VIEWS else "all"
        raise InputError(
            f"The {len(images)} images of {quote(path)} split into {len(train)} for training and {len(evaluation)} for "
            f"evaluation by --eval-mode {config.eval_mode}{detail}, but at least {FEWEST_TRAINING_VIEWS} and 1 are "
            f"needed: add `{parser} --eval-mode {remedy}` at the end of the command, or take more pictures."
        )
    return [train, evaluation]


def _stock_split(
    config: NerfstudioDataParserConfig | InstantNGPDataParserConfig, names: list[Path], path: Path
) -> tuple:
    if config.eval_mode == "fraction":
        if not 0 <= config.train_split_fraction <= 1:
            raise InputError(f"--train-split-fraction is {config.train_split_fraction:g}: give a number from 0 to 1.")
        return stock.get_train_eval_split_fraction(names, config.train_split_fraction)
    if config.eval_mode == "interval":
        if config.eval_interval < 2:
            raise InputError(f"--eval-interval is {config.eval_interval}: give a whole number from 2 upwards.")
        return stock.get_train_eval_split_interval(names, config.eval_interval)
    if config.eval_mode == "filename":
        for name in map(os.path.basename, names):
            if "train" not in name and "eval" not in name:
                raise InputError(
                    f"{quote(name)} of {quote(path)} has neither train nor eval in its name, by which "
                    "--eval-mode filename splits: rename it or choose another --eval-mode."
                )
        return stock.get_train_eval_split_filename(names)
    return stock.get_train_eval_split_all(names)
