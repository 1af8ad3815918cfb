"""Every command of README and documentation can be typed: the command lines take it, comparisons can be made."""

import contextlib
import importlib
import io
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tyro
from nerfstudio.configs.method_configs import all_methods
from nerfstudio.utils import install_checks

from s3im_methods.cli.commands import COMMANDS
from s3im_methods.cli.compare import CompareCommand
from s3im_methods.cli.main import _parse
from s3im_methods.compare.plan import plan
from s3im_methods.engine.leaves import leaves
from s3im_methods.models.any_method.configs import with_s3im
from s3im_methods.scenes import RoomConfig, write_scene

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^ *```(bash|python|text|toml|bibtex|math)?\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
EXAMPLES = ROOT / "docs" / "examples"
SCRIPTS = {"ns-viewer": "viewer.run_viewer", "ns-process-data": "process_data", "ns-export": "exporter"}
SCRIPTS |= {"ns-eval": "eval", "ns-render": "render"}


def blocks(page: Path) -> list[str]:
    """The commands of a page's blocks, each on one line."""
    return [
        line.strip()
        for kind, text in BLOCK.findall(page.read_text(encoding="utf-8"))
        if kind == "bash"
        for line in text.replace("\\\n", " ").splitlines()
    ]


def spans(page: Path) -> list[str]:
    """What stands within a page's sentences as code."""
    return SPAN.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))


def is_ours(command: str) -> bool:
    """Whether it begins with a command that a test can parse, and is not cut short by an ellipsis or a star."""
    name, _, rest = command.partition(" ")
    names = {"s3im", "ns-train", *SCRIPTS}
    cut = "..." in command or "*" in command or "--tyro-" in command or (name == "ns-train" and rest.startswith("-"))
    return name in names and rest != "" and not cut


IN_BLOCKS = sorted({line for page in PAGES for line in blocks(page) if is_ours(line)})
IN_SENTENCES = sorted({span for page in PAGES for span in spans(page) if is_ours(span)} - set(IN_BLOCKS))
COMPARISONS = [line for line in IN_BLOCKS if line.startswith("s3im compare ")]


def refusal(command: str) -> str:
    """What the command line says against a command, nothing if it takes it; the command does not run."""
    name, *arguments = shlex.split(
        command.replace("METHOD", "s3im-nerfacto-lite").replace("COMMAND", "check"), comments=True
    )
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            parse(name, arguments)
    except SystemExit as end:
        return (said.getvalue() or str(end.code)) if end.code else ""
    return ""


def parse(name: str, arguments: list[str]) -> None:
    """Parse with the real parser, of ``ns-train`` with the method that is named alone."""
    if name == "s3im" and arguments[0] == "train" and arguments[1:]:
        with_s3im(arguments[1], arguments[2:])
    elif name == "s3im":
        _parse(arguments)
    elif name == "ns-train":
        # Two, because one alone would be no choice; with all methods each command takes a second.
        methods = {method: known_methods()[method] for method in {*arguments[:1], "s3im-nerfacto"} - {"--help"}}
        choice: Any = tyro.extras.subcommand_type_from_defaults({"other": all_methods["tensorf"], **methods})
        tyro.cli(tyro.conf.FlagConversionOff[choice], args=arguments)
    else:
        module = importlib.import_module(f"nerfstudio.scripts.{SCRIPTS[name]}")
        commands = getattr(module, "Commands", None) or getattr(module, "RunViewer", None) or module.ComputePSNR
        tyro.cli(tyro.conf.FlagConversionOff[commands] if name == "ns-viewer" else commands, args=arguments)


def known_methods() -> dict[str, Any]:
    """Those that are installed, and those of the documentation's examples."""
    found = dict(all_methods)
    for file in EXAMPLES.glob("*.py"):
        specification = vars(importlib.import_module(file.stem))[file.stem]
        found[specification.config.method_name] = specification.config
    return found


@pytest.fixture(autouse=True)
def programs(monkeypatch, tmp_path):
    """ns-process-data looks for programs and makes its output folder as soon as it has parsed its flags."""
    monkeypatch.chdir(tmp_path)
    for name in ("check_ffmpeg_installed", "check_colmap_installed"):
        monkeypatch.setattr(install_checks, name, lambda *_: None)


@pytest.fixture(autouse=True, scope="module")
def examples():
    sys.path.insert(0, str(EXAMPLES))
    yield
    sys.path.remove(str(EXAMPLES))
    for file in EXAMPLES.glob("*.py"):
        sys.modules.pop(file.stem, None)


@pytest.fixture(scope="module")
def room(tmp_path_factory) -> Path:
    """20 training views, for comparisons of fewer."""
    out = tmp_path_factory.mktemp("scenes") / "room"
    config = RoomConfig(width=32, height=24, train_views=20, test_views=3, supersampling=1, light_samples=4)
    write_scene(config, out)
    return out


def test_there_are_commands():
    assert len(IN_BLOCKS) > 60 and len(IN_SENTENCES) > 20 and len(COMPARISONS) > 20
    assert any(is_ours(line) for line in blocks(ROOT / "README.md"))


@pytest.mark.parametrize("command", IN_BLOCKS)
def test_a_command_can_be_typed(command):
    assert refusal(command) == ""


@pytest.mark.parametrize("command", IN_SENTENCES)
def test_the_flags_of_a_command_within_a_sentence_exist(command):
    """It may leave out what the command requires."""
    said = refusal(command)
    assert said == "" or ("nrecognized" not in said and re.search("Missing|required", said)), said


def test_the_page_of_commands_lists_all():
    listed = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"`s3im {name}" not in listed] == []


