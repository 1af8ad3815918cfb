"""Whether our kernels run here: Numba's on CPUs, and Triton's on a GPU, which is found out by running them."""

import functools
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

import torch
from torch import Tensor

from s3im_methods.console import say, warn

_TOLERANCE = 1e-4
"""Of a check whose numbers are around 1, so that float32's rounding passes and a wrong weight or slot does not."""

Compare = Callable[[ModuleType, torch.device], tuple[Sequence[Tensor], Sequence[Tensor]]]


@functools.cache
def fused_available() -> bool:
    """Whether Numba, which compiles the CPU's kernels, can be imported; the first call prints a line where it cannot.

    Ask for it last, where tensors are known to lie on a CPU: on a GPU Numba is of no use, and its import takes time.
    """
    try:
        import numba  # noqa: F401
    # Numba also refuses versions of numpy that it does not know, and LLVM's library may not load.
    except (ImportError, OSError) as error:
        warn(
            "torch computes on this CPU, several times slower than our kernels, because Numba cannot be "
            f"imported: {error}"
        )
        return False
    return True


def agreeing_kernels(
    load: Callable[[], ModuleType], compare: Compare, without: str
) -> "functools._lru_cache_wrapper[ModuleType | None]":
    """A function that gives a module of kernels to a device on which they do what other code does.

    Its first call for a device runs them and prints a line where they are of no use: where Triton is not installed,
    finds no C compiler (it needs one), or computes something else. Later calls wait for nothing.

    Args:
        load: Imports the module.
        compare: Gives what the kernels compute on a device, and what it should be.
        without: What happens without them, up to "on cuda:0", for the line.

    Returns:
        A function of the device; it gives the module, or None where the other code is to be used.
    """

    @functools.cache
    def kernels_for(device: torch.device) -> ModuleType | None:
        # The viewer renders inside one, which raises at any line when its camera moves.
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            kernels = load()
            with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False):
                found, expected = compare(kernels, device)
            pairs = zip(found, expected, strict=True)
            if all(torch.allclose(*pair, rtol=_TOLERANCE, atol=_TOLERANCE) for pair in pairs):
                return kernels
            reason = "they do not compute the same here"
        # Whatever Triton, its compiler or the driver raises, there is other code that works.
        except Exception as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            reason = f"{type(error).__name__}: {lines[0]}"
        finally:
            sys.settrace(tracer)
        say(f"{without} on {device}, not the faster Triton kernels: {reason}.")
        return None

    return kernels_for
