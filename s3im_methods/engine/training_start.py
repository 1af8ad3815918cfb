"""What ns-train does before it trains: places and hardware that fit this machine, and settings from a config.yml."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from s3im_methods.console import say, warn
from s3im_methods.data.wording import quote
from s3im_methods.engine.leaves import equal, flag, leaves
from s3im_methods.engine.odd_settings import check_numbers, idle_settings
from s3im_methods.engine.run_config import find_config, read_config, unknown_settings
from s3im_methods.engine.run_place import checkpoints_beside, fit_hardware, place_scene, steps_in
from s3im_methods.errors import InputError
from s3im_methods.outputs import check_output_folder, written

if TYPE_CHECKING:
    from nerfstudio.engine.trainer import TrainerConfig


def prepare(config: "TrainerConfig") -> "TrainerConfig":
    """The settings to train with.

    Args:
        config: As the command line gave them.

    Returns:
        The same, or those of the file of ``--load-config`` with what else the command line gave.

    Raises:
        InputError: If that file cannot be used, a number of rays or steps is too small, or nothing can be written to
            the output folder.
    """
    if config.load_config is not None:
        config = _from_file(config)
    else:
        _say_what_is_idle(config)
    check_numbers(config)
    for name in ("output_dir", "data", "load_dir", "load_checkpoint", "warm_start"):
        value = getattr(config, name, None)
        if value is not None:
            setattr(config, name, Path(value).expanduser())
    fit_hardware(config)
    folder = config.output_dir / (config.experiment_name or "") / (config.method_name or "") / config.timestamp
    check_output_folder(folder, "--output-dir")
    return config


def save_config(config: "TrainerConfig") -> None:
    """Write a run's config.yml such that a full disk leaves the one that is there.

    Args:
        config: The run's.

    Raises:
        InputError: If it cannot be written.
    """
    from nerfstudio.utils.rich_utils import CONSOLE

    path = config.get_base_dir() / "config.yml"
    CONSOLE.log(f"Saving config to: {path}")
    with written(path) as file:
        file.write_text(yaml.dump(config), encoding="utf-8")


def _say_what_is_idle(config: "TrainerConfig") -> None:
    for line in idle_settings(config):
        warn(line)


def _from_file(typed: "TrainerConfig") -> "TrainerConfig":
    assert typed.load_config is not None
    path = find_config(typed.load_config)
    config = read_config(path)
    unknown = unknown_settings(config)
    if unknown:
        say(f"{quote(path)} has settings that are not known here: {', '.join(unknown[:8])} have no effect.")
    folder, recorded = path.absolute().parent, config.get_checkpoint_dir()
    beside = checkpoints_beside(config, folder)
    _find_what_it_resumes(config, recorded, beside, path)
    given = _typed_settings(typed)
    for name, value in given.items():
        _set(config, name, value, path)
    if "load_checkpoint" in given and "load_dir" not in given:
        config.load_dir = None
    if typed.method_name != config.method_name:
        warn(f"{quote(path)} is of the method {config.method_name}, so that is trained and not {typed.method_name}.")
    also = f"; the command line changes {', '.join(given)}" if given else ""
    say(f"The settings are those of {quote(path)}{also}.")
    config.load_config = None
    if not {"output_dir", "experiment_name", "timestamp"} & given.keys():
        _choose_folder(config, folder, recorded, beside)
    place_scene(config, path)
    return config


def _find_what_it_resumes(config: "TrainerConfig", recorded: Path, beside: Path | None, path: Path) -> None:
    """The checkpoint with which the run itself began: its own one lies beside config.yml."""
    if config.load_dir is None:
        return
    is_own = config.load_dir.absolute() == recorded.absolute()
    if beside is not None and (is_own or not steps_in(config.load_dir)):
        config.load_dir, config.load_step = beside, None
    elif not steps_in(config.load_dir):
        raise InputError(
            f"{quote(path)} continues the checkpoints in {quote(config.load_dir)}, and none is there: give --load-dir "
            "the nerfstudio_models folder to continue."
        )


def _choose_folder(config: "TrainerConfig", folder: Path, recorded: Path, beside: Path | None) -> None:
    """Continue a run in its own folder, and begin a new one in a new one, so that no checkpoint is lost."""
    source = config.load_dir or config.load_checkpoint
    resumes, owned = source is not None, {folder.resolve(), (beside or folder).resolve()}
    if (
        source is not None
        and owned & {source.resolve(), source.resolve().parent}
        and folder.parent.name == config.method_name
    ):
        config.output_dir, config.experiment_name = folder.parents[2], folder.parents[1].name
        config.timestamp = folder.name
    elif beside is not None or steps_in(recorded):
        config.timestamp = "{timestamp}"
        if not resumes:
            warn(
                "Training begins from scratch, in a new folder: add --load-dir "
                f"{quote(beside or recorded)} to continue that run."
            )


def _typed_settings(typed: "TrainerConfig") -> dict[str, Any]:
    """What the command line changed, by the settings' paths."""
    from nerfstudio.configs.method_configs import all_methods

    usual = dict(leaves(all_methods[str(typed.method_name)]))
    found = {name: value for name, value in leaves(typed) if not equal(usual.get(name), value)}
    found.pop("load_config")
    return found


def _set(config: Any, name: str, value: Any, path: Path) -> None:
    *parents, last = name.split(".")
    holder = config
    for parent in parents:
        holder = holder.get(parent) if isinstance(holder, dict) else getattr(holder, parent, None)
    if isinstance(holder, dict) and last in holder:
        holder[last] = value
    elif hasattr(holder, last):
        setattr(holder, last, value)
    else:
        raise InputError(f"{flag(name)} is not a setting of the method in {quote(path)}: leave it out.")
