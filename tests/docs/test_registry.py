"""What nerfstudio's registry is to be given names every method of the pack, and nothing else."""

import importlib.metadata
import re
from pathlib import Path

from nerfstudio.configs.external_methods import ExternalMethod

REGISTRY = Path(__file__).resolve().parents[2] / "docs" / "registry"
OURS = {
    point.name
    for point in importlib.metadata.entry_points(group="nerfstudio.method_configs")
    if point.value.startswith("s3im_methods.")
}


def test_the_snippet_runs_and_names_every_method():
    external_methods: list[ExternalMethod] = []
    snippet = (REGISTRY / "external_method.txt").read_text(encoding="utf-8")
    exec(snippet, {"external_methods": external_methods, "ExternalMethod": ExternalMethod})
    (entry,) = external_methods
    assert {name for name, _ in entry.configurations} == OURS
    assert entry.pip_package in entry.instructions  # type: ignore[operator]
    assert max(len(line) for line in snippet.splitlines()) <= 120  # nerfstudio's limit


def test_the_page_lists_every_method():
    page = (REGISTRY / "s3im_methods.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([^`]+)`", page, flags=re.MULTILINE)) == OURS
