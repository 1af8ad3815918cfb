"""What ns-train does before it trains: places and hardware that fit this machine, and settings from a config.yml."""

import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from s3im_methods.console import say, warn
from s3im_methods.data.wording import quote
from s3im_methods.engine.leaves import equal, flag, leaves
from s3im_methods.engine.odd_settings import check_numbers, idle_settings, usual_config
from s3im_methods.engine.run_config import find_config, read_config, unknown_settings
from s3im_methods.engine.run_place import checkpoints_beside, find_checkpoint, fit_hardware, place_scene, steps_in
from s3im_methods.errors import InputError
from s3im_methods.outputs import check_output_folder, written

if TYPE_CHECKING:
    from nerfstudio.engine.trainer import TrainerConfig

_PARSER = "pipeline.datamanager.dataparser."
# Where nerfstudio looks for the scene; an earlier one wins.
_SCENE = ("data", "pipeline.datamanager.data", f"{_PARSER}data")
_SAMPLER, _SHARE = "pipeline.datamanager.pixel_sampler", "patch_share"


def prepare(config: "TrainerConfig") -> "TrainerConfig":
    """The settings to train with.

    Args:
        config: As the command line gave them.

    Returns:
        The same, or those of the file of ``--load-config`` with what else the command line gave.

    Raises:
        InputError: If that file cannot be used, a number of rays or steps is too small, there is no checkpoint to
            resume, or nothing can be written to the output folder.
    """
    if config.load_config is not None:
        config = _from_file(config)
    else:
        _say_what_is_idle(config, None)
    check_numbers(config)
    for name in ("output_dir", "data", "load_dir", "load_checkpoint", "warm_start"):
        value = getattr(config, name, None)
        if value is not None:
            setattr(config, name, Path(value).expanduser())
    _check_what_is_resumed(config)
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


def _check_what_is_resumed(config: "TrainerConfig") -> None:
    """Refuse what cannot be resumed before the scene is read, and tell nerfstudio's trainer the folder."""
    from nerfstudio.engine.trainer import Trainer

    from s3im_methods.engine.resumption import Resumption

    is_resumed = config.load_dir is not None or config.load_checkpoint is not None
    if not is_resumed and getattr(config, "warm_start", None) is not None:
        return
    kind, found = config._target, find_checkpoint(config, config.relative_model_dir.name)
    is_theirs = isinstance(kind, type) and issubclass(kind, Trainer) and not issubclass(kind, Resumption)
    if is_theirs and found is not None and config.load_dir is not None:
        # nerfstudio's trainer knows the folder of checkpoints only.
        config.load_dir = found.parent


def _say_what_is_idle(config: "TrainerConfig", given: Collection[str] | None) -> None:
    for line in idle_settings(config, given):
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
    given = _typed_settings(typed)
    names_a_checkpoint = bool({"load_dir", "load_checkpoint"} & given.keys())
    if not names_a_checkpoint:
        _find_what_it_resumes(config, recorded, beside, path)
    if not any(given.get(name) for name in _SCENE):
        # First, because it takes the folder for the recorded one.
        place_scene(config, path)
    _choose_sampler(config, given)
    for name, value in given.items():
        _set(config, name, value, path)
    _choose_scene(config, given)
    if names_a_checkpoint:
        # The recorded ones are those with which the run itself began.
        for name in ("load_dir", "load_step", "load_checkpoint"):
            setattr(config, name, given.get(name))
    if typed.method_name != config.method_name:
        warn(f"{quote(path)} is of the method {config.method_name}, so that is trained and not {typed.method_name}.")
    also = f"; the command line changes {', '.join(given)}" if given else ""
    say(f"The settings are those of {quote(path)}{also}.")
    config.load_config = None
    if "timestamp" not in given:
        _choose_folder(config, folder, beside, bool({"output_dir", "experiment_name"} & given.keys()))
    _say_what_is_idle(config, given)
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


