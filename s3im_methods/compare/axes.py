"""What a comparison varies: axes with values, each of which is a list of ``ns-train`` flags or a changed scene."""

import itertools
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from s3im_methods.compare.corruption import Corruption, parse_corruption
from s3im_methods.errors import InputError

Setting = tuple[str, ...]
"""A flag and its values, as one types them for ns-train."""

_DATA = "--pipeline.datamanager"
_S3IM = "--pipeline.model.s3im"
_PATCH_SHARE = ("--pipeline.datamanager.pixel-sampler.patch-share", "0.5")

_LOSSES: dict[str, tuple[Setting, ...]] = {
    "none": ((f"{_S3IM}.loss-mult", "0"),),
    "s3im": (),
    "add": ((f"{_S3IM}.balance", "add"),),
    "keep": ((f"{_S3IM}.balance", "keep"),),
    "control": ((f"{_S3IM}.role", "control"), (f"{_S3IM}.balance", "add")),
    "patch": ((f"{_S3IM}.mode", "patch"), _PATCH_SHARE),
    "both": ((f"{_S3IM}.mode", "both"), _PATCH_SHARE),
}


@dataclass(frozen=True)
class SceneEdit:
    """How the scene differs from the one that was given.

    Args:
        views: How many training views are kept, spread over their poses; None for all.
        corruption: What is done to the training images; None for nothing.
    """

    views: int | None = None
    corruption: Corruption | None = None

    def __bool__(self) -> bool:
        return self != SceneEdit()


@dataclass(frozen=True)
class Choice:
    """One value of an axis.

    Args:
        value: As the user gave it.
        settings: The flags that it stands for.
        edit: What it changes about the scene.
    """

    value: str
    settings: tuple[Setting, ...] = ()
    edit: SceneEdit = field(default_factory=SceneEdit)


@dataclass(frozen=True)
class Axis:
    """A name and the values that are compared."""

    name: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Variant:
    """One value of every axis.

    Args:
        values: From the axes' names to their values, in the order of the axes.
        settings: All their flags.
        edit: All that they change about the scene.
    """

    values: dict[str, str]
    settings: tuple[Setting, ...]
    edit: SceneEdit

    def after(self, common: Sequence[Setting]) -> tuple[Setting, ...]:
        """The flags of all variants, then this one's.

        Where all are given a weight of S3IM, the loss none has none of it.

        Raises:
            InputError: If both set the same flag otherwise.
        """
        own = {setting[0] for setting in self.settings}
        yields = {setting[0] for setting in _LOSSES["none"]} if self.values.get("loss") == "none" else set()
        for flag, *_ in common:
            if flag in own - yields:
                raise InputError(f"{flag} is given by --set and by an axis: leave out one of them.")
        return (*(setting for setting in common if setting[0] not in own), *self.settings)


def parse_setting(text: str) -> Setting:
    """Read ``FIELD.PATH=VALUE``.

    Args:
        text: A field of the method's configuration, with - or _ between words, and what one would type for it.

    Raises:
        InputError: If there is no = or no value.

    Example:
        >>> parse_setting("pipeline.model.background_color=last_sample")
        ('--pipeline.model.background-color', 'last_sample')
    """
    path, equals, value = text.partition("=")
    words = _words(value)
    if not (equals and path and words):
        raise InputError(f"'{text}' is no setting: give FIELD.PATH=VALUE, such as pipeline.model.s3im.loss-mult=0.3.")
    return (_flag(path), *words)


def parse_axis(text: str) -> Axis:
    """Read ``NAME``, ``NAME=V1,V2`` or ``FIELD.PATH=V1,V2``.

    Args:
        text: What the user gave.

    Raises:
        InputError: If there is no such axis, or it has no such value, none, or one twice.

    Example:
        >>> axis = parse_axis("weight=0,2")
        >>> [choice.settings for choice in axis.choices]
        [(('--pipeline.model.s3im.loss-mult', '0'),), (('--pipeline.model.s3im.loss-mult', '2'),)]
    """
    name, equals, listed = text.partition("=")
    if name in NAMED_AXES:
        usual, choice = NAMED_AXES[name]
    elif "." in name:
        name = _flag(name)[2:]
        usual, choice = "", _field(name)
    else:
        raise InputError(
            f"No axis '{name}': give one of {', '.join(NAMED_AXES)}, or a field of the configuration with its values, "
            "such as pipeline.model.s3im.loss-mult=0.3,1."
        )
    values = [value.strip() for value in (listed if equals else usual).split(",")]
    if not all(values):
        raise InputError(f"The axis '{text}' lacks a value: give {name}=VALUE,VALUE.")
    if len(set(values)) < len(values):
        raise InputError(f"The axis '{text}' has a value twice: give each once.")
    if name == "scales":
        choice = _scales_judged_at(values)
    return Axis(name, tuple(choice(value) for value in values))


