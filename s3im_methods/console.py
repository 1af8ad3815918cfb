"""The lines that a command prints on nerfstudio's console: what it does, and what is doubtful.

Names of files stand in them, in which rich would take ``[v2]`` for a style and ``:x:`` for an emoji, and drop it.
"""


def say(line: str, whole: bool = False) -> None:
    """Print what a command does.

    Args:
        line: Printed as it is.
        whole: Whether the line is left to the terminal to break, so that a command in it can be copied.
    """
    _print(line, None, whole)


def warn(line: str) -> None:
    """Print what is doubtful, in yellow.

    Args:
        line: Printed as it is.
    """
    _print(line, "yellow", False)


def _print(line: str, style: str | None, whole: bool) -> None:
    try:
        # Commands that print nothing there start without it.
        from nerfstudio.utils.rich_utils import CONSOLE
    except ImportError:
        # S3IM serves other code without nerfstudio.
        print(line, flush=True)
        return
    CONSOLE.print(line, style=style, markup=False, emoji=False, highlight=False if whole else None, soft_wrap=whole)