def _choose_folder(config: "TrainerConfig", folder: Path, beside: Path | None, is_placed: bool) -> None:
    """Continue a run in its own folder, and begin a new one in a new one, so that no checkpoint is lost."""
    source, owned = config.load_dir or config.load_checkpoint, {folder.resolve(), (beside or folder).resolve()}
    resumes_itself = source is not None and bool(owned & {source.resolve(), source.resolve().parent})
    there = config.get_checkpoint_dir()
    # In another place it keeps its own name, unless the checkpoints of another run are there.
    goes_on = resumes_itself and is_placed and (there.resolve() in owned or not steps_in(there))
    if resumes_itself and not is_placed and folder.parent.name == config.method_name:
        config.output_dir, config.experiment_name = folder.parents[2], folder.parents[1].name
        config.timestamp = folder.name
    elif not goes_on and (beside is not None or steps_in(there)):
        config.timestamp = "{timestamp}"
        if source is None:
            warn(
                "Training begins from scratch, in a new folder: add --load-dir "
                f"{quote(beside or there)} to continue that run."
            )


def _choose_scene(config: "TrainerConfig", given: dict[str, Any]) -> None:
    """Let all three places name a scene that was typed: of those that the file fills, the first one wins."""
    scene = next((given[name] for name in _SCENE if given.get(name)), None)
    if scene is None:
        return
    manager: Any = config.pipeline.datamanager
    holders: tuple[Any, ...] = (config, manager, getattr(manager, "dataparser", None))
    for holder in holders:
        if hasattr(holder, "data"):
            holder.data = scene


def _choose_sampler(config: "TrainerConfig", given: dict[str, Any]) -> None:
    """Exchange the sampler of a run of ``s3im train``, whose class depends on whether there are patches."""
    share = given.get(f"{_SAMPLER}.{_SHARE}")
    if share is None or not hasattr(config, "base_target"):
        return
    from s3im_methods.models.any_method.configs import chosen_sampler

    manager: Any = config.pipeline.datamanager
    manager.pixel_sampler = chosen_sampler(vars(manager.pixel_sampler), share)
    if not hasattr(manager.pixel_sampler, _SHARE):
        del given[f"{_SAMPLER}.{_SHARE}"]


def _typed_settings(typed: "TrainerConfig") -> dict[str, Any]:
    """What the command line changed, by the settings' paths."""
    usual = dict(leaves(usual_config(typed)))
    # What is typed counts where it is the method's usual value, too; the file may hold another.
    words = _typed_words()
    now = dict(leaves(typed))
    if f"{_SAMPLER}.{_SHARE}" in words:
        # s3im train's sampler without patches does not hold it.
        now.setdefault(f"{_SAMPLER}.{_SHARE}", 0.0)
    found = {name: value for name, value in now.items() if name in words or not equal(usual.get(name), value)}
    found.pop("load_config")
    return found


def _typed_words() -> set[str]:
    """List the paths of the flags that were typed; those behind the data parser's name get its path."""
    from nerfstudio.configs.dataparser_configs import all_dataparsers

    words, beginning, before = set(), "", ""
    for word in sys.argv[1:]:
        is_value = before.startswith("--") and "=" not in before
        if word.startswith("--"):
            words.add(beginning + word.partition("=")[0].removeprefix("--").replace("-", "_"))
        elif word in all_dataparsers and not is_value:
            beginning = _PARSER
        before = word
    return words


def _set(config: Any, name: str, value: Any, path: Path) -> None:
    *parents, last = name.split(".")
    holder = config
    for parent in parents:
        holder = holder.get(parent) if isinstance(holder, dict) else getattr(holder, parent, None)
    # Other dicts than those of optimizers take any key; a later check knows which groups there are.
    if isinstance(holder, dict) and (last in holder or parents[0] != "optimizers"):
        holder[last] = value
    elif hasattr(holder, last):
        setattr(holder, last, value)
    else:
        raise InputError(f"{flag(name)} is not a setting of the method in {quote(path)}: leave it out.")
