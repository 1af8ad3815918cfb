"""One page per method with the settings that this package adds to nerfstudio's, from the docstrings of its configs."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from mkdocs.structure.files import File

OURS = "s3im_methods"


def on_config(config: Any) -> None:
    """Name the pages in the navigation."""
    (entry,) = (
        item
        for section in config.nav
        for items in section.values()
        for item in items
        if "Settings of each method" in item
    )
    entry["Settings of each method"] = [{name: path(name)} for name in methods()]


def on_files(files: Any, config: Any) -> None:
    """Add the pages."""
    for name, configs in methods().items():
        files.append(File.generated(config, path(name), content=page(name, configs)))


def path(name: str) -> str:
    """Where a method's page is."""
    return f"settings/{name}.md"


@cache
def methods() -> dict[str, dict[str, Any]]:
    """The configurations of each method, by their full names, under the name without ``-lite``."""
    module = importlib.import_module(f"{OURS}.method_configs")
    found: dict[str, dict[str, Any]] = {}
    for attribute in module.__all__:
        config = getattr(module, attribute).config
        found.setdefault(config.method_name.removesuffix("-lite"), {})[config.method_name] = config
    return found


def page(name: str, configs: dict[str, Any]) -> str:
    """A table of flags, defaults and meanings.

    Args:
        name: The method.
        configs: At full size and lite, by their names.
    """
    lines = [
        f"# Settings of {name}",
        "",
        f"These are the settings that this package adds to nerfstudio's. `ns-train {name} --help` lists all.",
        "*not set* means that the scene or a preset decides, or that the setting does nothing; see its meaning.",
        "An empty cell means that this size has no such setting.",
        f"The page of [{name}](../methods/{name}.md) names those that matter.",
    ]
    tables = [dict(settings(config.pipeline, "--pipeline")) for config in configs.values()]
    # The two sizes of a method may be different models.
    meanings = {flag: meaning for table in tables for flag, (_, meaning) in table.items()}
    group = ""
    for flag in sorted(meanings, key=lambda flag: flag.rpartition(".")[0]):
        begin, _, last = flag.rpartition(".")
        if begin != group:
            group = begin
            lines += ["", f"## {begin}", "", f"| flag | {' | '.join(configs)} | meaning |"]
            lines += ["|" + "---|" * (len(configs) + 2)]
        defaults = " | ".join(table[flag][0] if flag in table else "" for table in tables)
        lines.append(f"| `.{last}` | {defaults} | {meanings[flag]} |")
    return "\n".join(lines) + "\n"


def settings(value: Any, flag: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Flag, default and meaning of each setting below a config that one of our classes defines."""
    deeper = []
    for field in fields(value):
        name, default = f"{flag}.{field.name.replace('_', '-')}", getattr(value, field.name)
        if is_dataclass(default) and not isinstance(default, type):
            deeper.append((default, name))
        elif not field.name.startswith("_"):
            owner = next(kind for kind in type(value).__mro__ if field.name in inspect.get_annotations(kind))
            if owner.__module__.startswith(OURS):
                yield name, (shown(default), docstrings(owner).get(field.name, ""))
    for inner, name in deeper:
        yield from settings(inner, name)


def shown(default: Any) -> str:
    """A default as one would type it."""
    if default is None:
        return "*not set*"
    if isinstance(default, list | tuple):
        return f"`{' '.join(map(str, default))}`" if default else "none"
    return f"`{default}`"


@cache
def docstrings(kind: type) -> dict[str, str]:
    """What stands below each field of a class."""
    body = ast.parse(inspect.cleandoc(inspect.getsource(kind))).body[0].body  # type: ignore[attr-defined]
    return {
        field.target.id: " ".join(text.value.value.split()).replace("|", "\\|")
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }
