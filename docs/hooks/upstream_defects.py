"""The page of what nerfstudio gets wrong, written from the docstrings of ``s3im_methods.compat`` and from its tests."""

import ast
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PLACE = "<!-- the defects -->"
TRACKER = "https://github.com/nerfstudio-project/nerfstudio/issues/"


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str | None:
    """Put one section for each module where the page asks for them."""
    if page.file.src_uri != "upstream.md":
        return None
    before, found, after = markdown.partition(PLACE)
    assert found, f"{page.file.src_uri} has no line {PLACE}"
    return before + "\n\n".join(section(path) for path in modules()) + after


def modules() -> list[Path]:
    """Those that the table of ``compat/__init__.py`` lists; the others help these."""
    folder = ROOT / "s3im_methods" / "compat"
    listed = re.findall(r"^\| `(\w+)` ", _docstring(folder / "__init__.py"), re.MULTILINE)
    return [folder / f"{name}.py" for name in sorted(listed)]


def section(module: Path) -> str:
    """What a module mends, why, and which tests will notice that it is needed no longer."""
    title, _, text = _docstring(module).partition("\n\n")
    names = [f"`{name}` of `{file}`" for name, file in _tests_of(module.stem)]
    assert names, f"no test in tests/compat says when {module.stem} is needed no longer"
    fails = "fails" if len(names) == 1 else "fail"
    goes = f"It goes when {' and '.join(names)} {fails}."
    title = title.replace("\n", " ").rstrip(".")
    return f"## {module.stem}\n\n*{_plain(title)}.*\n\n{_linked(_plain(text))}\n\n{goes}"


def _tests_of(name: str) -> list[tuple[str, str]]:
    """Those in the module's own file, and those of other files whose docstring names it."""
    found = []
    for file in sorted((ROOT / "tests" / "compat").glob("test_*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and "upstream_still" in node.name:
                told = f"``compat.{name}``" in (ast.get_docstring(node) or "")
                if told or file.stem == f"test_{name}":
                    found.append((node.name, str(file.relative_to(ROOT))))
    return found


def _docstring(module: Path) -> str:
    return ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""


def _plain(text: str) -> str:
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)


def _linked(text: str) -> str:
    return re.sub(r"((?:issue|pull request)\s+)(\d+)", rf"[\1\2]({TRACKER}\2)", text)
