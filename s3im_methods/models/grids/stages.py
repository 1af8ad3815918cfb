"""How DVGO's grids change while they are trained: coarse, tightened, then finer and finer.

Which stage a step belongs to, and how many voxels it has, are functions of the step alone.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.engine.optimizers import Optimizers
from torch import Tensor, nn
from torch.nn import functional

from s3im_methods.console import warn
from s3im_methods.data.depth.projection import to_pixels
from s3im_methods.encodings.resampling import Window
from s3im_methods.engine.allocator import hand_back_freed_memory
from s3im_methods.errors import InputError
from s3im_methods.fields.dvgo_field import DVGOField
from s3im_methods.models.grids.growth import check_resumed_grids, grow, resolution_by_axis, restart
from s3im_methods.models.grids.occupied import node_window

GRIDS = "grids"
_LEAST_RATE = 0.02
"""Nodes at a camera keep this factor, because a thing may stand there."""


def is_coarse(config: Any, step: int) -> bool:
    """Whether a training step is one of the coarse stage."""
    return step < config.coarse_steps


def voxels_at(config: Any, step: int) -> float:
    """How many voxels the grids have in a training step.

    Example:
        >>> from s3im_methods.models.s3im_dvgo import S3IMDVGOModelConfig
        >>> settings = S3IMDVGOModelConfig(coarse_steps=80, coarse_resolution=48, resolution=144)
        >>> settings.scaling_steps = (100, 220)
        >>> [round(voxels_at(settings, step) ** (1 / 3)) for step in (79, 80, 179, 180, 300)]
        [48, 91, 91, 114, 144]
    """
    if is_coarse(config, step):
        return float(config.coarse_resolution**3)
    left = sum(step < config.coarse_steps + at for at in config.scaling_steps)
    return config.resolution**3 / 2**left


def threshold_factor(config: Any, step: int) -> float:
    """Factor of both thresholds, of colours' weights and of a mask that is refreshed, in a step of the fine stage.

    Example:
        >>> from s3im_methods.models.s3im_dvgo import S3IMDVGOModelConfig
        >>> settings = S3IMDVGOModelConfig(coarse_steps=0, scaling_steps=(1000, 2000, 3000), threshold_ramp=(0.1, 0.5))
        >>> [threshold_factor(settings, step) for step in (0, 1499, 1500, 2500)]
        [0.1, 0.1, 0.5, 0.5]
    """
    ramp, fine = config.threshold_ramp, step - config.coarse_steps
    passed = sum(first + second <= 2 * fine for first, second in pairwise(config.scaling_steps))
    return ramp[min(passed, len(ramp) - 1)] if ramp else 1.0


def interval_of(config: Any, field: DVGOField) -> float:
    """Length of a step in base voxels; in a contracted space, of the steps inside its rim."""
    ratio = config.step_ratio if field.is_fine else config.coarse_step_ratio
    return ratio * field.voxel() / field.base_side


def after_step(
    config: Any,
    field: DVGOField,
    optimizers: Optimizers,
    step: int,
    node_weights: Callable[[], Tensor],
) -> bool:
    """Make the field and its optimisers ready for the step after ``step``.

    Args:
        config: The settings.
        field: Whose grids change.
        optimizers: The run's.
        step: The step that was trained last.
        node_weights: Finds the most that each node weighs in a pixel, ``[X, Y, Z]``; asked for mask-by weight only.

    Returns:
        Whether anything changed.
    """
    following = step + 1
    if following == config.coarse_steps:
        _begin_fine(config, field, optimizers, node_weights)
    elif following - config.coarse_steps in config.scaling_steps:
        _scale(config, field, optimizers, following, node_weights)
    else:
        return False
    # The holes that smaller grids leave are too small for the next ones.
    hand_back_freed_memory()
    return True


def check_resumed(config: Any, field: DVGOField, step: int) -> None:
    """Refuse a run that is resumed with other stages than it had.

    Args:
        config: The settings.
        field: With the checkpoint's grids.
        step: The last one that was trained.

    Raises:
        InputError: If stage or size of the grids are not what the settings say.
    """
    following = step + 1
    coarse = is_coarse(config, following)
    if field.is_fine == coarse:
        stages = ("fine", "coarse") if coarse else ("coarse", "fine")
        raise InputError(
            f"After step {step} the checkpoint is in its {stages[0]} stage, and the settings say the {stages[1]} one: "
            "give --pipeline.model.coarse-steps as the run had it."
        )
    wanted = resolution_by_axis(field.aabb, voxels_at(config, following))
    sizes = "--pipeline.model.coarse-resolution" if coarse else "--pipeline.model.resolution and scaling-steps"
    check_resumed_grids(field.resolution, wanted, step, sizes)


def _grids(field: DVGOField) -> list[nn.Module]:
    return [field.density_grid, field.colour_grid]


@torch.no_grad()
def _begin_fine(config: Any, field: DVGOField, optimizers: Optimizers, node_weights: Callable[[], Tensor]) -> None:
    """Find what is occupied, tighten the box to it, and let the network join in on finer grids."""
    evidence = _evidence(config, field, node_weights)
    if (evidence >= config.mask_threshold).any():
        field.alpha_mask.update(evidence, field.aabb, config.mask_threshold)
    else:
        warn(
            f"No voxel is {config.mask_threshold:g} opaque after the coarse stage, so the whole box is kept: "
            "give --pipeline.model.coarse-steps more."
        )
    density = functional.softplus(field.density_grid.values + field.shift) / field.base_side
    field.add_network()
    window = _tighten(config, field, density, config.floor_alpha)
    if not config.keep_coarse:
        field.density_grid.values.zero_()
        field.colour_grid.values.zero_()
    grow(_grids(field), resolution_by_axis(field.aabb, voxels_at(config, config.coarse_steps)), optimizers, window)
    _take(field, optimizers)
    restart(optimizers, list(optimizers.optimizers))


@torch.no_grad()
def _scale(
    config: Any, field: DVGOField, optimizers: Optimizers, following: int, node_weights: Callable[[], Tensor]
) -> None:
    """Double the voxels, and leave out what has become empty."""
    threshold, window = config.mask_refresh_threshold * threshold_factor(config, following), None
    if threshold > 0:
        evidence = _evidence(config, field, node_weights)
        if (evidence >= threshold).any():
            field.alpha_mask.narrow(evidence, field.aabb, threshold)
        if config.mask_by == "weight":
            density = functional.softplus(field.density_grid.values + field.shift) / field.base_side
            window = _tighten(config, field, density)
    grow(_grids(field), resolution_by_axis(field.aabb, voxels_at(config, following)), optimizers, window)
    field.lower_shift(config.scaling_shift)
    if config.scaling_restarts:
        _take(field, optimizers)
        restart(optimizers, list(optimizers.optimizers))


def _evidence(config: Any, field: DVGOField, node_weights: Callable[[], Tensor]) -> Tensor:
    """What is compared with the mask's thresholds, ``[X, Y, Z]``."""
    if config.mask_by == "alpha":
        return field.node_opacities(interval_of(config, field))
    # A surface that is a little off its place needs room to move.
    return functional.max_pool3d(node_weights()[None, None], kernel_size=3, stride=1, padding=1)[0, 0]


