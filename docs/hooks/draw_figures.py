"""Every module of ``docs/figures`` has a function ``draw()``: the site gets what it draws as ``figures/MODULE.svg``."""

import importlib.util
import io
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

FIGURES = Path(__file__).resolve().parents[1] / "figures"


def on_files(files: Any, config: Any) -> None:
    """Draw all figures, and add them to the site."""
    for path in sorted(FIGURES.glob("*.py")):
        files.append(File.generated(config, f"figures/{path.stem}.svg", content=_svg(path)))


def _svg(path: Path) -> str:
    import matplotlib as mpl

    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    text = io.StringIO()
    # Letters stay letters, and nothing of the day or of a random number is in the file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": path.stem, "font.size": 9}):
        module.draw().savefig(text, format="svg", metadata={"Date": None}, bbox_inches="tight")
    return text.getvalue()
