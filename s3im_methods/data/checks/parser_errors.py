"""What a data parser stumbled over, in one sentence."""

import os
from json import JSONDecodeError
from pathlib import Path

from nerfstudio.data.dataparsers.base_dataparser import DataParserConfig

from s3im_methods.data.checks.colmap_model import find_model
from s3im_methods.data.checks.folder import check_exists
from s3im_methods.data.checks.transforms import read_transforms
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

# What lies in a scene, and what reads it; the first that fits is named.
_LAYOUTS = (
    ("transforms.json", "nerfstudio-data"),
    ("transforms_train.json", "blender-data"),
    ("meta_data.json", "sdfstudio-data"),
    ("cameras_sphere.npz", "idr-data"),
    ("train.npz", "minimal-parser"),
)
_LONGEST = 300


def parser_name(config: DataParserConfig) -> str:
    """How a data parser is called on the command line.

    Args:
        config: Its configuration.
    """
    from nerfstudio.configs.dataparser_configs import all_dataparsers

    named = (name for name, known in all_dataparsers.items() if type(known) is type(config))
    return next(named, type(config).__name__.removesuffix("Config"))


def explain(error: Exception, config: DataParserConfig) -> InputError:
    """The sentence for what a data parser raised.

    Args:
        error: What it raised.
        config: Its configuration.
    """
    data = Path(config.data)
    try:
        check_exists(data)
        if _first(error, JSONDecodeError) or _first(error, UnicodeDecodeError):
            # The error does not say in which file.
            for path in [data] if data.is_file() else sorted(data.glob("*.json")):
                read_transforms(path)
    except InputError as better:
        return better
    name = parser_name(config)
    return InputError(f"{name} cannot read the scene {quote(data)}: {_cause(error)}{_other_parser(data, name)}.")


def _first(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """The earliest of a chain of errors that is of a kind."""
    found, seen, at = None, set(), error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        found = at if isinstance(at, kind) else found
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)  # type: ignore[assignment]
    return found


def _cause(error: Exception) -> str:
    first = _first(error, Exception)
    assert first is not None
    text = " ".join(str(first).split()).rstrip(".")
    text = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    if isinstance(first, FileNotFoundError) and first.filename:
        return f"there is no {quote(str(first.filename))}"
    if isinstance(first, OSError) and first.filename:
        return f"{quote(str(first.filename))} cannot be read ({first.strerror})"
    if isinstance(first, KeyError):
        return f"{text} is missing where the parser looks for it"
    if isinstance(first, IndexError):
        return f"one of its lists is shorter than another ({text})"
    return text if text and not isinstance(first, TypeError | AttributeError) else f"{type(first).__name__}: {text}"


def _other_parser(data: Path, name: str) -> str:
    found = [parser for layout, parser in _LAYOUTS if os.path.exists(data / layout)]
    found += ["colmap"] if find_model(data) else []
    if not found or name in found:
        return ". Correct it, or give another --data" if data.is_dir() else ". Give --data the scene's folder"
    return f". The folder looks like one for `{found[0]}`: add that at the end of the command"
