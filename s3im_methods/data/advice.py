"""Which method suits a scene, and why: by how many views there are, whether depth is at hand, and what they look at."""

from dataclasses import dataclass

import torch

from s3im_methods.data.read_scene import ReadScene

FEW_VIEWS = 12
"""Up to so many training views, depth decides whether views from elsewhere come out at all."""

_SOURCES = {
    "sensor": "its depth maps",
    "composite": "its depth maps",
    "monocular": "its monocular depth maps",
    "sparse": "the points of its reconstruction",
}


@dataclass(frozen=True)
class Advice:
    """What suits a scene.

    Args:
        pictures: The method for new views.
        pictures_reason: Why.
        mesh: The method for a mesh.
        mesh_reason: Why.
    """

    pictures: str
    pictures_reason: str
    mesh: str
    mesh_reason: str

    @property
    def pictures_line(self) -> str:
        """The method for new views and its reason."""
        return f"{self.pictures}: {self.pictures_reason}"

    @property
    def mesh_line(self) -> str:
        """The method for a mesh and its reason."""
        return f"{self.mesh}: {self.mesh_reason}"

    def warning(self, method: str) -> list[str]:
        """A sentence where a training of a method without depth would waste the depth that few views need.

        Args:
            method: Name of the method that is trained.
        """
        family, advised = method.removesuffix("-lite"), self.pictures.removesuffix("-lite")
        if advised != "s3im-depth-nerfacto" or family not in ("s3im-nerfacto", "s3im-tensorf"):
            return []
        better = advised + method[len(family) :]
        return [f"{better} suits this scene better than {method}: {self.pictures_reason}."]


def advise(read: ReadScene) -> Advice:
    """Choose a method for pictures and one for a mesh.

    Args:
        read: The scene.
    """
    facts, views = read.facts, len(read.train)
    size = "" if torch.cuda.is_available() else "-lite"
    source = _SOURCES.get(facts.depth_source or "none")
    if source and views <= FEW_VIEWS:
        pictures = f"s3im-depth-nerfacto{size}"
        why = f"it has {views} training views only, and {source} keep colour from floating before the cameras"
    else:
        pictures = f"s3im-nerfacto{size}"
        why = "no depth is needed with so many views" if source else "there is no depth to learn from"
        if views <= FEW_VIEWS:
            why = f"{views} training views are few: take more, or add depth"
    cut_out = facts.has_foreground_mask or facts.has_transparent_background
    if facts.scene_kind == "object":
        mesh_why = "views all round an object" + (" that is cut out" if cut_out else "; masks would make it cleaner")
    else:
        mesh_why = "a room, with depth for its bare walls" if source else "a room; depth maps would help its bare walls"
    return Advice(pictures, why, f"s3im-neus-facto{size}", mesh_why)
