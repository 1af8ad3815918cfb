"""CITATION.cff says what the package and the README say."""

from pathlib import Path

import yaml

import s3im_methods

ROOT = Path(__file__).resolve().parents[2]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_it_names_the_version_that_the_package_has():
    assert CITATION["version"] == s3im_methods.__version__
    assert f'version = "{s3im_methods.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_its_paper_is_the_readmes():
    (paper,) = CITATION["references"]
    authors = " and ".join(f"{person['family-names']}, {person['given-names']}" for person in paper["authors"])
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"title     = {{{paper['title']}}}" in readme
    assert f"author    = {{{authors}}}" in readme
