"""The sphere in which a surface lies, from the training cameras alone: an object's, or a room's.

Lengths and places are in scene units, that is in the cameras' own coordinates after parsing. Nothing is drawn at
random. What the sphere is like for a scene follows its cameras: moved, turned and scaled cameras give the sphere moved,
turned and scaled, except that a room's box has the axes of the scene.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

# Of the field of view's larger angle. Objects overflow the frame at times (DTU's do), and one that is cut is lost,
# where a sphere that is too large costs only resolution.
MARGIN = 1.3
# Surfaces beyond a room's sphere are lost. Rooms at hand reach 1.9 (synth_room) and 3.2 (7-Scenes, 95 % of its mesh)
# times as far as the half diagonal of their cameras' box.
_ROOM_FACTOR = 3.0
# Cameras that look at one place are as far in front of it as the background may be behind it (llff_fern).
_ROOM_BEHIND = 2.0
_ALMOST_ALL = 0.95
# Directions that differ by less than this (1e-3: 1.8 degrees, root mean square) do not tell where they meet.
_PARALLEL = 1e-3
_ALL_ROUND = math.radians(120)
_AIM, _SEVERAL_SIDES = math.radians(3), math.radians(45)
# Whoever walks round an object does not hold its middle in that of each picture.
_AIM_AWAY = math.radians(20)
_RAYS_PER_SIDE = 17
_CUT = 0.5
# A share of the views that may come so close.
_CLOSE_UPS = 0.1


@dataclass(frozen=True)
class SceneSphere:
    """A sphere in scene units.

    Args:
        center: Its centre.
        radius: Its radius.
        kind: What lies in it: an object seen from outside, or a room with its cameras.
    """

    center: tuple[float, float, float]
    radius: float
    kind: Literal["object", "room"]


def fit_scene_sphere(cameras: Cameras, kind: Literal["auto", "object", "room"] = "auto") -> SceneSphere:
    """Find the sphere that the cameras are about.

    An object's centre is the point nearest, by least squares, to the middle rays of all views. Its radius is 1.3 times
    what the larger angle of the field of view spans at that distance, the median over the cameras.

    A room's centre is that of the cameras' box. Its radius is three times the box's half diagonal, or twice the median
    distance to the point that the cameras look at where almost all have it in front, whichever is larger; one scene
    unit where all cameras stand in one place.

    ``auto`` takes an object where at least 95 % of the cameras have its centre in front and stand outside its sphere,
    and either see it from directions that differ by 120 degrees or more, or aim at it as only rigs do (median error
    of at most 3 degrees) from directions that differ by 45 degrees or more. Else it takes a room, which suits captures
    that face one way too: what lies behind the object matters there.

    Args:
        cameras: The training cameras, one or more, of any type.
        kind: What to look for.

    Example:
        >>> poses = torch.eye(4)[None, :3].repeat(2, 1, 1)
        >>> poses[:, 2, 3] = torch.tensor([2.0, 4.0])
        >>> sphere = fit_scene_sphere(Cameras(poses, 10.0, 10.0, 5.0, 5.0, 10, 10), "room")
        >>> sphere.center, sphere.radius
        ((0.0, 0.0, 3.0), 3.0)
    """
    views = _Views.of(cameras)
    if kind == "room" or (kind == "auto" and not _looks_inward(views)):
        return _room(views)
    return _object(views)


def look_away(cameras: Cameras) -> bool:
    """Whether cameras stand around one point and all but a few have it behind them.

    So they do in a room that is seen from its middle, and around an object whose poses have the axes of OpenCV, y down
    and z forward, in place of those of OpenGL.

    Args:
        cameras: One or more, of any type.
    """
    views = _Views.of(cameras)
    if views.in_front.double().mean() > 1 - _ALMOST_ALL or not bool((views.distances > 0).all()):
        return False
    towards = (views.target - views.origins) / views.distances[:, None]
    spread = max(float(_angle(towards, direction).quantile(_ALMOST_ALL)) for direction in towards)
    return spread >= _SEVERAL_SIDES and float(_angle(-towards, views.axes).quantile(0.5)) <= _AIM_AWAY


def sphere_warnings(sphere: SceneSphere, cameras: Cameras) -> list[str]:
    """What of a sphere does not suit the cameras, with numbers and what to set.

    Args:
        sphere: The sphere that a model is to use.
        cameras: The training cameras.

    Returns:
        One sentence per fault; empty where all is well.
    """
    origins, hits, seen = _seen_shares(sphere, cameras)
    center = torch.tensor(sphere.center, dtype=torch.float64)
    distance = torch.linalg.vector_norm(origins - center, dim=-1)
    total, where = len(distance), ", ".join(f"{value:.3g}" for value in sphere.center)
    what = f"the sphere around ({where}) with radius {sphere.radius:.3g} scene units"
    inside = distance < sphere.radius
    found = []
    if sphere.kind == "object" and inside.any():
        found.append(
            f"{int(inside.sum())} of {total} training cameras are inside {what}, in which the object is looked for: "
            f"set --pipeline.model.sphere-radius below {float(distance.min()):.3g}, correct "
            "--pipeline.model.sphere-center, or set --pipeline.model.scene-kind room."
        )
    if sphere.kind == "room" and not inside.all():
        found.append(
            f"{int((~inside).sum())} of {total} training cameras are outside {what}, in which the room is looked for: "
            f"set --pipeline.model.sphere-radius above {float(distance.max()):.3g}, correct "
            "--pipeline.model.sphere-center, or set --pipeline.model.scene-kind object."
        )
    misses, outside = ~hits, ~inside
    if misses.any():
        found.append(
            f"{int(misses.sum())} of {total} training views do not see {what}: correct --pipeline.model.sphere-center "
            "or raise --pipeline.model.sphere-radius."
        )
    cut = hits & outside & (seen < _CUT)
    if int(cut.sum()) > _CLOSE_UPS * total:
        found.append(
            f"{int(cut.sum())} of {total} training views see less than half of {what}, on average "
            f"{100 * float(seen[cut].mean()):.0f} %: lower --pipeline.model.sphere-radius or correct "
            "--pipeline.model.sphere-center, unless they are close-ups."
        )
    return found


@dataclass(frozen=True)
class _Views:
    """Where cameras stand ``[N, 3]``, the middle rays of their images ``[N, 3]``, and half of the larger angle of their
    fields of view ``[N]``, in radians; and the point that they look at ``[3]``, all float64."""

    origins: Tensor
    axes: Tensor
    half_angles: Tensor
    target: Tensor

    @classmethod
    def of(cls, cameras: Cameras) -> "_Views":
        out = torch.tensor([[-0.5, 0.0], [0.5, 0.0], [0.0, -0.5], [0.0, 0.5]])
        # Around the middle, because nerfstudio's fisheye camera divides by zero in it.
        origins, directions, _ = _rays(cameras, 0.5 + torch.cat([0.01 * out, out]))
        axes, edges = torch.nn.functional.normalize(directions[:, :4].mean(1), dim=-1), directions[:, 4:]
        angles = _angle(edges, axes[:, None])
        half = torch.stack([angles[:, :2].mean(-1), angles[:, 2:].mean(-1)], dim=-1).amax(-1)
        return cls(origins, axes, half, _nearest_point(origins, axes))

    @property
    def distances(self) -> Tensor:
        """From each camera to the point that all look at, ``[N]``."""
        return torch.linalg.vector_norm(self.target - self.origins, dim=-1)

    @property
    def in_front(self) -> Tensor:
        """Which cameras have that point in front of them, ``[N]``."""
        return ((self.target - self.origins) * self.axes).sum(-1) > 1e-9 * self.distances


def _nearest_point(origins: Tensor, axes: Tensor) -> Tensor:
    across = torch.eye(3, dtype=axes.dtype) - axes[:, :, None] * axes[:, None]
    mean = origins.mean(0)
    offsets = (across @ (origins - mean)[..., None]).mean(0)
    # Seen from the cameras' mean, so that where the axes are parallel the answer does not depend on the scene's origin.
    return mean + (torch.linalg.pinv(across.mean(0), rtol=_PARALLEL, hermitian=True) @ offsets)[:, 0]


def _object(views: _Views) -> SceneSphere:
    spans = views.distances * torch.sin(views.half_angles.clamp(max=0.5 * math.pi))
    radius = MARGIN * float(spans.quantile(0.5))
    # One camera, and cameras that look one way, give no distance.
    known = radius > 1e-6 * float(views.distances.max())
    return SceneSphere(_tuple(views.target), radius if known else _room(views).radius, "object")


def _room(views: _Views) -> SceneSphere:
    low, high = views.origins.amin(0), views.origins.amax(0)
    radius = _ROOM_FACTOR * float(torch.linalg.vector_norm(high - low)) / 2
    if views.in_front.double().mean() >= _ALMOST_ALL:
        radius = max(radius, _ROOM_BEHIND * float(views.distances.quantile(0.5)))
    return SceneSphere(_tuple((low + high) / 2), radius or 1.0, "room")


def _looks_inward(views: _Views) -> bool:
    sphere = _object(views)
    facing = views.in_front & (views.distances > sphere.radius)
    if facing.double().mean() < _ALMOST_ALL:
        return False
    towards = (views.target - views.origins) / views.distances.clamp(min=1e-12)[:, None]
    # One camera in twenty may stand apart from the others.
    widest = max(float(_angle(towards, direction).quantile(_ALMOST_ALL)) for direction in towards)
    error = float(_angle(towards, views.axes).quantile(0.5))
    return widest >= _ALL_ROUND or (error <= _AIM and widest >= _SEVERAL_SIDES)


def _seen_shares(sphere: SceneSphere, cameras: Cameras) -> tuple[Tensor, Tensor, Tensor]:
    """Origins ``[N, 3]``, which views see any of the sphere ``[N]``, and how much of its disc, from 0 to 1, ``[N]``."""
    steps = (torch.arange(_RAYS_PER_SIDE) + 0.5) / _RAYS_PER_SIDE
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1).reshape(-1, 2)
    origins, directions, solid = _rays(cameras, grid)
    towards = torch.tensor(sphere.center, dtype=torch.float64) - origins
    distance = torch.linalg.vector_norm(towards, dim=-1)
    disc = torch.arcsin((sphere.radius / distance.clamp(min=1e-12)).clamp(max=1.0))
    hit = (_angle(directions, towards[:, None]) < disc[:, None]) | (distance < sphere.radius)[:, None]
    share = (hit * solid).sum(-1) / (2 * math.pi * (1 - torch.cos(disc)))
    return origins, hit.any(-1), share.clamp(max=1.0)


def _rays(cameras: Cameras, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rays through places of all images, given as ``[P, 2]`` shares of height and width.

    Returns origins ``[N, 3]``, directions ``[N, P, 3]``, and the image's solid angle per ray ``[N, P]`` in steradians,
    as if the rays were spread evenly.
    """
    cameras, count = cameras.to("cpu"), len(cameras)
    size = torch.cat([cameras.height, cameras.width], dim=-1)
    coords = (places[None] * size[:, None]).reshape(-1, 2)
    indices = torch.arange(count).repeat_interleave(len(places))[:, None]
    rays = cameras.generate_rays(camera_indices=indices, coords=coords)
    shape = (count, len(places))
    directions = rays.directions.double().reshape(*shape, 3)
    pixels_per_ray = size.prod(-1, keepdim=True).double() / len(places)
    solid = rays.pixel_area.double().reshape(shape) * pixels_per_ray
    return rays.origins.double().reshape(*shape, 3)[:, 0], directions, solid


def _angle(first: Tensor, second: Tensor) -> Tensor:
    """Angle between vectors ``[..., 3]`` in radians; exact for small ones too."""
    first, second = torch.broadcast_tensors(first, second)
    return torch.atan2(torch.linalg.vector_norm(torch.linalg.cross(first, second), dim=-1), (first * second).sum(-1))


def _tuple(point: Tensor) -> tuple[float, float, float]:
    x, y, z = point.tolist()
    return x, y, z
