"""How grids grow while they are trained, and what becomes of their optimiser."""

import math
from collections.abc import Callable, Sequence

from nerfstudio.engine.optimizers import Optimizers
from torch import Tensor, nn

from s3im_methods.encodings.resampling import ResampledGrid, Window
from s3im_methods.errors import InputError


def resolution_by_axis(box: Tensor, voxels: float) -> tuple[int, int, int]:
    """Number of nodes along each axis for cubes as voxels.

    Args:
        box: Corners of the box, ``[2, 3]``.
        voxels: How many voxels it should have.

    Returns:
        Nodes along x, y and z, at least 2 each.

    Example:
        >>> import torch
        >>> resolution_by_axis(torch.tensor([[0.0, 0.0, 0.0], [4.0, 2.0, 1.0]]), 4096)
        (32, 16, 8)
    """
    sides = (box[1] - box[0]).double().tolist()
    voxel = (math.prod(sides) / voxels) ** (1 / 3)
    # The original truncates; the small number keeps a whole quotient whole.
    x, y, z = (max(2, int(side / voxel + 1e-6)) for side in sides)
    return x, y, z


def grow(
    grids: Sequence[nn.Module],
    resolution: Sequence[int],
    optimizers: Optimizers,
    window: Window | None = None,
) -> None:
    """Bring grids to new nodes, and the moments that their optimiser keeps of them.

    New parameters take the place of the old ones, because the gradient's bookkeeping of a parameter knows its shape.

    Args:
        grids: Modules that are :class:`ResampledGrid`.
        resolution: New number of nodes along x, y and z.
        optimizers: The run's optimisers.
        window: First and last new node along each axis, in units of old nodes; by default all of them.
    """
    swaps: dict[nn.Parameter, tuple[nn.Parameter, Callable[[Tensor], Tensor]]] = {}
    for grid in grids:
        assert isinstance(grid, ResampledGrid)
        resample = grid.resampling(resolution, window)
        for name in grid.layout:
            old = getattr(grid, name)
            new = nn.Parameter(resample(name, old.data))
            setattr(grid, name, new)
            swaps[old] = new, _bound(resample, name)
        if hasattr(grid, "resolution"):
            grid.resolution = resolution[0]  # type: ignore[assignment]
    _swap(optimizers, swaps)


def _bound(resample: Callable[[str, Tensor], Tensor], name: str) -> Callable[[Tensor], Tensor]:
    return lambda values: resample(name, values)


def _swap(optimizers: Optimizers, swaps: dict[nn.Parameter, tuple[nn.Parameter, Callable[[Tensor], Tensor]]]) -> None:
    for group, optimizer in optimizers.optimizers.items():
        for settings in optimizer.param_groups:
            settings["params"] = [swaps[p][0] if p in swaps else p for p in settings["params"]]
        optimizers.parameters[group] = [swaps[p][0] if p in swaps else p for p in optimizers.parameters[group]]
        for old in [p for p in optimizer.state if p in swaps]:
            new, resample = swaps[old]
            state = optimizer.state[new] = optimizer.state.pop(old)
            for name, value in state.items():
                # Adam's moments have the parameter's shape; its count of steps has none.
                if isinstance(value, Tensor) and value.shape == old.shape:
                    # In place, so that an old moment is freed before the next grows.
                    state[name] = resample(value)


def check_resumed_grids(has: Sequence[int], wanted: Sequence[int], step: int, flags: str) -> None:
    """Refuse to resume grids that their settings would have made otherwise, since they grow after certain steps only.

    Args:
        has: Nodes along x, y and z in the checkpoint.
        wanted: The same by the settings.
        step: The last one that was trained.
        flags: The settings that say how they grow.

    Raises:
        InputError: If they differ.

    Example:
        >>> check_resumed_grids((8, 8, 8), (8, 9, 8), step=3, flags="")
    """
    # An older version may have rounded otherwise.
    if any(abs(one - other) > 1 for one, other in zip(has, wanted, strict=True)):
        raise InputError(
            f"After step {step} the checkpoint has grids of {' x '.join(map(str, has))} nodes, and the settings say "
            f"{' x '.join(map(str, wanted))}: give {flags} as the run had them."
        )


def restart(optimizers: Optimizers, groups: Sequence[str]) -> None:
    """Restart the optimisers of some groups and their learning rates, as nerfstudio's tensorf does."""
    for group in groups:
        config = optimizers.config[group]
        optimizer = config["optimizer"].setup(params=optimizers.parameters[group])
        optimizers.optimizers[group] = optimizer
        if config["scheduler"]:
            scheduler = config["scheduler"].setup()
            optimizers.schedulers[group] = scheduler.get_scheduler(optimizer=optimizer, lr_init=config["optimizer"].lr)
