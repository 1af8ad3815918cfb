"""Begin a training with the weights of another run, at step 0 and with new optimisers."""

from pathlib import Path

import torch
from torch import nn

from s3im_methods.compat.checkpoints import explained_load
from s3im_methods.console import say
from s3im_methods.data.wording import quote
from s3im_methods.engine.run_place import checkpoint_name, steps_in
from s3im_methods.errors import InputError

_SHOWN = 3


def begin_with_weights(pipeline: nn.Module, source: Path) -> None:
    """Take over what has the same name and shape, and say what has not, such as one image's appearance.

    Args:
        pipeline: The new run's, built.
        source: A checkpoint, a folder of checkpoints or a run's folder; the last step counts.

    Raises:
        InputError: If there is no checkpoint, it cannot be read, less than half of the parameters are in it, or its
            grids have grown.
    """
    file = _checkpoint_in(source)
    with explained_load(file):
        saved = torch.load(file, map_location="cpu")["pipeline"]
    saved = {_of_one_process(name): value for name, value in saved.items()}
    own = pipeline.state_dict()
    same_name = {name: saved[_of_one_process(name)] for name in own if _of_one_process(name) in saved}
    fits = {name: value for name, value in same_name.items() if own[name].shape == value.shape}
    sizes = {name: parameter.numel() for name, parameter in pipeline.named_parameters()}
    # Methods share a small network or two, which alone are no beginning.
    if 2 * sum(size for name, size in sizes.items() if name in fits) < sum(sizes.values()):
        if pipeline.model.grids_grow and sizes.keys() <= same_name.keys():  # type: ignore[union-attr]
            raise InputError(
                f"The grids in the checkpoint {quote(file)} have grown in training, and those of this model have not: "
                "resume that run with --load-dir in place of --warm-start."
            )
        raise InputError(
            f"Most weights of this model are not in the checkpoint {quote(file)}, or in other sizes: give --warm-start "
            "one of the same method and sizes."
        )
    pipeline.load_state_dict(own | fits)
    new = sorted(_of_one_process(name).removeprefix("_model.") for name in own.keys() - fits.keys())
    more = f" and {len(new) - _SHOWN} more" if len(new) > _SHOWN else ""
    rest = f"; not in it: {', '.join(new[:_SHOWN])}{more}" if new else ""
    say(f"Training begins at step 0 with the weights of {quote(file)}{rest}.")


def _of_one_process(name: str) -> str:
    """The name without that of the model's wrapper, which several processes have."""
    return name.replace("_model.module.", "_model.", 1)


def _checkpoint_in(source: Path) -> Path:
    for folder in (source, source / "nerfstudio_models"):
        if steps := steps_in(folder):
            return folder / checkpoint_name(steps[-1])
    if not source.is_file():
        raise InputError(f"No checkpoint at {quote(source)}: give --warm-start a step-*.ckpt file or a run's folder.")
    return source
