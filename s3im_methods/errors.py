"""The one exception for wrong input: a sentence that says what is wrong, where, and what to do."""


class InputError(SystemExit, ValueError):
    """Raised for bad input that the user can fix.

    A command that meets it prints the sentence alone and exits with status 1, because Python treats it as a
    ``SystemExit``; library code can catch it as a ``ValueError``.

    Args:
        message: One sentence: what is wrong, where, and what to do.

    Example:
        >>> try:
        ...     raise InputError("No scene at 'x': give the folder that holds transforms.json.")
        ... except ValueError as error:
        ...     str(error)
        "No scene at 'x': give the folder that holds transforms.json."
    """


class NoSurfaceError(InputError):
    """Raised where a training has not come to a surface: there is nothing to make a mesh of, or nothing seen."""
