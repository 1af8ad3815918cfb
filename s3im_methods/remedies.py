"""Remedies of a refused scene, in the flags of the command that was called.

The checks of a scene name those of ns-train, where the data parser and its flags stand at the end of the command.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from s3im_methods.data.wording import command_line
from s3im_methods.errors import InputError

_AT_THE_END = re.compile(r"`([\w-]+)((?: --[\w-]+ [^\s`]+)*)` at the end of the command")
_OF_OWN_MESHES = (
    ": give a mesh in the coordinates of that scene's transforms.json, or leave out --scene",
    ": leave out --scene",
)
_LOOKS_LIKE = re.compile(r"`([\w-]+)`: add that at the end of the command")


@contextmanager
def remedies_in(translate: Callable[[str], str]) -> Iterator[None]:
    """Translate the message of what is refused.

    Args:
        translate: Takes the message, and gives it with this command's remedies.

    Raises:
        InputError: The same, in other words.
    """
    try:
        yield
    except InputError as error:
        raise type(error)(translate(str(error))) from error


def with_dataparser_flags(message: str) -> str:
    """The message for a command with --dataparser and --set.

    Args:
        message: With the flags of ns-train.

    Example:
        >>> with_dataparser_flags("add `blender-data` at the end of the command.")
        'add `--dataparser blender-data`.'
        >>> with_dataparser_flags("add `colmap --downscale-factor 1` at the end of the command.")
        'add `--set pipeline.datamanager.dataparser.downscale-factor=1`.'
    """

    def flags(found: re.Match[str]) -> str:
        settings = re.findall(r"--([\w-]+) ([^\s`]+)", found[2])
        if not settings:
            return f"`--dataparser {found[1]}`"
        listed = " ".join(f"pipeline.datamanager.dataparser.{name}={value}" for name, value in settings)
        return f"`--set {listed}`"

    return _AT_THE_END.sub(flags, _LOOKS_LIKE.sub(r"`\1`: add `--dataparser \1`", message))


def without_meshes(message: str) -> str:
    """The message for a command that judges meshes by the scene's own mesh and cameras, unless it has --no-meshes.

    Args:
        message: With the flags of ``s3im eval-mesh``.

    Example:
        >>> without_meshes("'m.ply' has no faces: give a mesh of triangles.")
        "'m.ply' has no faces: give a mesh of triangles, or give --no-meshes."
    """
    if "leave out --scene" in message:
        return message.replace("leave out --scene", "give --no-meshes")
    return f"{message.removesuffix('.')}, or give --no-meshes."


def of_a_trained_run(message: str) -> str:
    """The message for a comparison, of a run that is trained and whose mesh cannot be made or measured.

    Args:
        message: With the flags of ``s3im export-mesh`` and ``s3im eval-mesh``.

    Example:
        >>> of_a_trained_run("--resolution 9 needs 2 GiB: 8 fits, or a smaller box with --crop-min and --crop-max.")
        '--mesh-resolution 9 needs 2 GiB: 8 fits.'
    """
    message = message.replace("--resolution", "--mesh-resolution")
    for advice in (", or a smaller box with --crop-min and --crop-max", *_OF_OWN_MESHES):
        message = message.replace(advice, "")
    return message


def of_transforms_only(message: str, scene: Path) -> str:
    """The message for a command that reads scenes of ``nerfstudio-data`` alone.

    Args:
        message: With the flags of ns-train.
        scene: The scene's path, as the user gave it.
    """
    parser = re.search(r"add `([\w-]+)` at the end of the command", message)
    if parser is None:
        return message
    instead = command_line(["s3im", "check", scene, "--dataparser", parser[1]])
    return message.replace(parser[0], f"this command reads only transforms.json; check the scene with `{instead}`")
