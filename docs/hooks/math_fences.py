"""Formulas: a fence named ``math`` holds LaTeX, which becomes MathML when the site is built.

Browsers draw MathML themselves, so that a page needs no script from another host. The same fences are drawn by GitHub.
"""

from typing import Any

from latex2mathml.converter import convert


def on_config(config: Any) -> None:
    """Add the fence to those that superfences knows."""
    fences = config.mdx_configs.setdefault("pymdownx.superfences", {}).setdefault("custom_fences", [])
    fences.append({"name": "math", "class": "formula", "format": _formula})


def _formula(source: str, language: str, css_class: str, options: Any, md: Any, **kwargs: Any) -> str:
    return f'<div class="{css_class}">{convert(source.strip(), display="block")}</div>'
