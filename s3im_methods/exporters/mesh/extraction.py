"""From a trained model to a mesh in the coordinates of its data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from nerfstudio.cameras.cameras import Cameras
from numpy.typing import NDArray

from s3im_methods.errors import InputError, NoSurfaceError
from s3im_methods.exporters.mesh.appearance import surface_colours, vertex_normals
from s3im_methods.exporters.mesh.components import largest_components
from s3im_methods.exporters.mesh.depth_fusion import FusedDepth, render_views
from s3im_methods.exporters.mesh.grid import Grid, fit_grid
from s3im_methods.exporters.mesh.level_set import LevelSet
from s3im_methods.exporters.mesh.marching import Triangles, join_blocks
from s3im_methods.exporters.mesh.memory import MemoryBudget
from s3im_methods.exporters.mesh.precision import place
from s3im_methods.exporters.mesh.simplification import simplified
from s3im_methods.exporters.mesh.sparse_blocks import evaluate_blocks
from s3im_methods.exporters.mesh.survey import default_level, seen_box, seen_surface
from s3im_methods.exporters.mesh.volume import ScalarField, field_of, scalar_field
from s3im_methods.exporters.mesh.world_frame import WorldFrame

Corner = tuple[float, float, float]

# Depth of different views disagrees by about this share of the scene however fine the grid is.
_LEAST_TRUNCATION = 0.01
_TRUNCATION_VOXELS = 5


@dataclass(frozen=True)
class MeshSettings:
    """How a mesh is made.

    Args:
        method: "level-set" of the model's signed distance, density or occupancy, or "depth-fusion" of its rendered
            depth.
        resolution: Cells along the longest side of the box.
        level: Of the density or the signed distance, in scene units, or of the occupancy; None to choose it.
        crop_min: Lowest corner of the box in world units; None for the box that the training cameras see.
        crop_max: Its highest corner.
        components: How many parts to keep, the largest ones; 0 for all.
        faces: About how many triangles the mesh may have; None for all that there are.
        fusion_views: Most views to fuse.
        fusion_downscale: How many times smaller than the images these are rendered.
        fusion_agreement: Views that must say something about a place for it to be known; with fewer views, all.
        depth_output_name: The depth to fuse, an output of the model.
    """

    method: Literal["level-set", "depth-fusion"] = "level-set"
    resolution: int = 256
    level: float | None = None
    crop_min: Corner | None = None
    crop_max: Corner | None = None
    components: int = 1
    faces: int | None = None
    fusion_views: int = 100
    fusion_downscale: float = 2.0
    fusion_agreement: int = 3
    depth_output_name: str = "depth"


@dataclass(frozen=True)
class ColouredMesh:
    """A mesh in world units and axes.

    Attributes:
        surface: Vertices and faces.
        normals: At the vertices, ``[V, 3]``, outwards.
        colours: At the vertices, sRGB, ``[V, 3]``.
    """

    surface: Triangles
    normals: NDArray[np.float64]
    colours: NDArray[np.uint8]


def extract_mesh(
    model: Any,
    cameras: Cameras,
    frame: WorldFrame,
    settings: MeshSettings,
    say: Callable[[str], None] = print,
    budget: MemoryBudget | None = None,
) -> ColouredMesh:
    """Make the mesh.

    Args:
        model: Any ray-based model of nerfstudio, in evaluation mode.
        cameras: The training cameras, scene units, on the model's device.
        frame: Of the world.
        settings: How.
        say: Takes lines about what was found.
        budget: Memory that may be used; by default what the machine has left.

    Raises:
        InputError: If the model has nothing to take a surface from, or it does not fit into the memory.
        NoSurfaceError: If there is none in the box.
    """
    budget = budget or MemoryBudget.of_this_machine()
    device = cameras.device
    if field_of(model) is None:
        raise InputError(f"{type(model).__name__} has no field that gives a mesh its colours: use ns-export tsdf.")
    field = scalar_field(model) if settings.method == "level-set" else None
    points = seen_surface(model, cameras)
    seen = seen_box(points, frame)
    grid = fit_grid(*_box(settings, *seen), settings.resolution)
    say(f"Grid of {' x '.join(map(str, grid.cells))} cells of {grid.voxel:.4g} from {place(grid.origin)}.")
    if field is None:
        field, level = _fused(model, cameras, frame, settings, grid, say), 0.0
    else:
        level = default_level(field, points) if settings.level is None else settings.level
        field.check_level(level, "--level")
    level_set = LevelSet(field, level, frame, grid.voxel, device)
    surface = join_blocks(evaluate_blocks(level_set, grid, budget), grid)
    if len(surface.faces) == 0:
        raise NoSurfaceError(_nothing(settings, level_set, seen))
    what = "fused distance" if settings.method == "depth-fusion" else field.kind
    say(f"Level {level:.4g} of the {what}, which runs from {level_set.lowest:.4g} to {level_set.highest:.4g}.")
    surface, parts = largest_components(surface, settings.components)
    kept = min(parts, settings.components or parts)
    say(f"{len(surface.vertices)} vertices, {len(surface.faces)} faces in {kept} of {parts} parts.")
    if settings.faces is not None:
        surface = simplified(surface, settings.faces)
        say(f"Simplified to {len(surface.vertices)} vertices, {len(surface.faces)} faces.")
    normals = vertex_normals(surface)
    return ColouredMesh(surface, normals, surface_colours(model, surface.vertices, normals, frame, device))


def _box(settings: MeshSettings, low: NDArray, high: NDArray) -> tuple[NDArray, NDArray]:
    low = low if settings.crop_min is None else np.array(settings.crop_min)
    high = high if settings.crop_max is None else np.array(settings.crop_max)
    for axis, name in enumerate("xyz"):
        if not low[axis] < high[axis]:
            raise InputError(
                f"The crop box is empty: along {name} it runs from {low[axis]:.4g} to {high[axis]:.4g}. Give another "
                "--crop-min or --crop-max."
            )
    return low, high


def _fused(
    model: Any,
    cameras: Cameras,
    frame: WorldFrame,
    settings: MeshSettings,
    grid: Grid,
    say: Callable[[str], None],
) -> ScalarField:
    views = list(
        render_views(model, cameras, settings.fusion_views, settings.fusion_downscale, settings.depth_output_name)
    )
    truncation = max(_TRUNCATION_VOXELS * grid.voxel, _LEAST_TRUNCATION * grid.voxel * max(grid.cells))
    height, width = views[0].distance.shape
    say(f"Fused the depth of {len(views)} views of {width} x {height} pixels, truncated at {truncation:.4g}.")
    # Of the faces of a panorama only one sees a point.
    least = min(settings.fusion_agreement, settings.fusion_views, len(cameras))
    return ScalarField(FusedDepth(views, truncation * frame.scale, least), "sdf")


def _nothing(settings: MeshSettings, level_set: LevelSet, seen: tuple[NDArray, NDArray]) -> str:
    where = f"the training cameras see a surface from {place(seen[0])} to {place(seen[1])}"
    if level_set.lowest > level_set.highest:
        return f"The model knows nothing in the crop box, and {where}: give another --crop-min and --crop-max."
    if settings.method == "depth-fusion":
        return f"There is no surface in the crop box, and {where}: give another --crop-min and --crop-max."
    return (
        f"There is no surface at level {level_set.level:.4g}: in the box the {level_set.field.kind} runs from "
        f"{level_set.lowest:.4g} to {level_set.highest:.4g}, and {where}. Give another --level or crop box."
    )