def _tighten(config: Any, field: DVGOField, density: Tensor, floor: float = 1e-12) -> Window:
    """Shrink the box to what is occupied.

    Args:
        config: The settings.
        field: Whose box shrinks; the values of its grids keep their nodes.
        density: Per coordinate of the box, of the density grid's shape; it is kept under the new unit of length.
        floor: Least opacity of a base voxel.

    Returns:
        The nodes that are left, for :func:`~s3im_methods.models.grids.growth.grow`.
    """
    tightens = field.alpha_mask.exists and (field.space.scale is None or config.mask_by == "weight")
    smaller = field.alpha_mask.occupied_box() if tightens else field.aabb.detach().clone()
    window, box = node_window(field.aabb, smaller, field.resolution)
    field.set_box(box, float(config.resolution**3))
    optical = (density * field.base_side).clamp(min=1e-12)
    values = field.density_grid.values
    values.copy_(optical + torch.log(-torch.expm1(-optical)) - field.shift)
    values.clamp_(min=field.raw_of(floor))
    return window


def _take(field: DVGOField, optimizers: Optimizers) -> None:
    optimizers.parameters[GRIDS] = [field.density_grid.values, field.colour_grid.values]


def set_coarse_rates(config: Any, field: DVGOField, optimizers: Optimizers, cameras: Any) -> None:
    """Give each node its learning rate of the coarse stage.

    Args:
        config: The settings.
        field: In its coarse stage.
        optimizers: The run's, whose ``grids`` are a :class:`~s3im_methods.engine.voxel_adam.VoxelAdam`'s.
        cameras: Of the training views; None where nobody needs them.
    """
    nodes = field.space.inverse(torch.stack(torch.meshgrid(*field.node_axes(), indexing="ij"), dim=-1))
    rates = torch.full_like(nodes[..., :1], config.coarse_rate)
    if config.coarse_view_counts:
        counts = view_counts(nodes.reshape(-1, 3), cameras)
        rates *= (counts / counts.max().clamp(min=1)).view_as(rates)
    optimizer: Any = optimizers.optimizers[GRIDS]
    optimizer.set_rates(field.colour_grid.values, rates)
    if config.near_reach:
        rates = rates * near_rates(nodes, cameras.camera_to_worlds[:, :, 3], config.near_reach)
    optimizer.set_rates(field.density_grid.values, rates)


