"""How names, values and counts read in the sentences about bad input."""

import json
import reprlib
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

_LONGEST, _LONGEST_VALUE = 500, 100


def quote(value: object) -> str:
    """A name in quotes, or a short form of any other value; always printable and on one line.

    Args:
        value: A name or path, or any value that came out of a JSON file.

    Example:
        >>> quote("images/0001.jpg"), quote("a\\nb"), quote([1, 2])
        ("'images/0001.jpg'", "'a\\\\nb'", '[1, 2]')
    """
    if value is None or isinstance(value, bool | float):
        return json.dumps(value)
    if not isinstance(value, str | Path):
        text = reprlib.repr(value)
        return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."
    text = str(value)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "..."
    return f"'{text}'" if text.isprintable() else repr(text)


def argument(word: str | Path) -> str:
    """A word of a command as it is typed: a path that begins with a dash would be taken for another flag.

    Args:
        word: Any; only what is a path can get another form.

    Example:
        >>> argument(Path("fox")), argument(Path("./-fox")), argument("--data")
        ('fox', './-fox', '--data')
    """
    return f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else str(word)


def command_line(words: Iterable[str | Path]) -> str:
    """A command that can be pasted into a shell.

    Args:
        words: The command and its arguments; those that are paths may have any name.

    Example:
        >>> command_line(["s3im", "check", Path("runs [v2]/my fox")])
        "s3im check 'runs [v2]/my fox'"
    """
    return shlex.join(map(argument, words))


def some(count: int, total: int, noun: str) -> str:
    """How many of how many things.

    Args:
        count: How many are meant.
        total: How many there are.
        noun: What they are, in the singular.

    Example:
        >>> some(3, 50, "image")
        '3 of 50 images'
    """
    return f"{count} of {total} {noun}{'' if total == 1 else 's'}"


def are(count: int) -> str:
    """The verb that fits a count: "is" or "are".

    Args:
        count: The count.

    Example:
        >>> are(1), are(2)
        ('is', 'are')
    """
    return "is" if count == 1 else "are"


def has(count: int) -> str:
    """The verb that fits a count: "has" or "have".

    Args:
        count: How many things there are.

    Example:
        >>> has(1), has(2)
        ('has', 'have')
    """
    return "has" if count == 1 else "have"


def which(count: int) -> str:
    """The word before the one that is named: "namely" where it is the only one, else "first".

    Args:
        count: How many there are.

    Example:
        >>> which(1), which(2)
        ('namely', 'first')
    """
    return "namely" if count == 1 else "first"


def names_below(paths: Sequence[Path]) -> list[str]:
    """The files' paths below the folder that all of them share, which tell them apart where bare names do not.

    Args:
        paths: Files.

    Example:
        >>> names_below([Path("a/left/1.png"), Path("a/right/1.png")]), names_below([Path("a/left/1.png")])
        (['left/1.png', 'right/1.png'], ['1.png'])
    """
    parents = [path.parent.parts for path in paths]
    alike = [len(set(level)) == 1 for level in zip(*parents, strict=False)]
    shared = [*alike, False].index(False)
    return ["/".join(path.parts[shared:]) for path in paths]
