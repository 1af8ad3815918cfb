"""Entry point of the ``s3im`` command."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from s3im_methods.broken_plugin import broken_plugin_named
from s3im_methods.cli.commands import COMMANDS, command_class, head_of_help, list_of_commands
from s3im_methods.errors import InputError
from s3im_methods.interruptions import NO_READER, drop_output, interrupted_in_a_word, output_fails
from s3im_methods.progress import shown

_PIPED_COLUMNS, _MOST_COLUMNS = 100, 120


def main(argv: Sequence[str] | None = None) -> None:
    """Parse ``argv`` (default: the process's arguments) and run the subcommand; without arguments, list the commands.

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
            with interrupted_in_a_word(), shown(), broken_plugin_named():
                _parse(argv).run()
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None or not output_fails():
            raise
        drop_output()
        if isinstance(error, BrokenPipeError):
            raise SystemExit(NO_READER) from None
        raise InputError(
            f"The output cannot be printed ({error.strerror}): free space there, or give another place."
        ) from None


def _parse(argv: Sequence[str] | None) -> Any:
    arguments = list(sys.argv[1:] if argv is None else argv)
    first = arguments[0] if arguments else "--help"
    if first in ("-h", "--help"):
        print(list_of_commands(_columns()))
        raise SystemExit(0)
    if first == "--version":
        print(_version())
        raise SystemExit(0)
    if first.startswith("--tyro-"):
        return _parse_all(arguments)
    if first not in COMMANDS:
        raise _no_command(first)

    if first == "train" and arguments[1:] and arguments[1] not in ("-h", "--help"):
        # What follows are flags of the method's own.
        return command_class(first)(tuple(arguments[1:]))

    _refuse_repeats(arguments[1:])

    import tyro

    if not {"-h", "--help"}.isdisjoint(arguments):
        print(f"{head_of_help(first, _columns())}\n")
    return tyro.cli(command_class(first), prog=f"s3im {first}", description="", args=arguments[1:])


def _refuse_repeats(arguments: list[str]) -> None:
    """Of a flag that is typed twice the parser takes the last, without a word."""
    flags = [word.partition("=")[0].replace("_", "-") for word in arguments if word.startswith("--")]
    for flag in flags:
        if flags.count(flag) > 1:
            raise InputError(f"{flag} is given twice: give it once, with all its values behind it.")


def _columns() -> int:
    """How wide help is printed; also for tyro, which takes 80 columns where there is no terminal."""
    if not sys.stdout.isatty():
        os.environ.setdefault("COLUMNS", str(_PIPED_COLUMNS))
    return min(shutil.get_terminal_size().columns, _MOST_COLUMNS)


def _parse_all(arguments: list[str]) -> Any:
    """For the shell's completion, which needs all subcommands at once."""
    from typing import Annotated, Union

    import tyro

    if arguments[0] == "--tyro-write-completion" and len(arguments) == 3:
        # The folder in which bash looks for completions is not there until something makes it.
        Path(arguments[2]).parent.mkdir(parents=True, exist_ok=True)
        print(f"The completion for {arguments[1]} goes to {arguments[2]}: open a new shell to use it.")
    members = [Annotated[command_class(name), tyro.conf.subcommand(name)] for name in COMMANDS]
    choice: Any = Union[tuple(members)]  # noqa: UP007 (The members are not static.)
    return tyro.cli(choice, prog="s3im", args=arguments)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version
    from platform import python_version

    from s3im_methods import __version__

    parts = [f"s3im {__version__}"]
    for package in ("nerfstudio", "torch"):
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            parts.append(f"no {package}")
    return ", ".join([*parts, f"Python {python_version()}"])


def _no_command(name: str) -> InputError:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, 1)
    meant = f"did you mean s3im {near[0]}? " if near else ""
    return InputError(f"s3im has no command '{name}': {meant}s3im alone lists the commands.")
