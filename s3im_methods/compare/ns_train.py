"""The command lines of ``ns-train`` for a comparison's runs, and what ns-train makes of them.

A method with the suffix +s3im is one of others with S3IM, whose command is ``s3im train``.
"""

import contextlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from s3im_methods.compare.axes import Setting
from s3im_methods.data.wording import argument
from s3im_methods.errors import InputError
from s3im_methods.models.any_method.methods import (
    SUFFIX,
    base_name,
    check_method,
    known_methods,
    refusal,
    train_command,
)

_PARSER = "--pipeline.datamanager.dataparser."


def train_arguments(
    method: str, data: Path, seed: int | None, steps: int | None, settings: Sequence[Setting], dataparser: str | None
) -> list[str]:
    """What follows ``ns-train`` on the command line.

    Args:
        method: The method.
        data: The scene.
        seed: Seed of the run; None for the method's own.
        steps: Training steps; None for the method's own number.
        settings: Further flags; those of the data parser are moved behind its name, as ns-train wants it.
        dataparser: Name of the data parser; None for the method's own.

    Example:
        >>> settings = [("--pipeline.datamanager.dataparser.eval-mode", "interval")]
        >>> " ".join(train_arguments("nerfacto", Path("fox"), 1, 500, settings, None))
        'nerfacto --data fox --machine.seed 1 --max-num-iterations 500 nerfstudio-data --eval-mode interval'
    """
    arguments = [method, "--data", argument(data)]
    if seed is not None:
        arguments += ["--machine.seed", str(seed)]
    if steps is not None:
        arguments += ["--max-num-iterations", str(steps)]
    of_parser: list[str] = []
    for flag, *values in settings:
        if flag.startswith(_PARSER):
            of_parser += ["--" + flag[len(_PARSER) :], *values]
        else:
            arguments += [flag, *values]
    if dataparser or of_parser:
        arguments += [dataparser or own_parser(method), *of_parser]
    return arguments


def own_parser(method: str) -> str:
    """The name of the method's own data parser, which ns-train takes where none is given.

    Args:
        method: The method.
    """
    from nerfstudio.configs.dataparser_configs import all_dataparsers
    from nerfstudio.configs.method_configs import all_methods

    # What is no method, or one that is not installed, is refused when the arguments are read.
    pipeline: Any = getattr(all_methods.get(base_name(method)), "pipeline", None)
    own = type(pipeline.datamanager.dataparser) if pipeline is not None else None
    return next((name for name, parser in all_dataparsers.items() if type(parser) is own), "nerfstudio-data")


def read_arguments(arguments: Sequence[str]) -> Any:
    """The configuration that ns-train would train with.

    Args:
        arguments: As :func:`train_arguments` makes them.

    Returns:
        A ``TrainerConfig`` with its scene in the data manager's configuration.

    Raises:
        InputError: If there is no such method, or ns-train would not take the flags or their numbers.
    """
    import tyro
    from nerfstudio.configs.method_configs import AnnotatedBaseConfigUnion

    from s3im_methods.engine.odd_settings import check_numbers
    from s3im_methods.models.any_method.configs import with_s3im

    method, methods = arguments[0], known_methods()
    with_suffix = method.endswith(SUFFIX)
    if with_suffix:
        check_method(base_name(method))
    elif method not in methods:
        ours = ", ".join(name for name in methods if name.startswith("s3im-"))
        raise InputError(f"No method '{method}': give one of {ours}, or another that ns-train --help lists.")
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            if with_suffix:
                config = with_s3im(method, arguments[1:])
            else:
                config = tyro.cli(AnnotatedBaseConfigUnion, prog="ns-train", args=list(arguments))  # type: ignore[arg-type]
    except SystemExit:
        reason = _reason(said.getvalue())
        if "--pipeline.model.s3im" in reason and refusal(method) is None:
            reason += f"; {method}{SUFFIX} is this method with S3IM"
        command = " ".join(train_command(method))
        raise InputError(f"{command} would not take the flags: {reason}.") from None
    check_numbers(config)
    config.pipeline.datamanager.data = config.data
    return config


def on_this_machine(arguments: Sequence[str], config: Any) -> list[str]:
    """Choose the CPU where there is no CUDA: nerfstudio's own methods ask for CUDA everywhere.

    Args:
        arguments: As :func:`train_arguments` makes them; a device that they name stays.
        config: What :func:`read_arguments` made of them; its device is changed.

    Returns:
        The arguments with the device that was chosen.
    """
    import torch

    flag = "--machine.device-type"
    if config.machine.device_type != "cuda" or torch.cuda.is_available() or flag in arguments:
        return list(arguments)
    config.machine.device_type = "cpu"
    return [arguments[0], flag, "cpu", *arguments[1:]]


def _reason(box: str) -> str:
    """The first sentences of tyro's message, which it draws in a box, of letters where there is no better."""
    sentences: list[str] = []
    for line in box.splitlines()[1:]:
        text = line.strip("│| ")
        if text.strip("─-+╭╮╰╯"):
            sentences.append(text)
        # Before version 1 tyro left a line free before the options that it did not know.
        elif sentences and not sentences[-1].endswith(":"):
            break
    # The method, which our sentence names.
    reason = re.sub(r" \(applied to [^()]*\)", "", " ".join(sentences))
    return reason.rstrip(".") or "it does not say why"
