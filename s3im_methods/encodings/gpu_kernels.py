"""The hash grid's Triton kernels, for GPUs on which they do what nerfstudio's code does."""

from types import ModuleType

import torch
from nerfstudio.field_components.encodings import HashEncoding
from torch import Tensor

from s3im_methods.kernels.available import agreeing_kernels


def _load() -> ModuleType:
    from s3im_methods.encodings import hash_grid_triton

    return hash_grid_triton


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


gpu_kernels = agreeing_kernels(_load, _both, "The hash grids use nerfstudio's code")
"""Of a GPU: the module :mod:`s3im_methods.encodings.hash_grid_triton`, or None where nerfstudio's code is used."""
