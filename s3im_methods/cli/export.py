"""``s3im export RUN --pointcloud --tsdf --mesh``: several exports of a run that is loaded once."""

from dataclasses import dataclass
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
    """Points that the training views see; as ns-export pointcloud --save-world-frame True."""
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
        from s3im_methods.outputs import check_output_folder

        output_dir = check_output_folder(self.output_dir, "--output-dir")
        kinds = [kind for kind in _KINDS if getattr(self, kind)]
        loaded = load_run(self.run_or_config, test_mode="inference" if kinds == ["mesh"] else "test")
        for number, kind in enumerate(kinds, start=1):
            print(f"[{number}/{len(kinds)}] {kind}", flush=True)
            if kind == "mesh":
                self._mesh().export(loaded[1], output_dir)
            else:
                self._ns_export(kind, loaded, output_dir)
        files = {"mesh": "mesh", "pointcloud": "point_cloud", "tsdf": "tsdf_mesh", "poisson": "poisson_mesh"}
        print(f"All is in {output_dir}: {', '.join(f'{files[kind]}.ply' for kind in kinds)}.")

    def _check(self) -> None:
        from s3im_methods.errors import InputError

        if not any(getattr(self, kind) for kind in _KINDS):
            raise InputError(f"Nothing to export: give one or more of {', '.join(f'--{kind}' for kind in _KINDS)}.")
        for name, least in (("resolution", 8), ("num_points", 1)):
            if getattr(self, name) < least:
                raise InputError(f"--{name.replace('_', '-')} is {getattr(self, name)}: give {least} or more.")

    def _mesh(self) -> Any:
        from s3im_methods.cli.export_mesh import ExportMeshCommand

        return ExportMeshCommand(self.run_or_config, self.output_dir, resolution=self.resolution)

    def _ns_export(self, kind: str, loaded: tuple[Any, Any, int], output_dir: Path) -> None:
        from nerfstudio.scripts import exporter

        from s3im_methods.exporters.ns_export.loaded_once import loaded_once

        place: dict[str, Any] = {"load_config": self.run_or_config, "output_dir": output_dir}
        # Not every model has normals, and those of Open3D suit all of them.
        points: dict[str, Any] = {"num_points": self.num_points, "normal_method": "open3d", "num_rays_per_batch": 8192}
        with loaded_once(*loaded):
            if kind == "pointcloud":
                exporter.ExportPointCloud(**place, **points, save_world_frame=True).main()
            elif kind == "poisson":
                exporter.ExportPoissonMesh(**place, **points, texture_method="point_cloud").main()
            else:
                low, high = _seen(loaded[1])
                exporter.ExportTSDFMesh(
                    **place,
                    resolution=_cells(low, high, self.resolution),
                    bounding_box_min=low,
                    bounding_box_max=high,
                    texture_method="tsdf",
                ).main()


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
