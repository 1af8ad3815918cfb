"""A plugin that cannot be imported stops every command of nerfstudio, with a traceback; here it gets a sentence."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from s3im_methods.errors import InputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_GROUPS = ("nerfstudio.method_configs", "nerfstudio.dataparser_configs")


@contextmanager
def broken_plugin_named() -> Iterator[None]:
    """While it is open, an import of nerfstudio that a plugin stops ends with that plugin's name.

    Raises:
        InputError: If a plugin cannot be imported.
    """
    try:
        yield
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        broken = _broken_plugin() if _nerfstudio_stopped() else None
        if broken is None:
            raise
        point, reason = broken
        package = point.dist.name if point.dist is not None else point.module
        # As in nerfstudio's template for methods: Python 3.11 refuses what 3.10 accepts.
        older = "mutable default" in str(reason)
        repair = "use Python 3.10, which accepts it, repair it" if older else "repair it"
        raise InputError(
            f"The plugin {package} cannot be imported ({point.name} = {point.value}: {type(reason).__name__}: "
            f"{reason}), which stops every command of nerfstudio: {repair}, or run pip uninstall {package}."
        ) from error


def _nerfstudio_stopped() -> bool:
    # The module that imports the plugins is not kept where one of them fails.
    return "nerfstudio.plugins" in sys.modules and sys.modules.get("nerfstudio.configs.method_configs") is None


def _broken_plugin() -> "tuple[EntryPoint, BaseException] | None":
    # Here, because this module is imported by every command, some of which are to begin at once.
    from importlib.metadata import entry_points

    for group in _GROUPS:
        for point in entry_points(group=group):
            try:
                point.load()
            except (Exception, SystemExit) as error:
                return point, error
    return None
