"""Find and read the config.yml of a run, and say what is wrong with what was given instead."""

import dataclasses
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from s3im_methods.console import say
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError
from s3im_methods.models.any_method.methods import SUFFIX, base_name, refusal

if TYPE_CHECKING:
    from nerfstudio.engine.trainer import TrainerConfig

_ADVICE = "give the config.yml that ns-train wrote for the run"
# nerfstudio writes the settings in alphabetical order.
_BEGINNING, _LAST_SETTING = "!!python/object:", "vis"


def find_config(given: Path) -> Path:
    """The config.yml that a user means.

    Args:
        given: The file, or the run's folder.

    Returns:
        An existing file.

    Raises:
        InputError: If there is none, or something else was given; it names the config.yml that lies beside.
    """
    given = Path(given).expanduser()
    if given.is_dir():
        own = given / "config.yml"
        if own.is_file():
            say(f"{quote(given)} is a run's folder: its config.yml is loaded.")
            return own
        raise InputError(f"{quote(given)} is a folder without a config.yml{_what_is_near(given)}.")
    if not given.is_file():
        near = _what_is_near(given.parent) if given.parent.is_dir() else f": {_ADVICE}"
        raise InputError(f"No config at {quote(given)}{near}.")
    if given.suffix.lower() in (".ckpt", ".json", ".pt", ".pth"):
        kind = "a JSON file" if given.suffix.lower() == ".json" else "a checkpoint"
        raise InputError(f"{quote(given)} is {kind}, not a run's config.yml{_what_is_near(given.parent)}.")
    return given


def read_config(path: Path) -> "TrainerConfig":
    """Read a config.yml.

    Args:
        path: An existing file.

    Returns:
        What ns-train wrote.

    Raises:
        InputError: If it is something else, is cut off, or needs what is not installed.
    """
    from nerfstudio.configs.method_configs import all_methods
    from nerfstudio.engine.trainer import TrainerConfig

    text = _text(path)
    if not text.strip():
        raise InputError(f"{quote(path)} is empty: put a copy of the run's config.yml back.")
    if _is_cut_off(text):
        raise InputError(
            f"{quote(path)} is cut off after line {len(text.splitlines())}: put a copy of the run's config.yml back."
        )
    try:
        config = yaml.load(text, Loader=yaml.Loader)
    except yaml.constructor.ConstructorError as error:
        raise InputError(f"{quote(path)} names {_what_is_gone(error)}: {_who_has_it(text)}.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise InputError(
            f"{quote(path)} is not valid YAML{where}: it is damaged or another file, so {_ADVICE}."
        ) from error
    except (AttributeError, TypeError, ValueError, ImportError, pickle.UnpicklingError) as error:
        # Classes may refuse what an earlier or later version of them wrote.
        raise InputError(f"{quote(path)} cannot be loaded ({error}): {_who_has_it(text)}.") from error
    if not isinstance(config, TrainerConfig):
        raise InputError(f"{quote(path)} is YAML, but not a run's configuration: {_ADVICE}.")
    missing = _missing_settings(config)
    if missing:
        raise InputError(f"{quote(path)} lacks {missing[0]}: put a copy of the run's config.yml back.")
    if config.method_name not in all_methods:
        name = str(config.method_name)
        why = refusal(base_name(name)) if name.endswith(SUFFIX) else None
        if why is not None:
            raise InputError(f"{quote(path)} was written by s3im train. {why}")
        raise InputError(
            f"{quote(path)} is of the method {quote(name)}, which is not installed here: install the "
            "package that has it."
        )
    return config


def unknown_settings(config: Any) -> list[str]:
    """Settings that a configuration's classes do not have, as those of a newer version, by their paths."""
    found = []
    for path, part in _parts(config, ""):
        names = {field.name for field in dataclasses.fields(part)}
        if hasattr(part, "base_target"):
            # What s3im train adds to a method of others.
            names |= {"base_target", "s3im", "hash_grids"}
        found += [f"{path}{name}" for name in vars(part) if name not in names]
    return found


def _parts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield path, value
        for field in dataclasses.fields(value):
            yield from _parts(getattr(value, field.name, None), f"{path}{field.name}.")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _parts(item, f"{path}{key}.")


def _missing_settings(config: "TrainerConfig") -> list[str]:
    return [field.name for field in dataclasses.fields(config) if not hasattr(config, field.name)]


def _is_cut_off(text: str) -> bool:
    """Whether the beginning is ns-train's and the end is not: any part of the YAML may then seem to be at fault."""
    return text.startswith(_BEGINNING[: len(text)]) and not re.search(rf"^{_LAST_SETTING}: *\S", text, re.MULTILINE)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{quote(path)} is not a text file: {_ADVICE}.") from error
    except OSError as error:
        raise InputError(f"{quote(path)} cannot be read ({error.strerror}): check its permissions.") from error


def _what_is_gone(error: yaml.constructor.ConstructorError) -> str:
    names = re.findall(r"['\"]([\w.]+)['\"]", f"{error.problem}")
    return f"{quote(names[0])}, which is not installed here ({error.problem})" if names else str(error.problem)


def _who_has_it(text: str) -> str:
    method = re.search(r"^method_name: *(\S+) *$", text, re.MULTILINE)
    if method is None:
        return "install the package and version that wrote it"
    return f"install the package and version that wrote it, for the method {quote(method[1])}"


def _what_is_near(folder: Path) -> str:
    """The end of a sentence: which config.yml to give."""
    for place in (folder, folder.parent):
        if (place / "config.yml").is_file():
            return f": give {quote(place / 'config.yml')}"
    below = [path for depth in ("*", "*/*", "*/*/*") for path in folder.glob(f"{depth}/config.yml")]
    if below:
        newest = max(below, key=lambda path: path.stat().st_mtime)
        count = "one run is" if len(below) == 1 else f"{len(below)} runs are"
        return f", but {count} below it: give for instance {quote(newest)}"
    return f": {_ADVICE}"
