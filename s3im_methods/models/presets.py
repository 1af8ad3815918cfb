"""What settings are where the user gives none: tables of presets, and how a table fills a config.

A table's key is a style (whose method) and a kind of scene. Its values are settings by name, those of a group with a
dot, such as ``sdf_field.bias``. A setting that is None in the user's config is open, and takes the preset's value.
Nothing here knows a method: what follows from the data and from other settings is added to the preset before it fills.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NoReturn, TypeVar

from s3im_methods.errors import InputError

FLAG = "--pipeline.model"

Presets = Mapping[tuple[str, str], Mapping[str, Any]]

Config = TypeVar("Config")


def chosen_preset(config: Any, presets: Presets, auto: str) -> tuple[str, dict[str, Any]]:
    """The kind of scene, and a copy of its preset that can be added to.

    Args:
        config: Settings with ``style`` and ``scene_kind``.
        presets: The method's.
        auto: The kind that scene_kind auto stands for.

    Raises:
        InputError: If there is no such preset.
    """
    kind = auto if config.scene_kind == "auto" else config.scene_kind
    if (config.style, kind) not in presets:
        raise InputError(f"There is no preset for {FLAG}.style {config.style} and {FLAG}.scene-kind {kind}.")
    return kind, dict(presets[config.style, kind])


def filled(config: Config, preset: Mapping[str, Any]) -> Config:
    """A copy of the settings in which every open one that the preset names has its value.

    Args:
        config: A dataclass; it stays as it is.
        preset: Values by name; a name with a dot is that of a setting in a group.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Sizes:
        ...     width: int | None = None
        ...     height: int | None = None
        >>> filled(Sizes(width=3), {"width": 4, "height": 5})
        Sizes(width=3, height=5)
    """
    values: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {}
    for name, value in preset.items():
        group, dot, rest = name.partition(".")
        if dot:
            groups.setdefault(group, {})[rest] = value
        elif getattr(config, name) is None:
            values[name] = value
    values |= {group: filled(getattr(config, group), inner) for group, inner in groups.items()}
    return replace(config, **values)  # type: ignore[type-var]


def refuse(name: str, value: object, what: str) -> NoReturn:
    """Raise for a setting of the model.

    Args:
        name: Its name, with a dot where it is in a group.
        value: What it is.
        what: What to do, the end of the sentence.

    Raises:
        InputError: Always.
    """
    raise InputError(f"{FLAG}.{name.replace('_', '-')} is {value}: {what}.")


def check_weights(config: Any, names: Iterable[str]) -> None:
    """Refuse what is no weight of a loss.

    Args:
        config: The settings.
        names: Of those that are weights.

    Raises:
        InputError: If one is negative or not finite.
    """
    for name in names:
        if not 0 <= getattr(config, name) < float("inf"):
            refuse(name, getattr(config, name), "give a weight of 0 or above")
