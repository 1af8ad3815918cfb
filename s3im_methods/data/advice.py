"""Choose the method that suits a scene, by the number of views, the depth at hand, and what the views look at.

The bounds come from trainings of the lite methods; see the documentation's page on few photos. A sensor's depth gains
PSNR with up to about ten views and in rooms, and gives better depth with any number. The points of a reconstruction
gain much if neighbouring cameras stand far apart relative to the depth (fox with 11 views, 5 dB), and lose a little if
they stand close together.
"""

from dataclasses import dataclass
from typing import Any

import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from torch import Tensor

from s3im_methods.data.depth.listing import list_depth
from s3im_methods.data.depth.maps import DepthMaps
from s3im_methods.data.depth.source_config import SENSORS, DepthSourceConfig
from s3im_methods.data.depth.survey import survey
from s3im_methods.data.depth.which_source import which_source
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.errors import InputError

FEW_VIEWS = 10
"""Up to so many training views a sensor's depth makes better pictures of anything."""

FAR_APART = 0.3
"""From this distance between neighbouring cameras on, as a share of the median depth, points make better pictures."""

_MANY_VIEWS = 60
"""With more, cameras that stand far apart see different things, and reading all points takes long."""


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


def advise(outputs: DataparserOutputs, facts: SceneFacts) -> Advice:
    """Choose a method for pictures and one for a mesh.

    Args:
        outputs: The training views, as parsed.
        facts: What is known of them.
    """
    source, why_depth = _depth_reason(outputs)
    views, has_sensor = len(outputs.image_filenames), source in SENSORS
    if why_depth is not None:
        pictures, why = "s3im-depth-nerfacto", why_depth
    else:
        pictures, why = "s3im-nerfacto", f"{views} training views"
        if has_sensor and facts.scene_kind == "object":
            why += "; s3im-depth-nerfacto has the better depth"
        elif has_sensor:
            pictures, why = "s3im-depth-nerfacto", f"{why} with depth maps, which place walls where they are"
        elif views <= FEW_VIEWS:
            why += " are few, so take more, or add depth"
    if facts.scene_kind == "object":
        cut_out = facts.has_foreground_mask or facts.has_transparent_background
        mesh = "views all round an object" + (" that is cut out" if cut_out else "; masks would make it cleaner")
    elif has_sensor:
        mesh = "a room, with depth for its bare walls"
    else:
        mesh = "a room; depth maps would help its bare walls"
    return Advice(_sized(pictures), why, _sized("s3im-neus-facto"), mesh)


def depth_advice(outputs: DataparserOutputs, model: Any) -> list[str]:
    """A sentence where a training without depth wastes the depth that its views need.

    Args:
        outputs: The training views, as parsed.
        model: The model's configuration; one with a setting ``depth`` learns from it.
    """
    if hasattr(model, "depth"):
        return []
    _, why = _depth_reason(outputs)
    return [] if why is None else [f"{_sized('s3im-depth-nerfacto')} may suit this scene better: {why}."]


def camera_spacing(cameras_to_world: Tensor) -> float:
    """Median distance of a camera to its nearest neighbour.

    Args:
        cameras_to_world: ``[N, 3, 4]``, of two cameras or more.

    Example:
        >>> poses = torch.eye(4)[:3].repeat(3, 1, 1)
        >>> poses[:, 0, 3] = torch.tensor([0.0, 1.0, 5.0])
        >>> camera_spacing(poses)
        1.0
    """
    places = cameras_to_world[:, :3, 3].double()
    distances = torch.cdist(places, places).fill_diagonal_(torch.inf)
    return float(distances.amin(dim=1).median())


def _depth_reason(outputs: DataparserOutputs) -> tuple[str, str | None]:
    """Where depth could come from, and why it should be learned from, if it should."""
    views, config = len(outputs.image_filenames), DepthSourceConfig(source="auto-or-none")
    source = which_source(list_depth(outputs, config), config)
    if source in SENSORS and views <= FEW_VIEWS:
        return (
            source,
            f"it has {views} training views only, and depth maps that keep colour from floating before cameras",
        )
    if source == "sparse" and views <= _MANY_VIEWS:
        share = _spacing_share(outputs)
        if share >= FAR_APART:
            return source, (
                f"its {views} training views stand far apart ({100 * share:.0f} % of the median distance to its "
                "reconstruction's points), and these points keep colour from floating before cameras"
            )
    return source, None


def _spacing_share(outputs: DataparserOutputs) -> float:
    try:
        found = survey(DepthMaps(outputs, outputs.cameras, DepthSourceConfig(source="sparse")), outputs.cameras)
    except InputError:
        # Points that cannot be used are no reason to use them.
        return 0.0
    if not found.median > 0:
        return 0.0
    return camera_spacing(outputs.cameras.camera_to_worlds) * found.metres_per_unit / found.median


def _sized(method: str) -> str:
    return method if torch.cuda.is_available() else f"{method}-lite"
