"""How names, values and counts read in the sentences about bad input."""

import json
import reprlib
from pathlib import Path

_LONGEST = 500


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
        return reprlib.repr(value)
    text = str(value)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "..."
    return f"'{text}'" if text.isprintable() else repr(text)


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


def which(count: int) -> str:
    """The word before the one that is named: "namely" where it is the only one, else "first".

    Args:
        count: How many there are.

    Example:
        >>> which(1), which(2)
        ('namely', 'first')
    """
    return "namely" if count == 1 else "first"
