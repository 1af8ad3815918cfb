"""``s3im export-mesh``: the surface of a trained run as a mesh in the coordinates of its data."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import tyro

from s3im_methods.cli.load_run import load_run
from s3im_methods.data.wording import command_line

if TYPE_CHECKING:
    from s3im_methods.exporters.mesh.extraction import ColouredMesh


@dataclass(frozen=True)
class BoxOptions:
    """What becomes the mesh, in units of the data: those of the poses in the scene's file."""

    crop_min: tuple[float, float, float] | None = None
    """Lowest corner of the box; if not set, around what the training cameras see."""
    crop_max: tuple[float, float, float] | None = None
    """Highest corner of the box."""


@dataclass(frozen=True)
class TexturingOptions:
    """A second mesh with an image as its colours."""

    texture: bool = False
    """Write a textured mesh as well, as OBJ for obj and as GLB otherwise."""
    texture_size: int = 2048
    """Side of the texture in pixels."""


@dataclass(frozen=True)
class DepthFusionOptions:
    """Only with --method depth-fusion."""

    fusion_views: int = 100
    """At most this many training views are rendered, evenly spread."""
    fusion_downscale: float = 2.0
    """Factor by which they are smaller than the training images."""
    fusion_agreement: int = 3
    """Keep only what at least this many views agree on. Fewer keep more of the surface, and more errors."""
    depth_output_name: str = "depth"
    """The model's output to fuse, for instance expected_depth of nerfacto."""


