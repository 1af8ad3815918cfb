"""Entry point of the ``s3im`` command."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from s3im_methods.errors import InputError

COMMANDS = {
    "bench": "s3im_methods.cli.bench:BenchCommand",
    "check": "s3im_methods.cli.check:CheckCommand",
    "compare": "s3im_methods.cli.compare:CompareCommand",
    "demo": "s3im_methods.cli.demo:DemoCommand",
    "depth-report": "s3im_methods.cli.depth_report:DepthReportCommand",
    "doctor": "s3im_methods.cli.doctor:DoctorCommand",
    "eval-mesh": "s3im_methods.cli.eval_mesh:EvalMeshCommand",
    "export-mesh": "s3im_methods.cli.export_mesh:ExportMeshCommand",
    "overview": "s3im_methods.cli.overview:OverviewCommand",
    "render-depth": "s3im_methods.cli.render_depth:RenderDepthCommand",
    "scene": "s3im_methods.cli.scene:SceneCommand",
    "train": "s3im_methods.cli.train:TrainCommand",
}
"""Name of each subcommand and the dataclass that parses its flags and runs it with ``run()``.

The module of a subcommand is imported for any ``s3im`` call, so that it keeps heavy imports inside ``run()``.
"""


_STDOUT = 1


def main(argv: Sequence[str] | None = None) -> None:
    """Parse ``argv`` (default: the process's arguments) and run the subcommand; without arguments, print the help.

    Raises:
        SystemExit: With a sentence on wrong input or where the output cannot be printed, with status 130 when
            interrupted, and with status 141 when nobody reads what is printed any more, as in
            ``s3im --help | head -1``.
    """
    from s3im_methods.compat.early import start

    start()
    if sys.stdout is None:
        # Closed by the shell (>&-).
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (It stays open.)
    try:
        try:
            _parse(argv).run()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        raise SystemExit(130) from None
    except OSError as error:
        if error.filename is not None or not _output_fails():
            raise
        # Python flushes once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
        if isinstance(error, BrokenPipeError):
            raise SystemExit(141) from None
        raise InputError(
            f"The output cannot be printed ({error.strerror}): free space there, or give another place."
        ) from None


def _parse(argv: Sequence[str] | None) -> Any:
    from typing import Annotated, Union

    import tyro

    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["train"]:
        # What follows is for the method's own flags to be read by.
        from s3im_methods.cli.train import TrainCommand

        return TrainCommand(tuple(arguments[1:]))
    members = []
    for name, place in COMMANDS.items():
        module, attribute = place.split(":")
        members.append(Annotated[getattr(import_module(module), attribute), tyro.conf.subcommand(name)])
    choice: Any = Union[tuple(members)]  # noqa: UP007 (The members are not static.)
    return tyro.cli(choice, prog="s3im", args=arguments or ["--help"])


def _output_fails() -> bool:
    try:
        sys.stdout.flush()
        os.write(_STDOUT, b"\n")
    except OSError:
        return True
    return False
