"""What nerfstudio's registry is to be given names every method of the package, and nothing else."""

import importlib.metadata
import re
from pathlib import Path

import pytest
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


def test_readme_and_registry_repeat_the_figures_of_the_methods_page():
    root = REGISTRY.parents[1]
    rows = re.findall(
        r"^\| \[`(s3im-[\w-]+)`\]\S+ \|[^|]*\|[^|]*\| (\d+) \| ([\d.]+) \| ([\d.]+) / ([\d.]+) \| ([\d.]*) *\|",
        (root / "docs" / "methods" / "index.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert {name for name, *_ in rows} == {name for name in OURS if name.endswith("-lite")}
    registry = (REGISTRY / "s3im_methods.md").read_text(encoding="utf-8")
    readme = (root / "README.md").read_text(encoding="utf-8")
    for name, seconds, memory, psnr, ssim, f_score in rows:
        assert re.search(rf"^\| `{name}` .*\| {memory} GB \(CPU\) *\| {psnr} / {ssim} ", registry, flags=re.MULTILINE)
        row = re.search(rf"^\| \[`{name.removesuffix('-lite')}`\].*$", readme, flags=re.MULTILINE)
        assert row is not None
        shown = [cell.strip() for cell in row[0].split("|")[3:6]]
        assert shown[0] == seconds
        assert float(shown[1]) == pytest.approx(float(psnr), abs=0.0501)
        assert bool(shown[2]) == bool(f_score) and (not f_score or abs(float(shown[2]) - float(f_score)) <= 0.00501)