def in_order_of(axes: Sequence[Axis], earlier: Sequence[str]) -> tuple[Axis, ...]:
    """The axes in the order in which an earlier call had them, so that the same combinations are the same runs.

    Args:
        axes: As they were given.
        earlier: Names of the earlier call's axes; other axes come after them.

    Example:
        >>> [axis.name for axis in in_order_of([parse_axis("views"), parse_axis("loss")], ["loss", "kernel"])]
        ['loss', 'views']
    """
    known = list(earlier)
    return tuple(sorted(axes, key=lambda axis: known.index(axis.name) if axis.name in known else len(known)))


def variants(axes: Sequence[Axis]) -> list[Variant]:
    """All combinations of the axes' values, the last axis changing fastest.

    Args:
        axes: Where there are none, there is one variant, the method as it is.

    Raises:
        InputError: If two axes have one name or set the same flag.
    """
    names = [axis.name for axis in axes]
    if len(set(names)) < len(names):
        raise InputError(f"An axis is given twice in --axes {' '.join(names)}: give each once.")
    return [_combined(axes, chosen) for chosen in itertools.product(*(axis.choices for axis in axes))]


def _combined(axes: Sequence[Axis], chosen: tuple[Choice, ...]) -> Variant:
    by_flag: dict[str, str] = {}
    settings: list[Setting] = []
    edit = SceneEdit()
    for axis, choice in zip(axes, chosen, strict=True):
        for setting in choice.settings:
            if by_flag.setdefault(setting[0], axis.name) != axis.name:
                raise InputError(
                    f"The axes {by_flag[setting[0]]} and {axis.name} both set {setting[0]}: use one of them, or "
                    "values that do not."
                )
            settings.append(setting)
        edit = SceneEdit(choice.edit.views or edit.views, choice.edit.corruption or edit.corruption)
    values = {axis.name: choice.value for axis, choice in zip(axes, chosen, strict=True)}
    return Variant(values, tuple(settings), edit)


def _flag(path: str) -> str:
    return "--" + path.lstrip("-").replace("_", "-")


def _field(name: str) -> Callable[[str], Choice]:
    return lambda value: Choice(value, ((f"--{name}", *_words(value)),))


def _words(value: str) -> list[str]:
    """As a shell takes it apart."""
    try:
        return shlex.split(value)
    except ValueError:
        raise InputError(
            f"The value {value} has a quotation mark that is not closed: close it, or leave it out."
        ) from None


def _loss(value: str) -> Choice:
    if value not in _LOSSES:
        raise InputError(f"The axis loss has no value '{value}': give some of {', '.join(_LOSSES)}.")
    return Choice(value, _LOSSES[value])


def _kernel(value: str) -> Choice:
    return Choice(value, ((f"{_S3IM}.kernel-size", value), (f"{_S3IM}.stride", value)))


def _views(value: str) -> Choice:
    if value == "all":
        return Choice(value)
    if not value.isdecimal() or int(value) < 2:
        raise InputError(f"The axis views has the value '{value}': give numbers of training views from 2 on, or all.")
    return Choice(value, edit=SceneEdit(views=int(value)))


def _corruption(value: str) -> Choice:
    return Choice(value) if value == "none" else Choice(value, edit=SceneEdit(corruption=parse_corruption(value)))


def _scales_judged_at(values: Sequence[str]) -> Callable[[str], Choice]:
    """All variants are judged at the scales of all values, so that they have the same held-out views."""
    for value in values:
        words = value.split("+")
        if not all(word.isdecimal() and int(word) > 0 for word in words) or len(set(map(int, words))) < len(words):
            raise InputError(
                f"The axis scales has the value '{value}': give different whole numbers joined by +, such as 1+2+4."
            )
    every = sorted({int(word) for value in values for word in value.split("+")})
    judged = (f"{_DATA}.eval-scales", *map(str, every))
    return lambda value: Choice(value, ((f"{_DATA}.scales", *value.split("+")), judged))


NAMED_AXES: dict[str, tuple[str, Callable[[str], Choice]]] = {
    "loss": ("none,s3im", _loss),
    "weight": ("0,0.3,1,3", _field(f"{_S3IM}.loss-mult"[2:])),
    "repeat": ("1,10", _field(f"{_S3IM}.repeat-time"[2:])),
    "kernel": ("2,4,8", _kernel),
    "patch-share": ("0,0.5", _field(_PATCH_SHARE[0][2:])),
    "views": ("6,12,all", _views),
    "corruption": ("none,noise,blur,exposure", _corruption),
    "scales": ("1,1+2+4+8", Choice),
}
"""The axes that have a name, with the values that they have unless others are given."""
