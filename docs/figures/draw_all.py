"""Draws the pages' figures: each module beside this one has a function ``draw()``, and becomes ``MODULE.svg``.

    python docs/figures/draw_all.py

They are kept with the pages, so that they show wherever a page is read. Each holds the checksum of what it was drawn
from, which a test compares.
"""

import hashlib
import importlib
import io
from pathlib import Path

import matplotlib as mpl

FIGURES = Path(__file__).resolve().parent
NAMES = sorted(path.stem for path in FIGURES.glob("*.py") if path.stem != "draw_all")


def source(name: str) -> str:
    """What tells whether a figure is older than its module: the checksum of the module's text."""
    return hashlib.sha256((FIGURES / f"{name}.py").read_bytes()).hexdigest()


def svg(name: str) -> str:
    """The figure, the same text at every call."""
    text = io.StringIO()
    # Letters stay letters, and nothing of the day or of a random number is in the file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9}):
        figure = importlib.import_module(name).draw()
        figure.savefig(text, format="svg", metadata={"Date": None, "Source": source(name)}, bbox_inches="tight")
    return text.getvalue()


if __name__ == "__main__":
    for name in NAMES:
        (FIGURES / f"{name}.svg").write_text(svg(name), encoding="utf-8")
