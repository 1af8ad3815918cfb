"""A check, what it found, and how checks are run such that none can end the others."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

State = Literal["ok", "warning", "missing", "broken"]


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        state: "ok"; "warning" where something is slower or less than it could be; "missing" where something is not
            there that training does without; "broken" where training cannot do without it.
        detail: What was found, in one sentence or less.
        remedy: What to do about it; empty where nothing has to be done.
        numbers: Measurements by name, for JSON.
    """

    state: State
    detail: str
    remedy: str = ""
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """What the user asks the doctor about.

    Attributes:
        output_dir: Folder that runs will be written to.
        port: Of the viewer.
    """

    output_dir: Path = Path("outputs")
    port: int = 7007


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes:
        name: What is looked at.
        look: Finds out. It changes nothing.
        needed: Whether training needs it to run through.
    """

    name: str
    look: Callable[[Settings], Finding]
    needed: bool = False


def examine(checks: Iterable[Check], settings: Settings) -> Iterator[tuple[str, Finding]]:
    """Run checks one after another, and turn what one raises into its finding.

    Args:
        checks: The checks.
        settings: What they look at.

    Yields:
        Name and finding, as soon as it is known.
    """
    for check in checks:
        try:
            yield check.name, check.look(settings)
        # Libraries and drivers raise anything; plugins even leave the program.
        except (Exception, SystemExit) as error:
            yield check.name, Finding("broken" if check.needed else "warning", f"The check failed: {reason(error)}")


def reason(error: BaseException) -> str:
    """The kind of an error and its first line.

    Example:
        >>> reason(KeyError("a"))
        "KeyError: 'a'"
        >>> reason(ValueError())
        'ValueError'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
