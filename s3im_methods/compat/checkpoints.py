"""Let torch's ``weights_only`` loader read nerfstudio's checkpoints.

Since 2.6, ``torch.load`` admits tensors and plain Python values only. nerfstudio computes its learning rates with
numpy, so that the schedulers' state holds numpy float64 scalars, and ns-eval, ns-render, ns-export, ns-viewer and
resuming all fail (nerfstudio issue 3683). We name the three globals that such a scalar is pickled with and nothing
else: ``weights_only`` stays on and a checkpoint with any other object in it is refused.
"""

import numpy as np
import torch


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
