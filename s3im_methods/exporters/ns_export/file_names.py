"""Names for what ``ns-export`` writes that no other export has, so that all of them can go into one folder.

nerfstudio calls every textured mesh ``mesh.obj`` and its image ``material_0.png``, whichever command makes it, and
gives the points under a Poisson mesh the name of those of ``ns-export pointcloud``. Here they are called after the
untextured mesh of the command, which has a name of its own.
"""

from pathlib import Path
from typing import Any

_STEMS = {
    "ExportTSDFMesh": "tsdf_mesh",
    "ExportPoissonMesh": "poisson_mesh",
    "ExportMarchingCubesMesh": "sdf_marching_cubes_mesh",
}


class OwnNames(type(Path())):
    """A folder that gives some of the files asked for other names.

    Args:
        folder: The folder.

    Attributes:
        names: From names that are asked for to those that are given; set after it is made.
    """

    names: dict[str, str]

    def __truediv__(self, key: Any) -> Path:
        """The file of that name, or of the one that stands for it."""
        return Path(self) / self.names.get(str(key), str(key))


def give_own_names(command: Any) -> None:
    """Let a running command write under names of its own.

    Args:
        command: Its ``output_dir`` is replaced.
    """
    stem = _STEMS.get(type(command).__name__)
    if stem is None:
        return
    folder = OwnNames(command.output_dir)
    folder.names = {
        "mesh.obj": f"{stem}.obj",
        "material_0.mtl": f"{stem}.mtl",
        "material_0.png": f"{stem}.png",
        "point_cloud.ply": "poisson_point_cloud.ply",
    }
    command.output_dir = folder


def mend_references(folder: Path) -> None:
    """Let a textured mesh name its material and its image as they are called; the material shows the image alone.

    Args:
        folder: Where nerfstudio has just written them.
    """
    mesh, material, image = (folder / name for name in ("mesh.obj", "material_0.mtl", "material_0.png"))
    material.write_text(f"newmtl material_0\nKd 1 1 1\nmap_Kd {image.name}\n", encoding="utf-8")
    text = mesh.read_text(encoding="utf-8")
    mesh.write_text(text.replace("mtllib material_0.mtl", f"mtllib {material.name}", 1), encoding="utf-8")
