"""Let torch's ``weights_only`` loader read nerfstudio's checkpoints.

Since 2.6, ``torch.load`` admits tensors and plain Python values only. nerfstudio computes its learning rates with
numpy, so that the schedulers' state holds numpy float64 scalars, and ns-eval, ns-render, ns-export, ns-viewer and
resuming all fail (nerfstudio issue 3683). We name the three globals that such a scalar is pickled with and nothing
else: ``weights_only`` stays on and a checkpoint with any other object in it is refused.
"""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from s3im_methods.errors import InputError


def numpy_scalar_globals() -> list:
    """The globals needed to unpickle a numpy float64 scalar.

    The constructor is asked of numpy itself, because numpy 2 moved it from ``numpy.core`` to ``numpy._core``; older
    numpy's files still name the old place, which torch resolves to the same function.
    """
    rebuild = np.float64(0).__reduce__()[0]
    return [rebuild, (rebuild, "numpy.core.multiarray.scalar"), np.dtype, type(np.dtype(np.float64))]


def allow_numpy_scalars() -> None:
    """Add numpy's float64 scalar to the types that ``torch.load`` accepts with ``weights_only``."""
    torch.serialization.add_safe_globals(numpy_scalar_globals())


@contextmanager
def explained_load(source: object) -> Iterator[None]:
    """Turn what goes wrong while a checkpoint is loaded into one sentence.

    Args:
        source: Where the checkpoint is, for the sentence.

    Raises:
        InputError: If the checkpoint holds more than tensors and plain numbers, is damaged, or does not fit.
    """
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(
            f"The checkpoint in '{source}' cannot be read ({error.strerror or _first_line(error)}): it is cut off or "
            "damaged, or its permissions forbid it, so put a whole copy there."
        ) from error
    except pickle.UnpicklingError as error:
        raise InputError(
            f"The checkpoint in '{source}' was refused: it is damaged, or holds more than tensors and plain numbers, "
            f"which could run code on this machine ({_first_line(error)}). Use one from a source that you trust."
        ) from error
    except (RuntimeError, EOFError, LookupError, AssertionError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"The checkpoint in '{source}' does not fit this run ({_first_line(error)}): it is damaged, or was trained "
            "with other settings or another scene. Use the flags of the config.yml beside it."
        ) from error


def _first_line(error: Exception) -> str:
    lines = [line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("Error(s) in loading"):
        # torch's list of what does not fit.
        lines = lines[1:]
    return (lines[0] if lines else type(error).__name__)[:200]
