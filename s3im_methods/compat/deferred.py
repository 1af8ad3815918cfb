"""Modules that most runs never use are executed when someone first reads one of their names.

A deferred module is found when it is imported, and is the same module afterwards. ``importlib.util.LazyLoader`` is for
single modules; here a package waits too, while its submodules are imported.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import _bootstrap, import_module  # type: ignore[attr-defined]
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_deferred: dict[str, tuple[Sequence[str], Mapping[str, Callable[..., Any]]]] = {}
_waiting: dict[str, "_Later"] = {}

# Of the imports themselves: their locks find two threads that wait for each other.
_locks: Any = _bootstrap

# What imports read, and who walks through all modules.
_OF_IMPORT = frozenset(
    f"__{name}__" for name in ("cached", "class", "dict", "doc", "file", "loader", "name", "package", "path", "spec")
)


def defer(name: str, kept: Sequence[str] = (), meanwhile: Mapping[str, Callable[..., Any]] | None = None) -> None:
    """Let a module wait that nobody has imported yet.

    To import a submodule that does not wait itself executes it.

    Args:
        name: The module's full name. A module that does not exist stays missing.
        kept: Functions of the module that set something: calls are made once it is executed.
        meanwhile: Functions that do what the module's own do until it is executed.

    Example:
        >>> defer("this")
        >>> import this
        >>> "d" in vars(this)
        False
    """
    if name not in sys.modules:
        _deferred[name] = kept, meanwhile or {}
        if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
            sys.meta_path.insert(0, _Finder())


def executed(name: str) -> Any:
    """A module, complete.

    Args:
        name: The module's full name.
    """
    module = import_module(name)
    _execute(module)
    return module


def is_waiting(name: str) -> bool:
    """Whether a deferred module is not executed yet.

    Args:
        name: The module's full name.
    """
    return name in _waiting


class _Finder:
    """Finds deferred modules, as the other finders do."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The spec of a deferred module; of others None, when the module that they are part of has been executed."""
        if name in _deferred:
            others = (finder for finder in sys.meta_path if not isinstance(finder, _Finder))
            spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
            if spec is not None and spec.loader is not None:
                spec.loader = _Later(spec.loader, *_deferred[name])
            return spec
        parent = name.rpartition(".")[0]
        if parent not in _waiting:
            return None
        _execute(sys.modules[parent])
        return ModuleSpec(name, _Found(sys.modules[name])) if name in sys.modules else None


class _Later(Loader):
    """Makes a module that waits."""

    def __init__(self, loader: Any, kept: Sequence[str], meanwhile: Mapping[str, Callable[..., Any]]) -> None:
        self.loader, self.kept, self.meanwhile = loader, kept, meanwhile
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Deferred(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self.loader
        vars(module).update(self.meanwhile)
        for name in self.kept:
            setattr(module, name, lambda *args, _name=name, **named: self.calls.append((_name, args, named)))
        _waiting[module.__name__] = self

    def execute(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        for name, args, named in self.calls:
            getattr(module, name)(*args, **named)


class _Found(Loader):
    """Finds a module that was imported while it was looked for, so that it is executed once."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__
        # Else the import takes this one, and executes the module again.
        module.__spec__ = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec


class _Deferred(ModuleType):
    """A module that is executed when a name is read that it does not have yet."""

    def __getattribute__(self, attribute: str) -> Any:
        if attribute not in _OF_IMPORT and attribute not in ModuleType.__getattribute__(self, "__dict__"):
            _execute(self)
        return ModuleType.__getattribute__(self, attribute)


def _execute(module: ModuleType) -> None:
    name = module.__name__
    lock = _locks._get_module_lock(name)
    try:
        lock.acquire()
    except _locks._DeadlockError:
        return
    try:
        # Nothing waits where another thread has executed it, or where it is being executed further up.
        if name not in _waiting:
            return
        parent = sys.modules.get(name.rpartition(".")[0])
        if isinstance(parent, _Deferred):
            # While this one still waits, because its package may read names of it.
            _execute(parent)
            if name not in _waiting:
                return
        later = _waiting.pop(name)
        try:
            later.execute(module)
        except BaseException:
            _waiting[name] = later
            raise
        module.__class__ = ModuleType
    finally:
        lock.release()
