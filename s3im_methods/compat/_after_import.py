"""Change a module of nerfstudio when it is complete, whoever imports it and whenever.

Plugins are imported while nerfstudio's own modules are: ``ns-eval`` imports ``utils.eval_utils``, whose first lines
import the methods, and so us. At that time the module is there and has none of its functions yet; other commands import
it later, or have done so before.
"""

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

Patch = Callable[[ModuleType], None]

_waiting: dict[str, list[Patch]] = {}


def after_import(name: str, patch: Patch) -> None:
    """Call ``patch`` once with the module, as soon as that is complete and before anyone else can use it.

    Args:
        name: The module's full name.
        patch: Changes the module.
    """
    module = sys.modules.get(name)
    if module is not None and not _is_being_imported(module):
        patch(module)
        return
    patches = _waiting.setdefault(name, [])
    patches.append(patch)
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
                for patch in _waiting.pop(name):
                    patch(self)
        return ModuleType.__getattribute__(self, attribute)


class _Finder:
    """Finds the modules that something waits for, as Python would, and makes them :class:`_Unfinished`."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """A spec as Python's own, or None for all modules that nothing waits for."""
        if name not in _waiting:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        spec.loader.create_module = lambda spec: _Unfinished(spec.name)  # type: ignore[method-assign]
        return spec
