"""Change a module of a library when it is complete, whoever imports it and whenever, and import nothing for it.

Plugins are imported while nerfstudio's own modules are: ``ns-eval`` imports ``utils.eval_utils``, whose first lines
import the methods, and so us. At that time the module is there and has none of its functions yet; other commands import
it later, or have done so before.
"""

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Change = Callable[[Any], None]

_waiting: dict[str, list[Change]] = {}


def when_imported(name: str, change: Change) -> None:
    """Call ``change`` once with a module, as soon as that is complete and before anyone else can use it.

    A library without that module is left alone.

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
    if module is not None and not _is_being_imported(module):
        change(module)
        return
    _waiting.setdefault(name, []).append(change)
    if module is not None and not isinstance(module, _Unfinished):
        module.__class__ = _Unfinished
    elif module is None and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(module.__spec__, "_initializing", False))


class _Unfinished(ModuleType):
    """A module that applies what waits for it when the first attribute is asked for after its import."""

    def __getattribute__(self, attribute: str) -> Any:
        if not attribute.startswith("__"):
            name, spec = ModuleType.__getattribute__(self, "__name__"), ModuleType.__getattribute__(self, "__spec__")
            if name in _waiting and not getattr(spec, "_initializing", False):
                self.__class__ = ModuleType  # type: ignore[assignment]
                for change in _waiting.pop(name):
                    change(self)
        return ModuleType.__getattribute__(self, attribute)


class _Finder:
    """Finds the modules that something waits for, as the other finders do, and makes them :class:`_Unfinished`."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The spec of the first finder that has one, or None for all modules that nothing waits for."""
        if name not in _waiting:
            return None
        others = (finder for finder in sys.meta_path if not isinstance(finder, _Finder))
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            spec.loader.create_module = lambda spec: _Unfinished(spec.name)  # type: ignore[method-assign]
        return spec
