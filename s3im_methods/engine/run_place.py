"""What lies beside a run's config.yml wins over the places and the hardware that are written in it.

nerfstudio writes the absolute or relative places of a run into its config.yml and trusts them afterwards: a copied run
loads the original's checkpoint, a moved one finds neither its checkpoint nor its scene.
"""

import functools
import re
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from s3im_methods.console import say, warn
from s3im_methods.data.wording import quote
from s3im_methods.engine.resumed_settings import other_run
from s3im_methods.errors import InputError

if TYPE_CHECKING:
    from nerfstudio.engine.trainer import TrainerConfig


def steps_in(folder: Path) -> list[int]:
    """The steps whose checkpoints lie in a folder, in order; other files are left alone.

    Example:
        >>> steps_in(Path("nowhere"))
        []
    """
    found = [(path, re.fullmatch(r"step-(\d{9,})\.ckpt", path.name)) for path in folder.glob("step-*.ckpt")]
    return sorted(int(match[1]) for path, match in found if match and path.is_file())


def checkpoint_name(step: int) -> str:
    """The file of a step.

    Example:
        >>> checkpoint_name(499)
        'step-000000499.ckpt'
    """
    return f"step-{step:09d}.ckpt"


def choose_step(folder: Path, wanted: int | None, source: str, strict: bool) -> int:
    """The step whose checkpoint is to be loaded.

    Args:
        folder: Where the checkpoints are.
        wanted: The step that was asked for, or None for the last one.
        source: Who asked for it, the beginning of a sentence.
        strict: Whether a step that is not there is refused, instead of taking the last one.

    Raises:
        InputError: If there is no checkpoint, or not the one that was asked for.
    """
    steps = steps_in(folder)
    if not steps:
        raise InputError(
            f"No checkpoint (step-*.ckpt) in {quote(folder)}: put the run's nerfstudio_models folder there."
        )
    if wanted is None:
        return steps[-1]
    if wanted not in steps:
        there = ", ".join(map(str, steps[-5:]))
        if strict:
            raise InputError(f"{source} is {wanted}, and {quote(folder)} has no such checkpoint: give one of {there}.")
        warn(f"{source} is {wanted}, and {quote(folder)} has no such checkpoint: step {steps[-1]} is loaded.")
        return steps[-1]
    if not strict and wanted != steps[-1]:
        warn(
            f"{source} is {wanted}, so that step is loaded and not the last one, {steps[-1]}. Remove load_step "
            "there for the last one."
        )
    return wanted


def find_checkpoint(config: Any, checkpoints: str) -> Path | None:
    """Which file a training goes on from, or None where it begins.

    Args:
        config: The run's.
        checkpoints: Name of the folder of checkpoints in a run's folder, which may be given in its place.

    Raises:
        InputError: If there is no such file, or two are named.
    """
    if config.load_dir is None:
        if config.load_step is not None:
            raise InputError(
                f"--load-step is {config.load_step} and --load-dir is not given: add --load-dir, or leave out "
                "--load-step."
            )
        file = config.load_checkpoint
        if file is not None and not file.is_file():
            raise InputError(f"No checkpoint at {quote(file)}: give --load-checkpoint a step-*.ckpt file.")
        return file
    if config.load_checkpoint is not None:
        raise InputError("--load-dir and --load-checkpoint name two checkpoints: give one of them.")
    folder = Path(config.load_dir)
    if folder.is_file():
        raise InputError(f"--load-dir is {quote(folder)}, which is a file: give it to --load-checkpoint.")
    if not steps_in(folder) and steps_in(folder / checkpoints):
        folder = folder / checkpoints
    if not steps_in(folder):
        raise InputError(
            f"No checkpoint (step-*.ckpt) in {quote(folder)}: give --load-dir the nerfstudio_models folder of a run."
        )
    return folder / checkpoint_name(choose_step(folder, config.load_step, "--load-step", strict=True))


def checkpoints_beside(config: "TrainerConfig", folder: Path) -> Path | None:
    """Where the checkpoints of a run are, seen from its config.yml.

    Args:
        config: The run's.
        folder: Of its config.yml.

    Returns:
        The folder below, or that of config.yml itself, or None where there is no checkpoint in either.
    """
    return next((place for place in (folder / config.relative_model_dir, folder) if steps_in(place)), None)


