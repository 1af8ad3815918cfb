"""Change a module of a library at the moment at which it is imported, and import nothing for it."""

import importlib.util
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Change = Callable[[Any], None]


def when_imported(name: str, change: Change) -> None:
    """Call ``change`` with a module once it is imported: at once, if it is already.

    A library without that module is left alone. So is a module whose import is under way, because its code would write
    over the change.

    Args:
        name: The module's full name.
        change: Changes the module. It must cope with other versions of the library, because what it raises ends the
            import.

    Example:
        >>> import string
        >>> when_imported("string", lambda module: print(module.__name__))
        string
    """
    module = sys.modules.get(name)
    if module is None:
        sys.meta_path.insert(0, _Watch(name, change))
    elif not getattr(module.__spec__, "_initializing", False):
        change(module)


class _Watch(MetaPathFinder):
    def __init__(self, name: str, change: Change) -> None:
        self.name = name
        self.change = change

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        # Its work is done: whoever really finds the module is asked.
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        execute, change = spec.loader.exec_module, self.change

        def execute_and_change(module: ModuleType) -> None:
            execute(module)
            change(module)

        spec.loader.exec_module = execute_and_change  # type: ignore[method-assign]
        return spec