def settings(page: Path) -> set[str]:
    """The settings that a page names by their full flags, or in a table whose first heading holds how these begin."""
    found = {flag for span in spans(page) for flag in re.findall(r"--pipeline\.[\w.-]+", span)}
    for table in re.findall(r"(?:^\|.*\n)+", page.read_text(encoding="utf-8"), re.MULTILINE):
        heading, _, *rows = [line.split("|")[1] for line in table.splitlines()]
        begin = re.search(r"`(--pipeline[\w.-]*)\.`", heading)
        if begin:
            found |= {f"{begin[1]}.{name}" for row in rows for name in SPAN.findall(row)}
    return {flag.rstrip(".") for flag in found}


def test_settings_that_are_named_exist():
    """Some method of the package, or of the examples, can be trained with each."""
    named = set().union(*map(settings, PAGES))
    # What s3im train adds has no name in the list before it is used.
    configs = [*known_methods().values(), with_s3im("nerfacto")]
    known = {f"--{path.replace('_', '-')}" for config in configs for path, _ in leaves(config)}
    # A group of settings is named by how they begin.
    missing = [flag for flag in named if not any(f"{found}.".startswith(f"{flag}.") for found in known)]
    assert len(named) > 60 and missing == []


def test_a_command_with_a_flag_that_does_not_exist_is_noticed():
    assert "nrecognized" in refusal("s3im check SCENE --pictures x.png")
    assert "no command" in refusal("s3im chek SCENE")
    assert "nrecognized" in refusal("ns-train s3im-nerfacto-lite --data SCENE --pipeline.model.s3im.weight 1")
    assert "nrecognized" in refusal("ns-export tsdf --load-config CONFIG --output-dir OUT --boxes 1")


@pytest.mark.parametrize("command", COMPARISONS)
def test_a_comparison_is_accepted(command, room, tmp_path):
    """All that is checked before a training passes."""
    request = tyro.cli(CompareCommand, args=shlex.split(command, comments=True)[2:]).request()
    # Which scenes, how often and how their files are read is the reader's.
    parser = None if request.dataparser is None else "nerfstudio-data"
    assert plan(replace(request, scenes=(room,), seeds=(0,), dataparser=parser), tmp_path)
