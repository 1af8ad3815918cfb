"""``s3im export RUN --pointcloud --tsdf --mesh``: several exports of a run that is loaded once."""

import re
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar

import tyro

_KINDS = ("mesh", "pointcloud", "tsdf", "poisson")


@dataclass(frozen=True)
class ExportCommand:
    """Make several exports of a run that is loaded once.

    Give at least one of --mesh, --pointcloud, --tsdf and --poisson. Each has sensible settings here; the commands
    s3im export-mesh and ns-export have all of them. The mesh and the point cloud are in the units and axes of the
    data, tsdf and poisson in nerfstudio's scene units, as ns-export writes them.
    """

    example: ClassVar[str] = "s3im export RUN --mesh --pointcloud --output-dir exports"

    run_or_config: tyro.conf.Positional[Path]
    """The run's folder, or its config.yml."""
    output_dir: Path
    """Folder to write to: mesh.ply, point_cloud.ply, tsdf_mesh.ply and poisson_mesh.ply."""
    mesh: bool = False
    """The surface at a level of the signed distance, density or occupancy; as s3im export-mesh."""
    pointcloud: bool = False
    """Points that the training views see; in the coordinates of the mesh. As ns-export pointcloud."""
    tsdf: bool = False
    """A mesh fused from depth, in the box that the training cameras see; as ns-export tsdf --texture-method tsdf."""
    poisson: bool = False
    """A mesh through points and normals; as ns-export poisson --texture-method point_cloud."""
    resolution: int = 256
    """Mesh and tsdf: cells along the longest side."""
    num_points: int = 500_000
    """Point cloud and poisson: number of points."""

    def run(self) -> None:
        """Load the run and make the exports, one after another."""
        self._check()
        from s3im_methods.cli.load_run import load_run
        from s3im_methods.errors import InputError
        from s3im_methods.outputs import check_output_folder

        output_dir = check_output_folder(self.output_dir, "--output-dir")
        kinds = [kind for kind in _KINDS if getattr(self, kind)]
        loaded = load_run(self.run_or_config, test_mode="inference" if kinds == ["mesh"] else "test")
        for number, kind in enumerate(kinds, start=1):
            print(f"[{number}/{len(kinds)}] {kind}", flush=True)
            command = self._command(kind, loaded[1], output_dir)
            try:
                self._make(command, loaded, output_dir)
            except InputError as error:
                raise type(error)(_with_its_command(str(error), kind, command)) from error
        files = {"mesh": "mesh", "pointcloud": "point_cloud", "tsdf": "tsdf_mesh", "poisson": "poisson_mesh"}
        print(f"All is in {output_dir}: {', '.join(f'{files[kind]}.ply' for kind in kinds)}.")

    def _check(self) -> None:
        from s3im_methods.errors import InputError

        if not any(getattr(self, kind) for kind in _KINDS):
            raise InputError(f"Nothing to export: give one or more of {', '.join(f'--{kind}' for kind in _KINDS)}.")
        for name, least in (("resolution", 8), ("num_points", 1)):
            if getattr(self, name) < least:
                raise InputError(f"--{name.replace('_', '-')} is {getattr(self, name)}: give {least} or more.")
        for name, kinds in (("resolution", ("mesh", "tsdf")), ("num_points", ("pointcloud", "poisson"))):
            given = getattr(self, name) != type(self).__dataclass_fields__[name].default
            if given and not any(getattr(self, kind) for kind in kinds):
                without = " or ".join(f"--{kind}" for kind in kinds)
                raise InputError(f"--{name.replace('_', '-')} has no effect without {without}: leave it out.")

    def _command(self, kind: str, pipeline: Any, output_dir: Path) -> Any:
        if kind == "mesh":
            from s3im_methods.cli.export_mesh import ExportMeshCommand

            return ExportMeshCommand(self.run_or_config, self.output_dir, resolution=self.resolution)
        from nerfstudio.scripts import exporter

        place: dict[str, Any] = {"load_config": self.run_or_config, "output_dir": output_dir}
        # Not every model has normals, and those of Open3D suit all of them.
        points: dict[str, Any] = {"num_points": self.num_points, "normal_method": "open3d", "num_rays_per_batch": 8192}
        if kind == "pointcloud":
            return exporter.ExportPointCloud(**place, **points, save_world_frame=True)
        if kind == "poisson":
            return exporter.ExportPoissonMesh(**place, **points, texture_method="point_cloud")
        low, high = _seen(pipeline)
        return exporter.ExportTSDFMesh(
            **place,
            resolution=_cells(low, high, self.resolution),
            bounding_box_min=low,
            bounding_box_max=high,
            texture_method="tsdf",
        )

    def _make(self, command: Any, loaded: tuple[Any, Any, int], output_dir: Path) -> None:
        if not hasattr(command, "main"):
            command.export(loaded[1], output_dir)
            return
        from s3im_methods.exporters.ns_export.loaded_once import loaded_once

        with loaded_once(*loaded):
            command.main()


def _with_its_command(sentence: str, kind: str, command: Any) -> str:
    """A refusal, with the command that has the flags which it advises and s3im export has not."""
    name = "s3im export-mesh" if kind == "mesh" else f"ns-export {kind}"
    lacking = _flags(command) - {f"--{field.replace('_', '-')}" for field in ExportCommand.__dataclass_fields__}
    named = [flag for flag in dict.fromkeys(re.findall(r"--[a-z-]+", sentence)) if flag in lacking]
    if not named or name in sentence:
        return sentence
    return f"{sentence} s3im export has no {' and '.join(named)}: use {name}."


def _flags(command: Any) -> set[str]:
    """Of a command, with those of its groups."""
    values = {field.name: getattr(command, field.name) for field in fields(command)}
    groups = [_flags(value) for value in values.values() if is_dataclass(value)]
    return {f"--{name.replace('_', '-')}" for name in values}.union(*groups)


def _seen(pipeline: Any) -> tuple[Any, Any]:
    """Corners of the box that the training cameras see, in scene units: nerfstudio's own box cuts rooms."""
    import numpy as np

    from s3im_methods.exporters.mesh.survey import seen_box, seen_surface
    from s3im_methods.exporters.mesh.world_frame import WorldFrame

    cameras = pipeline.datamanager.train_dataset.cameras.to(pipeline.device)
    low, high = seen_box(seen_surface(pipeline.model, cameras), WorldFrame(np.eye(3), np.zeros(3), 1.0))
    return tuple(low.tolist()), tuple(high.tolist())


def _cells(low: tuple[float, ...], high: tuple[float, ...], longest: int) -> list[int]:
    sides = [b - a for a, b in zip(low, high, strict=True)]
    return [max(2, round(longest * side / max(sides))) for side in sides]
