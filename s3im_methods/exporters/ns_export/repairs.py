"""Put the repairs in the place of what a running ``ns-export`` command is about to call."""

import dataclasses
import functools
import math
import sys
from typing import Any

from s3im_methods.compat.tsdf import keep_voxels_in_front
from s3im_methods.compat.tsdf_walls import leave_out_walls
from s3im_methods.console import say
from s3im_methods.errors import InputError
from s3im_methods.exporters.ns_export.command import is_given, running_export
from s3im_methods.exporters.ns_export.file_names import give_own_names, mend_references
from s3im_methods.exporters.ns_export.flags import check_flags

# Open3D's Poisson reconstruction needs a surface to speak of, and ends the process with fewer.
_LEAST_FOR_POISSON = 100


def repair_export(model_config: Any, clouds: dict[Any, Any] | None = None) -> None:
    """Repair nerfstudio's TSDF; check the flags of a running ``ns-export`` command, and repair what it will call.

    Called when a pipeline of ours is built for evaluation, and when ``s3im export`` hands a loaded one to a command;
    other methods' exports stay as nerfstudio has them.

    Args:
        model_config: Of the run's model.
        clouds: Points of the same run that exports before have drawn, which this one takes or adds to; None for a
            command that stands alone.

    Raises:
        InputError: If the command asks for what it cannot do.
    """
    keep_voxels_in_front()
    leave_out_walls()
    command = running_export()
    if command is None:
        return
    check_flags(command, model_config)
    give_own_names(command)
    module = sys.modules[type(command).__module__]
    for holder, name, repaired in (
        (module, "generate_point_cloud", functools.partial(_generate_point_cloud, clouds)),
        (module.tsdf_utils, "export_tsdf_mesh", _export_tsdf_mesh),
        (module.texture_utils, "export_textured_mesh", _export_textured_mesh),
        (module.o3d.geometry.TriangleMesh, "create_from_point_cloud_poisson", _poisson_surface),
    ):
        original = getattr(holder, name)
        original = getattr(original, "__wrapped__", original)
        setattr(holder, name, functools.update_wrapper(functools.partial(repaired, command, original), original))


def _generate_point_cloud(
    clouds: dict[Any, Any] | None, command: Any, original: Any, pipeline: Any, num_points: int, **settings: Any
) -> Any:
    import open3d as o3d

    from s3im_methods.exporters.mesh.training_split import training_split
    from s3im_methods.exporters.mesh.world_frame import world_frame
    from s3im_methods.exporters.ns_export.outputs import check_outputs, colours_asked_for
    from s3im_methods.exporters.ns_export.points import AxisBox, WantedPoints
    from s3im_methods.exporters.ns_export.world import move_to_world, original_frame

    check_outputs(command, pipeline)
    oriented = settings.pop("crop_obb", None)
    boxes, flags = ([], []) if oriented is None else ([oriented], ["--obb-center, --obb-rotation and --obb-scale"])
    # The default box would cut rooms, whose walls lie outside it, and nerfstudio has never read it.
    names = ("bounding_box_min", "bounding_box_max", "use_bounding_box")
    if any(hasattr(command, name) and is_given(command, name) for name in names) and command.use_bounding_box:
        boxes.append(AxisBox(command.bounding_box_min, command.bounding_box_max))
        flags.append("--bounding-box-min and --bounding-box-max")
    drawn_as = (num_points, *sorted(settings.items()))
    # Copies, because an export may move its own.
    if clouds is not None and not boxes and drawn_as in clouds:
        say("The points are those of the export before.")
        cloud = o3d.geometry.PointCloud(clouds[drawn_as])
    else:
        wanted = WantedPoints(num_points, command.num_rays_per_batch, boxes, " or ".join(flags))
        with colours_asked_for(command, pipeline.model):
            cloud = original(pipeline=pipeline, num_points=num_points, crop_obb=wanted, **settings)
        if clouds is not None and not boxes:
            clouds[drawn_as] = o3d.geometry.PointCloud(cloud)
    if len(cloud.points) == 0:
        raise InputError("No point is left after outliers were removed: give a larger --std-ratio or --num-points.")
    if type(command).__name__ == "ExportPoissonMesh" and len(cloud.points) < _LEAST_FOR_POISSON:
        raise InputError(
            f"{len(cloud.points)} points are too few for a surface: give a --num-points of at least "
            f"{_LEAST_FOR_POISSON}, or a larger --std-ratio."
        )
    if getattr(command, "save_world_frame", False):
        manager = pipeline.datamanager
        # s3im export writes it beside a mesh, which is in the coordinates of the poses in the file.
        move_to_world(cloud, original_frame(manager) if clouds is None else world_frame(training_split(manager)))
        # nerfstudio would move the points once more.
        command.save_world_frame = False
    return cloud


def _poisson_surface(command: Any, original: Any, cloud: Any, **settings: Any) -> Any:
    # With more threads it crashes now and then where the cores are busy (isl-org/Open3D#6828 and #7229).
    return original(cloud, **{"n_threads": 1, **settings})


def _export_tsdf_mesh(command: Any, original: Any, pipeline: Any, *arguments: Any, **settings: Any) -> None:
    from s3im_methods.exporters.mesh.memory import MemoryBudget
    from s3im_methods.exporters.ns_export.outputs import check_cameras, check_outputs, colours_asked_for

    check_cameras(pipeline.datamanager.train_dataset.cameras, command.downscale_factor)
    sides = [command.resolution] * 3 if isinstance(command.resolution, int) else command.resolution
    # nerfstudio makes the voxels on the CPU and moves them to the model's device.
    for device in ("cpu", pipeline.device):
        # A smaller box has as many voxels.
        budget = dataclasses.replace(MemoryBudget.of_this_machine(device), box_flags="")
        budget.check_voxels(math.prod(sides), max(sides))
    check_outputs(command, pipeline)
    with colours_asked_for(command, pipeline.model):
        original(pipeline, *arguments, **settings)


def _export_textured_mesh(
    command: Any, original: Any, mesh: Any, pipeline: Any, output_dir: Any, *arguments: Any, **settings: Any
) -> None:
    from s3im_methods.exporters.ns_export.outputs import colours_asked_for
    from s3im_methods.exporters.ns_export.textured import write_textured_mesh

    with colours_asked_for(command, pipeline.model):
        if command.unwrap_method == "xatlas":
            plain = getattr(command, "rgb_output_name", "rgb") == "rgb"
            write_textured_mesh(mesh, pipeline.model, output_dir / "mesh.obj", command.num_pixels_per_side, plain)
        else:
            original(mesh, pipeline, output_dir, *arguments, **settings)
            mend_references(output_dir)
