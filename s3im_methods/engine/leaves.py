"""The single settings in a configuration, by their paths."""

import dataclasses
from collections.abc import Iterator
from typing import Any


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The settings of a configuration and of those in it.

    Args:
        value: A dataclass, a dict or a single setting.
        path: Its own path.

    Example:
        >>> from s3im_methods.losses import S3IMConfig
        >>> dict(leaves({"s3im": S3IMConfig(stride=2)}))["s3im.stride"]
        2
    """
    inner: dict[str, Any] | None = None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # With what s3im train adds to a method of others. A config.yml of an older version may lack some.
        names = [field.name for field in dataclasses.fields(value) if hasattr(value, field.name)]
        inner = {name: getattr(value, name) for name in names} | vars(value)
    elif isinstance(value, dict):
        inner = {str(key): item for key, item in value.items()}
    if inner is None:
        yield path, value
        return
    for name, item in inner.items():
        yield from leaves(item, f"{path}.{name}" if path else name)


def flag(path: str) -> str:
    """How a setting is given on the command line.

    Example:
        >>> flag("pipeline.model.s3im.loss_mult")
        '--pipeline.model.s3im.loss-mult'
    """
    return f"--{path.replace('_', '-')}"


def equal(one: Any, other: Any) -> bool:
    """Whether two settings are the same; lists and tuples of the same are.

    Example:
        >>> equal((1, 2), [1, 2]), equal(1, None)
        (True, False)
    """
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)
