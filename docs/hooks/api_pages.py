"""One page per package of ``s3im_methods``, with what the docstrings of its modules say."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

PACKAGE = Path(__file__).resolve().parents[2] / "s3im_methods"


def on_config(config: Any) -> None:
    """Name the pages in the navigation."""
    (entry,) = (item for section in config.nav for items in section.values() for item in items if "API" in item)
    entry["API"] = [{name or "s3im_methods": _path(name)} for name in _packages()]


def on_files(files: Any, config: Any) -> None:
    """Add the pages."""
    for name, modules in _packages().items():
        files.append(File.generated(config, _path(name), content=_page(name, modules)))


def _packages() -> dict[str, list[str]]:
    """Each package's name below ``s3im_methods``, ``""`` for that itself, and its modules without underscore."""
    packages = {}
    for init in sorted(PACKAGE.rglob("__init__.py")):
        modules = sorted(path.stem for path in init.parent.glob("*.py") if not path.stem.startswith("_"))
        packages[".".join(init.parent.relative_to(PACKAGE).parts)] = modules
    return packages


def _path(name: str) -> str:
    return f"api/{name or 'index'}.md"


def _page(name: str, modules: list[str]) -> str:
    full = ".".join(filter(None, ("s3im_methods", name)))
    options = ["    options:", "      heading_level: 1", "      members: false", "      show_root_full_path: true"]
    lines = [f"::: {full}", *options, ""]
    for module in modules:
        lines += [f"::: {full}.{module}", ""]
    return "\n".join(lines)
