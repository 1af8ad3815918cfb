"""The comparisons of README and documentation can be made: all that is checked before a training passes."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import tyro

from s3im_methods.cli.compare import CompareCommand
from s3im_methods.compare.plan import plan
from s3im_methods.scenes import RoomConfig, write_scene

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^ *```bash\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[list[str]]:
    """What is typed after ``s3im compare`` in the page's blocks."""
    lines = [
        line.strip() for block in BLOCK.findall(page.read_text()) for line in block.replace("\\\n", " ").splitlines()
    ]
    return [shlex.split(line, comments=True)[2:] for line in lines if line.startswith("s3im compare ")]


COMMANDS = [(page.relative_to(ROOT), command) for page in PAGES for command in commands(page)]


@pytest.fixture(scope="module")
def room(tmp_path_factory) -> Path:
    """20 training views, for comparisons of fewer."""
    out = tmp_path_factory.mktemp("scenes") / "room"
    config = RoomConfig(width=32, height=24, train_views=20, test_views=3, supersampling=1, light_samples=4)
    write_scene(config, out)
    return out


def test_there_are_commands():
    assert len(COMMANDS) > 20 and {Path("README.md"), Path("docs/results.md")} <= {page for page, _ in COMMANDS}


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page}-{i}" for i, (page, _) in enumerate(COMMANDS)])
def test_a_comparison_of_the_documents_is_accepted(page, command, room, tmp_path):
    request = tyro.cli(CompareCommand, args=command).request()
    # Which scenes, how often and how their files are read is the reader's.
    parser = None if request.dataparser is None else "nerfstudio-data"
    assert plan(replace(request, scenes=(room,), seeds=(0,), dataparser=parser), tmp_path)
