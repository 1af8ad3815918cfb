"""The files of the repository's root that are pages too: they stand once, and read well where they stand.

Pages link to them as files, which GitHub follows; on the site these links lead to the pages.
"""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}


def on_files(files: Any, config: Any) -> None:
    """Add the pages."""
    for page, source in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turn a page's links to the files into links to their pages."""
    for target, source in PAGES.items():
        markdown = markdown.replace(f"../{source}", target)
    return markdown
