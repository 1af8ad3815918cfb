"""``ns-export marching-cubes`` on any device, as one surface without seams.

nerfstudio puts its points on CUDA whatever the model is on (``exporter/marching_cubes.py``, three times ``.cuda()``),
and joins crops of 512 nodes without merging their vertices, so that the mesh falls apart between them (nerfstudio issue
2721; pull request 3598 merges vertices, and keeps ``.cuda()``). Without a surface in the box it writes an empty file
and fails later. We put the pack's sparse marching cubes in the place of nerfstudio's function. That the resolution must
be a multiple of 512 is checked by the command itself and stays; ``s3im export-mesh`` takes any.
"""

import dataclasses
import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from s3im_methods.errors import InputError

if TYPE_CHECKING:
    import trimesh

_NAME = "generate_mesh_with_multires_marching_cubes"
# The command binds the function under its own name when it is imported, or runs as a script itself.
_MODULES = ("nerfstudio.exporter.marching_cubes", "nerfstudio.scripts.exporter", "__main__")
_BOX_FLAGS = "--bounding-box-min and --bounding-box-max"

Corner = tuple[float, float, float]


def replace_marching_cubes(device: torch.device | str) -> None:
    """Let ns-export make its meshes by :func:`sparse_marching_cubes`.

    Called when a pipeline of ours is built for it: by then the command has imported nerfstudio's function, and other
    commands need not import what exporting needs.

    Args:
        device: Where the model is; the one of the pipeline that was built last counts.
    """
    for name in _MODULES:
        module = sys.modules.get(name)
        if hasattr(module, _NAME):
            ours = functools.partial(sparse_marching_cubes, device=device)
            setattr(module, _NAME, functools.update_wrapper(ours, getattr(module, _NAME)))


def sparse_marching_cubes(
    geometry_callable_field: Callable[[Tensor], Tensor],
    resolution: int = 512,
    bounding_box_min: Corner = (-1.0, -1.0, -1.0),
    bounding_box_max: Corner = (1.0, 1.0, 1.0),
    isosurface_threshold: float = 0.0,
    coarse_mask: Tensor | None = None,
    device: torch.device | str = "cpu",
) -> "trimesh.Trimesh":
    """What nerfstudio's ``generate_mesh_with_multires_marching_cubes`` is for, with its arguments.

    Args:
        geometry_callable_field: From points in scene units, ``[N, 3]``, to signed distances, ``[N]``, negative inside.
        resolution: Cells along the longest side of the box; voxels are cubes.
        bounding_box_min: Lowest corner of the box, scene units.
        bounding_box_max: Its highest corner.
        isosurface_threshold: Signed distance on the surface.
        coarse_mask: Not supported; no command of nerfstudio gives one.
        device: Where the points are made.

    Returns:
        The surface in scene units, shared vertices merged, with normals that point outwards.

    Raises:
        InputError: If the box is empty, there is no surface in it, or it does not fit into the memory.
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
    def distance(points: Tensor) -> Tensor:
        return geometry_callable_field(points).float()

    grid = fit_grid(bounding_box_min, bounding_box_max, resolution)
    scene = WorldFrame(np.eye(3), np.zeros(3), 1.0)
    level_set = LevelSet(ScalarField(distance, "sdf"), isosurface_threshold, scene, grid.voxel, device)
    budget = dataclasses.replace(MemoryBudget.of_this_machine(), box_flags=_BOX_FLAGS)
    surface = join_blocks(evaluate_blocks(level_set, grid, budget), grid)
    if len(surface.faces) == 0:
        raise InputError(
            f"There is no surface where the signed distance is {isosurface_threshold:.4g}: in the box from "
            f"{bounding_box_min} to {bounding_box_max} it runs from {level_set.lowest:.4g} to {level_set.highest:.4g}. "
            f"Give another --isosurface-threshold or other {_BOX_FLAGS}."
        )
    # Nothing to process: no vertex is there twice, and the order of the faces says where the outside is.
    return trimesh.Trimesh(surface.vertices, surface.faces, vertex_normals=vertex_normals(surface), process=False)
