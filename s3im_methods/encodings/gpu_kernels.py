"""Whether a GPU can run the hash grid's Triton kernels, found out by running them."""

import functools
from types import ModuleType

import torch
from nerfstudio.field_components.encodings import HashEncoding
from nerfstudio.utils.rich_utils import CONSOLE
from rich.markup import escape
from torch import Tensor

_TOLERANCE = 1e-4
"""Of a check whose numbers are around 1, so that float32's rounding passes and a wrong weight or slot does not."""


@functools.cache
def gpu_kernels(device: torch.device) -> ModuleType | None:
    """The module :mod:`s3im_methods.encodings.hash_grid_triton`, if on a GPU it does what nerfstudio's code does.

    The first call for a device runs them, forward and backward, on some points, and prints a line where they are of no
    use: where Triton is not installed, finds no C compiler (it needs one), or computes something else. Later calls
    wait for nothing.

    Args:
        device: The GPU.

    Returns:
        The module, or None where nerfstudio's code is to be used.
    """
    try:
        from s3im_methods.encodings import hash_grid_triton

        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False):
            found, expected = _both(hash_grid_triton, device)
        if all(torch.allclose(*pair, rtol=_TOLERANCE, atol=_TOLERANCE) for pair in zip(found, expected, strict=True)):
            return hash_grid_triton
        reason = "they do not compute the same here"
    # Whatever Triton, its compiler or the driver raises, there is other code that works.
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = f"{type(error).__name__}: {lines[0]}"
    CONSOLE.print(f"The hash grids use nerfstudio's code on {device}, not the faster Triton kernels: {escape(reason)}.")
    return None


def _both(kernels: ModuleType, device: torch.device) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Features, and gradients with respect to table and points, by the kernels and by nerfstudio."""
    # Which random numbers a training draws must not depend on where it is.
    with torch.random.fork_rng(devices=[]):
        grid = HashEncoding(3, 4, 32, log2_hashmap_size=6, hash_init_scale=1.0, implementation="torch").to(device)
    draw = torch.Generator().manual_seed(0)
    points = torch.rand(300, 3, generator=draw).to(device).requires_grad_()
    scalings = grid.scalings.to(points)
    results = []
    for features in (
        kernels.Encode.apply(points, grid.hash_table, scalings, grid.hash_table_size),
        grid.pytorch_fwd(points),
    ):
        weights = torch.linspace(-1, 1, features.numel(), device=device).view_as(features)
        gradients = torch.autograd.grad((features * weights).sum(), (grid.hash_table, points))
        # Slopes are up to the resolution times as large as features.
        results.append((features.detach(), gradients[0], gradients[1] / scalings.max()))
    return results[0], results[1]
