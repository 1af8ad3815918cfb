"""The subcommands of ``s3im``, by what people want to do, and the page that lists them."""

import inspect
import textwrap
from importlib import import_module
from typing import Any

from s3im_methods import __version__

TASKS = {
    "see": ("results", "overview", "turntable"),
    "make": ("demo", "scene", "attach"),
    "check": ("doctor", "check", "depth-report"),
    "train": ("ns-train", "train", "compare"),
    "measure": ("ns-eval", "eval-mesh", "bench"),
    "export": ("export", "export-mesh", "render-depth"),
}
"""Which commands belong to which task, in the order in which they are listed."""

COMMANDS = {
    "attach": "s3im_methods.cli.attach:AttachCommand",
    "bench": "s3im_methods.cli.bench:BenchCommand",
    "check": "s3im_methods.cli.check:CheckCommand",
    "compare": "s3im_methods.cli.compare:CompareCommand",
    "demo": "s3im_methods.cli.demo:DemoCommand",
    "depth-report": "s3im_methods.cli.depth_report:DepthReportCommand",
    "doctor": "s3im_methods.cli.doctor:DoctorCommand",
    "eval-mesh": "s3im_methods.cli.eval_mesh:EvalMeshCommand",
    "export": "s3im_methods.cli.export:ExportCommand",
    "export-mesh": "s3im_methods.cli.export_mesh:ExportMeshCommand",
    "overview": "s3im_methods.cli.overview:OverviewCommand",
    "render-depth": "s3im_methods.cli.render_depth:RenderDepthCommand",
    "results": "s3im_methods.cli.results:ResultsCommand",
    "scene": "s3im_methods.cli.scene:SceneCommand",
    "train": "s3im_methods.cli.train:TrainCommand",
    "turntable": "s3im_methods.cli.turntable:TurntableCommand",
}
"""Name of each subcommand and the dataclass that parses its flags and runs it with ``run()``.

Listing the commands imports all of these modules, so each keeps heavy imports inside ``run()``. The first line of a
class's docstring is its line in the list, and its ``example`` is what its help begins with.
"""

_NERFSTUDIO = {
    "ns-train": "Train a method (nerfstudio): ns-train s3im-nerfacto-lite --data SCENE",
    "ns-eval": "PSNR, SSIM and LPIPS of a run (nerfstudio): ns-eval --load-config CONFIG",
}
_INDENT = 24


def command_class(name: str) -> Any:
    """The dataclass of a subcommand."""
    module, attribute = COMMANDS[name].split(":")
    return getattr(import_module(module), attribute)


def list_of_commands(width: int) -> str:
    """All commands by task, one line each, with one example.

    Args:
        width: Columns that may be used.
    """
    lines = [f"s3im {__version__}: radiance fields and surfaces trained with S3IM, for nerfstudio", ""]
    for task, names in TASKS.items():
        for name in names:
            about = _NERFSTUDIO.get(name) or _paragraphs(command_class(name))[0]
            start = f"  {task if name == names[0] else '':<7} {name:<14}"
            lines.append(textwrap.fill(about, width, initial_indent=start, subsequent_indent=" " * _INDENT))
        lines.append("")
    lines.append("Example: s3im demo   (makes a room, trains on it and shows the result)")
    lines.append("Each command explains itself: s3im COMMAND --help. Also: s3im --version.")
    return "\n".join(lines)


def head_of_help(name: str, width: int) -> str:
    """What the help of a subcommand begins with: an example and what the command does.

    Args:
        name: Of the subcommand.
        width: Columns that may be used.
    """
    kind = command_class(name)
    paragraphs = [f"Example: {kind.example}", *_paragraphs(kind)]
    return "\n\n".join(_wrapped(paragraph, width) for paragraph in paragraphs)


def _paragraphs(kind: Any) -> list[str]:
    return inspect.cleandoc(kind.__doc__).split("\n\n")


def _wrapped(paragraph: str, width: int) -> str:
    # A paragraph of indented lines is a table.
    if paragraph.startswith(" "):
        return paragraph
    return textwrap.fill(paragraph, width, break_long_words=False, break_on_hyphens=False)
