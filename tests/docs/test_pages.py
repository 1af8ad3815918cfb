"""The README is short, and what README and pages link to is there."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
# The registry's page belongs to another site; the API's pages are made when the site is built.
OURS = [page for page in PAGES if "registry" not in page.parent.parts]
GENERATED = re.compile(r"(^|/)api/\w+\.md$")
CODE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def text(page: Path) -> str:
    return CODE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Those of a page's headings, as mkdocs and GitHub both make them."""
    headings = re.findall(r"^#+ (.+)$", text(page), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", name).strip().lower()) for name in plain}


def test_the_readme_is_short_and_names_the_test_command():
    readme = ROOT / "README.md"
    assert readme.stat().st_size <= 8192
    assert re.search(r"^make test\b", readme.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("page", OURS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(page):
    missing = []
    for link in LINK.findall(text(page)):
        place, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", place):
            continue
        target = (page.parent / place).resolve() if place else page
        if GENERATED.search(place):
            continue
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    assert not missing


def test_a_page_links_to_places_that_mkdocs_and_github_both_know():
    assert {"tensorf-collapse", "all-tables"} <= anchors(DOCS / "results.md")
    assert "all-4000-steps-of-nerfacto" in anchors(DOCS / "results" / "paper-sum.md")


def test_a_link_to_a_file_of_the_root_leads_to_its_page_on_the_site():
    pytest.importorskip("mkdocs")
    place = DOCS / "hooks" / "root_pages.py"
    specification = importlib.util.spec_from_file_location(place.stem, place)
    assert specification and specification.loader
    hook: Any = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(hook)
    linked = re.findall(
        r"\]\((\.\./[A-Z]\w+\.md)\)", "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    )
    assert "../CHANGELOG.md" in linked
    for link in linked:
        assert hook.on_page_markdown(f"[name]({link})", None, None, None) == f"[name]({link[3:].lower()})"


def test_every_page_is_in_the_navigation_and_every_picture_is_used():
    navigation = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    pages = {str(page.relative_to(DOCS)) for page in OURS if DOCS in page.parents}
    assert pages <= navigation
    used = {Path(link).name for page in OURS for link in LINK.findall(text(page))}
    assert {picture.name for ending in ("jpg", "webp") for picture in DOCS.glob(f"*.{ending}")} <= used


def test_the_readmes_versions_are_those_of_the_package():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for page in (ROOT / "README.md", DOCS / "install.md"):
        rows = dict(re.findall(r"^\| ([\w ]+) \| ([^|]+) \|", page.read_text(encoding="utf-8"), re.MULTILINE))
        assert '"torch>=2.6,<2.16"' in project and {"2.6", "2.15"} <= set(re.findall(r"\d+\.\d+", rows["torch"]))
        assert 'requires-python = ">=3.10,<3.13"' in project and rows["Python"].strip().startswith("3.10, 3.11, 3.12")
        assert '"nerfstudio>=1.1.5,<1.2"' in project and rows["nerfstudio"].strip() == "1.1.5"


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "methods" / "index.md"], ids=lambda page: page.name)
def test_every_method_with_a_page_is_in_both_tables(page):
    methods = re.findall(r"methods/(s3im-[\w-]+)\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert methods
    assert [name for name in methods if f"`{name}`" not in text(page)] == []
