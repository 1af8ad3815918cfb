"""``s3im export-mesh``: the surface of a trained run as a mesh in the coordinates of its data."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from s3im_methods.cli.load_run import load_run

if TYPE_CHECKING:
    from s3im_methods.exporters.mesh.extraction import ColouredMesh


@dataclass(frozen=True)
class ExportMeshCommand:
    """Write a mesh with colours and normals, in the world units and axes of the poses that the run's data lists."""

    load_config: Path
    """The run's config.yml, as for ns-eval."""
    output_dir: Path
    """Folder to write to: mesh.ply, .obj or .glb, and mesh_textured.*; of depth fusion mesh_depth_fusion.* and
    mesh_depth_fusion_textured.*."""
    method: Literal["level-set", "depth-fusion"] = "level-set"
    """Take the surface where the signed distance or density has a level, or fuse the depth that the training views
    show."""
    resolution: int = 256
    """Cells along the longest side of the box."""
    level: float | None = None
    """Value on the surface, per scene unit for densities; if not set, 0 for signed distances, and for densities what
    three quarters of the surface that the training cameras see have at least."""
    crop_min: tuple[float, float, float] | None = None
    """Lowest corner of the box, in world units; if not set, around what the training cameras see."""
    crop_max: tuple[float, float, float] | None = None
    """Highest corner of the box."""
    components: int = 1
    """Keep this many separate parts, the largest ones; 0 keeps all."""
    file_format: Literal["ply", "obj", "glb"] = "ply"
    """Format of the mesh; GLB is turned so that the data's z is up, as glTF wants it."""
    texture: bool = False
    """Write a textured mesh as well, as OBJ for obj and as GLB otherwise; unfolding takes minutes for large meshes."""
    texture_size: int = 2048
    """Side of the texture in pixels."""
    fusion_views: int = 100
    """Depth fusion: most training views to render, evenly spread."""
    fusion_downscale: float = 2.0
    """Depth fusion: how many times smaller than the training images they are rendered."""
    fusion_agreement: int = 3
    """Depth fusion: keep only what at least this many of them see; fewer keep more, and more that is not there."""
    depth_output_name: str = "depth"
    """Depth fusion: the model's output to fuse, for instance expected_depth of nerfacto."""

    def run(self) -> None:
        """Make and write the mesh."""
        self._check()
        self._check_box()
        self._check_what_acts()
        from s3im_methods.exporters.mesh.extraction import MeshSettings, extract_mesh
        from s3im_methods.exporters.mesh.mesh_files import write_mesh
        from s3im_methods.exporters.mesh.training_split import training_split
        from s3im_methods.exporters.mesh.world_frame import world_frame
        from s3im_methods.outputs import check_output_folder

        output_dir = check_output_folder(self.output_dir, "--output-dir")
        _, pipeline, _ = load_run(self.load_config, test_mode="inference")
        outputs = training_split(pipeline.datamanager)
        frame = world_frame(outputs)
        settings = MeshSettings(
            self.method,
            self.resolution,
            self.level,
            self.crop_min,
            self.crop_max,
            self.components,
            self.fusion_views,
            self.fusion_downscale,
            self.fusion_agreement,
            self.depth_output_name,
        )
        mesh = extract_mesh(pipeline.model, outputs.cameras.to(pipeline.device), frame, settings)
        path = output_dir / f"{self._stem()}.{self.file_format}"
        write_mesh(path, mesh.surface, mesh.normals, mesh.colours)
        axes = ", whose z points along glTF's y" if self.file_format == "glb" else ""
        print(f"Wrote {path}, in the units and axes of the data{axes}.")
        if self.texture:
            self._write_texture(mesh, pipeline, frame, output_dir)

    def _stem(self) -> str:
        """The files' name, which no other export has, so that all of them can go into one folder."""
        return "mesh" if self.method == "level-set" else "mesh_depth_fusion"

    def _check(self) -> None:
        from s3im_methods.errors import InputError

        if self.resolution < 8:
            raise InputError(f"--resolution is {self.resolution}: give 8 or more.")
        if self.components < 0:
            raise InputError(f"--components is {self.components}: give 1 or more, or 0 for all.")
        if self.texture_size < 16:
            raise InputError(f"--texture-size is {self.texture_size}: give 16 or more.")
        if self.texture_size > 16384:
            raise InputError(
                f"--texture-size is {self.texture_size}, and few programs show more than 16384: give less."
            )
        if self.fusion_views < 1:
            raise InputError(f"--fusion-views is {self.fusion_views}: give 1 or more.")
        if self.fusion_agreement < 1:
            raise InputError(f"--fusion-agreement is {self.fusion_agreement}: give 1 or more.")
        if not self.fusion_downscale >= 1:
            raise InputError(f"--fusion-downscale is {self.fusion_downscale:g}: give 1 or more.")

    def _check_box(self) -> None:
        from math import isfinite

        from s3im_methods.errors import InputError

        for name, corner in (("crop-min", self.crop_min), ("crop-max", self.crop_max)):
            if corner is not None and not all(map(isfinite, corner)):
                raise InputError(
                    f"--{name} is {' '.join(f'{value:g}' for value in corner)}: give three finite numbers."
                )
        for axis, low, high in zip("xyz", self.crop_min or (), self.crop_max or (), strict=False):
            if not low < high:
                raise InputError(
                    f"The crop box is empty: along {axis} it runs from {low:.4g} to {high:.4g}. Give another "
                    "--crop-min or --crop-max."
                )

    def _check_what_acts(self) -> None:
        """Refuse flags that would have no effect."""
        from s3im_methods.errors import InputError

        fusion = ("fusion_views", "fusion_downscale", "fusion_agreement", "depth_output_name")
        without = {"level": "with --method depth-fusion"} if self.method == "depth-fusion" else {}
        if self.method == "level-set":
            without |= dict.fromkeys(fusion, "with --method level-set")
        if not self.texture:
            without["texture_size"] = "without --texture"
        for name, setting in without.items():
            if getattr(self, name) != type(self).__dataclass_fields__[name].default:
                raise InputError(f"--{name.replace('_', '-')} has no effect {setting}: leave it out.")

    def _write_texture(self, mesh: "ColouredMesh", pipeline: Any, frame: Any, output_dir: Path) -> None:
        from s3im_methods.exporters.mesh.appearance import surface_colours
        from s3im_methods.exporters.mesh.mesh_files import write_textured
        from s3im_methods.exporters.mesh.texture import make_texture

        def paint(points: Any, normals: Any) -> Any:
            return surface_colours(pipeline.model, points, normals, frame, pipeline.device)

        texture = make_texture(mesh.surface, mesh.normals, paint, self.texture_size)
        path = output_dir / f"{self._stem()}_textured.{'obj' if self.file_format == 'obj' else 'glb'}"
        write_textured(path, mesh.surface, mesh.normals, texture)
        print(f"Wrote {path}.")