def place_run(config: "TrainerConfig", path: Path, recorded_config: "TrainerConfig") -> None:
    """Let a run that is loaded to be looked at read what lies beside its config.yml, and say so.

    Args:
        config: What the file holds, and what a command's flags made of it; it is changed.
        path: The file that the user gave.
        recorded_config: What the file holds.

    Raises:
        InputError: If neither checkpoint nor scene is found, or the checkpoint is of another method.
    """
    recorded, folder = config.get_checkpoint_dir(), path.absolute().parent
    beside = checkpoints_beside(config, folder)
    if beside is not None:
        if not _same(recorded, beside):
            # One of both is not what the user thinks, where both are there.
            tell = warn if steps_in(recorded) else say
            tell(
                f"The checkpoint is read from {quote(beside)}, beside the given "
                f"config.yml, not from {quote(recorded)}, which config.yml names."
            )
        if beside == folder:
            config.relative_model_dir = folder
        # In place of four settings that need not be the names of the folders any more.
        config.get_base_dir = functools.partial(Path, folder)  # type: ignore[method-assign]
    elif steps_in(recorded):
        warn(f"No checkpoint lies beside {quote(path)}: it is read from {quote(recorded)}, which config.yml names.")
    else:
        raise InputError(
            f"No checkpoint (step-*.ckpt) in {quote(folder / config.relative_model_dir)}, nor in {quote(recorded)}, "
            "which config.yml names: put the run's nerfstudio_models folder beside its config.yml."
        )
    checkpoints = config.get_checkpoint_dir()
    config.load_step = choose_step(checkpoints, config.load_step, f"load_step in {quote(path)}", strict=False)
    sentence = other_run(recorded_config, path, checkpoints / checkpoint_name(config.load_step))
    if sentence is not None:
        warn(sentence)
    place_scene(config, path)


def place_scene(config: "TrainerConfig", path: Path) -> None:
    """Find the scene of a run whose recorded place is gone, and say where.

    It is looked for under its own name, and with the folders above it as far as they are the same, beside config.yml
    and in every folder above that.

    Args:
        config: What the file holds; it is changed.
        path: The run's config.yml.

    Raises:
        InputError: If the scene is not found.
    """
    manager: Any = config.pipeline.datamanager
    parser = getattr(manager, "dataparser", None)
    recorded = getattr(manager, "data", None) or getattr(parser, "data", None)
    if not isinstance(recorded, str | Path):
        return
    found = _where_it_was_trained(config, path, Path(recorded))
    if found is None:
        if Path(recorded).expanduser().exists():
            return
        found = _scene_near(Path(recorded), path)
    if found is None:
        name = PureWindowsPath(recorded).name
        raise InputError(
            f"The run's scene is not at {quote(recorded)}, which {quote(path)} names, nor beside or above "
            f"that file: put it, or a link to it, at {quote(path.absolute().parent / name)}."
        )
    if not _same(found, Path(recorded)):
        warn(
            f"The run's scene is read from {quote(found)}: config.yml names {quote(recorded)}, which is not "
            "there or is another one."
        )
    for holder, name in ((config, "data"), (manager, "data"), (parser, "data")):
        if getattr(holder, name, None) is not None:
            setattr(holder, name, found)


def fit_hardware(config: "TrainerConfig") -> None:
    """Let a run go on where its device is not there, and say so.

    Args:
        config: Of the run; its machine's settings are changed.
    """
    import torch

    machine = config.machine
    wanted, count = machine.device_type, machine.num_devices
    if wanted == "cuda" and not torch.cuda.is_available():
        machine.device_type, machine.num_devices = "cpu", 1
    elif wanted == "mps" and not torch.backends.mps.is_available():
        machine.device_type = "cuda" if torch.cuda.is_available() else "cpu"
        machine.num_devices = 1
    elif wanted == "cuda" and count > torch.cuda.device_count():
        machine.num_devices = torch.cuda.device_count()
    if machine.device_type != wanted:
        half = ", in float32" if config.mixed_precision and machine.device_type == "cpu" else ""
        place = "the CPU" if machine.device_type == "cpu" else machine.device_type
        warn(f"--machine.device-type is {wanted}, which this machine does not have: this run uses {place}{half}.")
    if machine.num_devices != count:
        warn(
            f"--machine.num-devices is {count}, but this machine has {machine.num_devices}: each step has "
            "fewer rays in proportion."
        )


def _where_it_was_trained(config: "TrainerConfig", path: Path, recorded: Path) -> Path | None:
    """A relative place, seen from the folder in which the run was trained, where that follows from config.yml's."""
    base, folder = type(config).get_base_dir(config), path.absolute().parent
    if recorded.is_absolute() or base.is_absolute() or folder.parts[-len(base.parts) :] != base.parts:
        return None
    place = Path(*folder.parts[: -len(base.parts)], recorded)
    return place if place.exists() else None


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _scene_near(recorded: Path, config: Path) -> Path | None:
    parts = [part for part in PureWindowsPath(recorded).parts if part not in (PureWindowsPath(recorded).anchor, "..")]
    run = config.absolute()
    above = [*run.parents, *(folder for folder in run.resolve().parents if folder not in run.parents)]
    for start in range(len(parts)):
        for folder in above:
            place = folder.joinpath(*parts[start:])
            if place.exists() and (_is_a_scene(place) or not (place in above or _holds_runs(place))):
                return place
    return None


def _is_a_scene(place: Path) -> bool:
    return place.is_file() or any(True for name in ("transforms*.json", "images*", "sparse") for _ in place.glob(name))


def _holds_runs(folder: Path) -> bool:
    # The folder of a scene's runs often has the name of the scene.
    return folder.is_dir() and any(True for depth in ("", "*/", "*/*/") for _ in folder.glob(f"{depth}config.yml"))