def near_rates(nodes: Tensor, origins: Tensor, reach: float) -> Tensor:
    """Factors of the learning rates of densities, which fall towards the cameras, ``[X, Y, Z, 1]``.

    Adam moves each node that a step touches by as much, and rays touch the few nodes before a camera in every step. So
    fog there would explain a view before the wall behind it can (Philip and Deschaintre, EGSR 2023, scale gradients for
    this; Adam takes no notice of their scale).

    Args:
        nodes: Scene points, ``[X, Y, Z, 3]``.
        origins: Of the cameras, ``[n, 3]``.
        reach: Distance from the nearest camera from which on the factor is 1.

    Example:
        >>> near_rates(torch.tensor([[[[0.5, 0.0, 0.0], [9.0, 0.0, 0.0]]]]), torch.zeros(1, 3), 2.0).flatten()
        tensor([0.2500, 1.0000])
    """
    slabs = [torch.cdist(slab.view(-1, 3), origins.to(slab)).amin(dim=1).view(slab.shape[:-1]) for slab in nodes]
    return (torch.stack(slabs) / reach).clamp(_LEAST_RATE, 1)[..., None]


def view_counts(nodes: Tensor, cameras: Any) -> Tensor:
    """How many cameras see each point within their picture, ``[n]``, for points ``[n, 3]``."""
    counts = torch.zeros(len(nodes), device=nodes.device)
    for index in range(len(cameras)):
        kind = int(cameras.camera_type[index])
        if kind == CameraType.FISHEYE.value:
            counts += _in_picture(nodes, cameras[index])
            continue
        if kind != CameraType.PERSPECTIVE.value:
            # A panorama sees everything, and so do other lenses, we assume.
            counts += 1
            continue
        pose = cameras.camera_to_worlds[index].to(nodes)
        x, y, z = ((nodes - pose[:, 3]) @ pose[:, :3]).unbind(-1)
        depth = (-z).clamp(min=1e-6)
        u = cameras.fx[index].to(nodes) * x / depth + cameras.cx[index].to(nodes)
        v = cameras.cy[index].to(nodes) - cameras.fy[index].to(nodes) * y / depth
        width, height = cameras.width[index].to(nodes), cameras.height[index].to(nodes)
        counts += (z < 0) & (u >= 0) & (v >= 0) & (u < width) & (v < height)
    return counts


def _in_picture(nodes: Tensor, camera: Cameras) -> Tensor:
    """Whether one perspective or fisheye camera sees each point ``[n, 3]`` within its picture, ``[n]``."""
    column, row, depth = to_pixels(nodes.double().cpu().numpy(), camera)
    seen = (depth > 0) & (column >= 0) & (row >= 0) & (column < int(camera.width)) & (row < int(camera.height))
    return torch.from_numpy(seen).to(nodes.device)