@dataclass(frozen=True)
class ExportMeshCommand:
    """Write the surface of a run as a mesh with colours and normals.

    The mesh has the units and axes of the poses in the scene's file: metres only if the poses are in metres (COLMAP's
    scale is arbitrary). PLY and OBJ keep these axes. GLB is turned so that the data's z points up.

    Files in --output-dir: mesh.ply (or .obj, .glb), with --texture also mesh_textured.glb (or .obj with .mtl and .png).
    Depth fusion writes mesh_depth_fusion.* and mesh_depth_fusion_textured.*.

    Only the largest part is kept. Give --components 0 if the scene has several separate objects.
    """

    example: ClassVar[str] = "s3im export-mesh --load-config RUN/config.yml --output-dir meshes --texture"

    load_config: Path
    """The run's config.yml, as for ns-eval."""
    output_dir: Path
    """Folder to write to."""
    method: Literal["level-set", "depth-fusion"] = "level-set"
    """level-set: the surface at a level of the signed distance, density or occupancy. depth-fusion: the fused depth of
    the training views."""
    resolution: int = 256
    """Cells along the longest side of the box."""
    level: float | None = None
    """Value of the field on the surface. If not set: 0 for signed distances, 0.5 for occupancies. For densities, per
    scene unit, it is the value that three quarters of the surface seen by the training cameras exceed. For s3im-volsdf
    with masks it is the distance whose outline matches the masks, and a line prints it."""
    components: int = 1
    """Keep this many separate parts, the largest ones; 0 keeps all."""
    faces: int | None = None
    """Simplify the mesh to about this many triangles, before the texture; 20000 to 100000 suit games and the web."""
    file_format: Literal["ply", "obj", "glb"] = "ply"
    """Format of the mesh."""
    box: tyro.conf.OmitArgPrefixes[BoxOptions] = field(default_factory=BoxOptions)
    """What becomes the mesh, in units of the data: those of the poses in the scene's file."""
    texturing: tyro.conf.OmitArgPrefixes[TexturingOptions] = field(default_factory=TexturingOptions)
    """A second mesh with an image as its colours."""
    depth_fusion: tyro.conf.OmitArgPrefixes[DepthFusionOptions] = field(default_factory=DepthFusionOptions)
    """Only with --method depth-fusion."""

    def run(self) -> None:
        """Make and write the mesh."""
        self._check()
        self._check_box()
        self._check_what_acts()
        from s3im_methods.outputs import check_output_folder

        output_dir = check_output_folder(self.output_dir, "--output-dir")
        _, pipeline, _ = load_run(self.load_config, test_mode="inference")
        film = command_line(["s3im", "turntable", "--mesh", self.export(pipeline, output_dir)])
        print(f"Next: open it in Blender or MeshLab, or film it: {film}")

    def export(self, pipeline: Any, output_dir: Path) -> Path:
        """Make and write the mesh of a run that is loaded.

        Args:
            pipeline: The run's.
            output_dir: Folder to write to.

        Returns:
            The file of the mesh.
        """
        from s3im_methods.exporters.mesh.extraction import MeshSettings, extract_mesh
        from s3im_methods.exporters.mesh.mesh_files import write_mesh
        from s3im_methods.exporters.mesh.outline_level import surface_level
        from s3im_methods.exporters.mesh.training_split import training_split
        from s3im_methods.exporters.mesh.world_frame import world_frame

        outputs = training_split(pipeline.datamanager)
        frame = world_frame(outputs)
        settings = MeshSettings(
            self.method,
            self.resolution,
            surface_level(pipeline) if self.level is None and self.method == "level-set" else self.level,
            self.box.crop_min,
            self.box.crop_max,
            self.components,
            self.faces,
            self.depth_fusion.fusion_views,
            self.depth_fusion.fusion_downscale,
            self.depth_fusion.fusion_agreement,
            self.depth_fusion.depth_output_name,
        )
        mesh = extract_mesh(pipeline.model, outputs.cameras.to(pipeline.device), frame, settings)
        path = output_dir / f"{self._stem()}.{self.file_format}"
        write_mesh(path, mesh.surface, mesh.normals, mesh.colours)
        axes = ", whose z points along glTF's y" if self.file_format == "glb" else ""
        print(f"Wrote {path}, in the units and axes of the data{axes}.")
        if self.texturing.texture:
            self._write_texture(mesh, pipeline, frame, output_dir)
        return path

    def _stem(self) -> str:
        """The files' name, which no other export has, so that all of them can go into one folder."""
        return "mesh" if self.method == "level-set" else "mesh_depth_fusion"

    def _check(self) -> None:
        from s3im_methods.errors import InputError

        if self.resolution < 8:
            raise InputError(f"--resolution is {self.resolution}: give 8 or more.")
        if self.components < 0:
            raise InputError(f"--components is {self.components}: give 1 or more, or 0 for all.")
        if self.faces is not None and self.faces < 100:
            raise InputError(f"--faces is {self.faces}: give 100 or more.")
        if self.texturing.texture_size < 16:
            raise InputError(f"--texture-size is {self.texturing.texture_size}: give 16 or more.")
        if self.texturing.texture_size > 16384:
            raise InputError(
                f"--texture-size is {self.texturing.texture_size}, and few programs show more than 16384: give less."
            )
        if self.depth_fusion.fusion_views < 1:
            raise InputError(f"--fusion-views is {self.depth_fusion.fusion_views}: give 1 or more.")
        if self.depth_fusion.fusion_agreement < 1:
            raise InputError(f"--fusion-agreement is {self.depth_fusion.fusion_agreement}: give 1 or more.")
        if not self.depth_fusion.fusion_downscale >= 1:
            raise InputError(f"--fusion-downscale is {self.depth_fusion.fusion_downscale:g}: give 1 or more.")

    def _check_box(self) -> None:
        from math import isfinite

        from s3im_methods.errors import InputError

        for name, corner in (("crop-min", self.box.crop_min), ("crop-max", self.box.crop_max)):
            if corner is not None and not all(map(isfinite, corner)):
                raise InputError(
                    f"--{name} is {' '.join(f'{value:g}' for value in corner)}: give three finite numbers."
                )
        for axis, low, high in zip("xyz", self.box.crop_min or (), self.box.crop_max or (), strict=False):
            if not low < high:
                raise InputError(
                    f"The crop box is empty: along {axis} it runs from {low:.4g} to {high:.4g}. Give another "
                    "--crop-min or --crop-max."
                )

    def _check_what_acts(self) -> None:
        """Refuse flags that would have no effect."""
        from s3im_methods.errors import InputError

        idle: dict[str, tuple[Any, str]] = {}
        if self.method == "depth-fusion":
            idle["level"] = self, "with --method depth-fusion"
        else:
            names = DepthFusionOptions.__dataclass_fields__
            idle |= dict.fromkeys(names, (self.depth_fusion, "with --method level-set"))
        if not self.texturing.texture:
            idle["texture_size"] = self.texturing, "without --texture"
        for name, (group, setting) in idle.items():
            if getattr(group, name) != type(group).__dataclass_fields__[name].default:
                raise InputError(f"--{name.replace('_', '-')} has no effect {setting}: leave it out.")

    def _write_texture(self, mesh: "ColouredMesh", pipeline: Any, frame: Any, output_dir: Path) -> None:
        from s3im_methods.exporters.mesh.appearance import surface_colours
        from s3im_methods.exporters.mesh.mesh_files import write_textured
        from s3im_methods.exporters.mesh.texture import make_texture

        def paint(points: Any, normals: Any) -> Any:
            return surface_colours(pipeline.model, points, normals, frame, pipeline.device)

        texture = make_texture(mesh.surface, mesh.normals, paint, self.texturing.texture_size)
        path = output_dir / f"{self._stem()}_textured.{'obj' if self.file_format == 'obj' else 'glb'}"
        write_textured(path, mesh.surface, mesh.normals, texture)
        print(f"Wrote {path}.")
