"""``ns-export marching-cubes`` on any device, as one surface without seams.

nerfstudio puts its points on CUDA whatever the model is on (``exporter/marching_cubes.py``, three times ``.cuda()``),
and joins crops of 512 nodes without merging their vertices, so the mesh falls apart between them (nerfstudio issue
2721; pull request 3598 merges vertices, and keeps ``.cuda()``). Without a surface in the box it writes an empty file
and fails later. We replace nerfstudio's function by the package's sparse marching cubes. The command itself still wants
a resolution that is a multiple of 512; ``s3im export-mesh`` takes any.

The command knows the zero of signed distances only. A surface method of the package has its mesh at the level that
``s3im export-mesh`` takes, unless the user gives another.
"""

import dataclasses
import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from s3im_methods.console import say
from s3im_methods.errors import InputError

if TYPE_CHECKING:
    import trimesh

    from s3im_methods.exporters.mesh.volume import ScalarField

_NAME = "generate_mesh_with_multires_marching_cubes"
# The command binds the function under its own name when it is imported, or runs as a script itself.
_MODULES = ("nerfstudio.exporter.marching_cubes", "nerfstudio.scripts.exporter", "__main__")
_THRESHOLD = "--isosurface-threshold"
# nerfstudio's command takes multiples of it alone.
_STEP = 512
_BOX_FLAGS = "--bounding-box-min and --bounding-box-max"

Corner = tuple[float, float, float]


def replace_marching_cubes(device: torch.device | str, pipeline: Any = None) -> None:
    """Let ns-export make its meshes by :func:`sparse_marching_cubes`.

    Called when a pipeline of ours is built for it: by then the command has imported nerfstudio's function, and other
    commands need not import what exporting needs.

    Args:
        device: Where the model is; the one of the pipeline that was built last counts.
        pipeline: Itself, whose weights may still have to be loaded; a model with a ``surface_value`` is asked for its
            surface.
    """
    keywords: dict[str, Any] = {"device": device}
    if hasattr(getattr(pipeline, "_model", None), "surface_value"):
        keywords["surface_of"] = functools.partial(_surface, pipeline)
    for name in _MODULES:
        module = sys.modules.get(name)
        if hasattr(module, _NAME):
            ours = functools.partial(sparse_marching_cubes, **keywords)
            setattr(module, _NAME, functools.update_wrapper(ours, getattr(module, _NAME)))


def _surface(pipeline: Any, threshold: float) -> "tuple[ScalarField, float]":
    """The field of a surface method, and the level that the command's threshold stands for."""
    from s3im_methods.exporters.mesh.outline_level import surface_level
    from s3im_methods.exporters.mesh.volume import scalar_field
    from s3im_methods.exporters.ns_export.command import is_given, running_export

    field, command = scalar_field(pipeline.model), running_export()
    if threshold != 0 or (command is not None and is_given(command, "isosurface_threshold")):
        return field, threshold
    level = surface_level(pipeline, _THRESHOLD, say)
    assert level is not None
    if field.kind == "occupancy":
        say(f"This method has an occupancy: the mesh is its level of {level}.")
    return field, level


def sparse_marching_cubes(
    geometry_callable_field: Callable[[Tensor], Tensor],
    resolution: int = 512,
    bounding_box_min: Corner = (-1.0, -1.0, -1.0),
    bounding_box_max: Corner = (1.0, 1.0, 1.0),
    isosurface_threshold: float = 0.0,
    coarse_mask: Tensor | None = None,
    device: torch.device | str = "cpu",
    surface_of: "Callable[[float], tuple[ScalarField, float]] | None" = None,
) -> "trimesh.Trimesh":
    """What nerfstudio's ``generate_mesh_with_multires_marching_cubes`` is for, with its arguments.

    Args:
        geometry_callable_field: From points in scene units, ``[N, 3]``, to signed distances, ``[N]``, negative inside.
        resolution: Cells along the longest side of the box; voxels are cubes.
        bounding_box_min: Lowest corner of the box, scene units.
        bounding_box_max: Its highest corner.
        isosurface_threshold: Signed distance on the surface, or what ``surface_of`` makes of it.
        coarse_mask: Not supported; no command of nerfstudio gives one.
        device: Where the points are made.
        surface_of: From the threshold to the field that is taken in place of the given one, and its level.

    Returns:
        The surface in scene units, shared vertices merged, with normals that point outwards.

    Raises:
        InputError: If the box is empty, there is no surface in it, it does not fit into the memory, or the field never
            has such a value.
    """
    import numpy as np
    import trimesh

    from s3im_methods.exporters.mesh.appearance import vertex_normals
    from s3im_methods.exporters.mesh.grid import fit_grid
    from s3im_methods.exporters.mesh.level_set import LevelSet
    from s3im_methods.exporters.mesh.marching import join_blocks
    from s3im_methods.exporters.mesh.memory import MemoryBudget
    from s3im_methods.exporters.mesh.sparse_blocks import evaluate_blocks
    from s3im_methods.exporters.mesh.volume import ScalarField
    from s3im_methods.exporters.mesh.world_frame import WorldFrame

    if coarse_mask is not None:
        raise NotImplementedError("A coarse mask is not supported: the sparse evaluation finds the surface without.")
    if not all(low < high for low, high in zip(bounding_box_min, bounding_box_max, strict=True)):
        raise InputError(f"The box from {bounding_box_min} to {bounding_box_max} is empty: give other {_BOX_FLAGS}.")

    @torch.no_grad()
    def value(points: Tensor) -> Tensor:
        return geometry_callable_field(points).float()

    field, level = ScalarField(value, "sdf"), isosurface_threshold
    if surface_of is not None:
        field, level = surface_of(isosurface_threshold)
    field.check_level(level, _THRESHOLD)
    grid = fit_grid(bounding_box_min, bounding_box_max, resolution)
    scene = WorldFrame(np.eye(3), np.zeros(3), 1.0)
    level_set = LevelSet(field, level, scene, grid.voxel, device)
    budget = dataclasses.replace(MemoryBudget.of_this_machine(), box_flags=_BOX_FLAGS, step=_STEP)
    surface = join_blocks(evaluate_blocks(level_set, grid, budget), grid)
    if len(surface.faces) == 0:
        raise InputError(
            f"There is no surface where the {field.name} is {level:.4g}: in the box from "
            f"{bounding_box_min} to {bounding_box_max} it runs from {level_set.lowest:.4g} to {level_set.highest:.4g}. "
            f"Give another {_THRESHOLD} or other {_BOX_FLAGS}."
        )
    # Nothing to process: no vertex is there twice, and the order of the faces says where the outside is.
    return trimesh.Trimesh(surface.vertices, surface.faces, vertex_normals=vertex_normals(surface), process=False)
