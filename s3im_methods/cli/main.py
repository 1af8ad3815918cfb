"""Entry point of the ``s3im`` command."""

import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    "bench": "s3im_methods.cli.bench:BenchCommand",
    "compare": "s3im_methods.cli.compare:CompareCommand",
    "demo": "s3im_methods.cli.demo:DemoCommand",
    "depth-report": "s3im_methods.cli.depth_report:DepthReportCommand",
    "eval-mesh": "s3im_methods.cli.eval_mesh:EvalMeshCommand",
    "export-mesh": "s3im_methods.cli.export_mesh:ExportMeshCommand",
    "overview": "s3im_methods.cli.overview:OverviewCommand",
    "render-depth": "s3im_methods.cli.render_depth:RenderDepthCommand",
    "scene": "s3im_methods.cli.scene:SceneCommand",
}
"""Name of each subcommand and the dataclass that parses its flags and runs it with ``run()``.

The module of a subcommand is imported for any ``s3im`` call, so that it keeps heavy imports inside ``run()``.
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Parse ``argv`` (default: the process's arguments) and run the subcommand.

    Raises:
        SystemExit: With a sentence on wrong input, with status 130 when interrupted.
    """
    from typing import Annotated, Any, Union

    import tyro

    members = []
    for name, place in COMMANDS.items():
        module, attribute = place.split(":")
        members.append(Annotated[getattr(import_module(module), attribute), tyro.conf.subcommand(name)])
    choice: Any = Union[tuple(members)]  # noqa: UP007 (The members are not static.)
    command = tyro.cli(choice, prog="s3im", args=argv)
    try:
        command.run()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        raise SystemExit(130) from None
