"""Which method suits a scene, and why: by how many views there are, whether depth is at hand, and what they look at."""

from dataclasses import dataclass
from typing import Any

import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs

from s3im_methods.data.depth.listing import list_depth
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth.which_source import which_source
from s3im_methods.data.scene_facts import SceneFacts

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


def advise(facts: SceneFacts, views: int) -> Advice:
    """Choose a method for pictures and one for a mesh.

    Args:
        facts: Of the training views.
        views: How many there are.
    """
    source = _SOURCES.get(facts.depth_source or "none")
    few = views <= FEW_VIEWS
    if few and source:
        pictures, why = "s3im-depth-nerfacto", _few_views_with(source, views)
    else:
        pictures = "s3im-nerfacto"
        why = f"{views} training views" if source else f"{views} training views, and no depth to learn from"
        why += "; they are few, so take more, or add depth" if few else ""
    if facts.scene_kind == "object":
        cut_out = facts.has_foreground_mask or facts.has_transparent_background
        mesh = "views all round an object" + (" that is cut out" if cut_out else "; masks would make it cleaner")
    else:
        mesh = "a room, with depth for its bare walls" if source else "a room; depth maps would help its bare walls"
    return Advice(_sized(pictures), why, _sized("s3im-neus-facto"), mesh)


def depth_advice(outputs: DataparserOutputs, model: Any) -> list[str]:
    """A sentence where a training without depth wastes the depth that few views need.

    Args:
        outputs: The training views, as parsed.
        model: The model's configuration; one with a setting ``depth`` learns from it.
    """
    views = len(outputs.image_filenames)
    if views > FEW_VIEWS or hasattr(model, "depth"):
        return []
    config = DepthSourceConfig(source="auto-or-none")
    source = _SOURCES.get(which_source(list_depth(outputs, config), config))
    if source is None:
        return []
    return [f"{_sized('s3im-depth-nerfacto')} suits this scene better: {_few_views_with(source, views)}."]


def _few_views_with(source: str, views: int) -> str:
    return f"it has {views} training views only, and {source} keep colour from floating before the cameras"


def _sized(method: str) -> str:
    return method if torch.cuda.is_available() else f"{method}-lite"
