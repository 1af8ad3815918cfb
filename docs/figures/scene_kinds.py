"""What surface methods make of a scene, from above: cameras around an object and in a room, with their spheres."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from nerfstudio.cameras.cameras import Cameras
from numpy.typing import NDArray

from s3im_methods.data.scene_sphere import SceneSphere, fit_scene_sphere
from s3im_methods.scenes.cameras import look_at

SIDE, FOCAL = 100, 120.0
HALF_VIEW = np.arctan(SIDE / 2 / FOCAL)


def cameras(kind: str) -> Cameras:
    """Twelve cameras at one height.

    Args:
        kind: ``object``: on a ring, looking in. ``room``: along a smaller ring, looking out.
    """
    angles = np.arange(12) * np.pi / 6
    ring = np.stack([np.cos(angles), np.sin(angles), np.zeros(12)], axis=-1)
    places, targets = (0.9 * ring, 0 * ring) if kind == "object" else (0.35 * ring, 2 * ring)
    poses = [look_at(place, target)[:3] for place, target in zip(places, targets, strict=True)]
    return Cameras(torch.tensor(np.stack(poses), dtype=torch.float32), FOCAL, FOCAL, SIDE / 2, SIDE / 2, SIDE, SIDE)


def sphere(kind: str) -> SceneSphere:
    """What the methods find by themselves."""
    return fit_scene_sphere(cameras(kind), "auto")


def draw() -> Figure:
    """Both from above, in scene units."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.6))
    for axes, kind in zip(panels, ("object", "room"), strict=True):
        _draw_scene(axes, kind)
    plt.close(figure)
    return figure


def _draw_scene(axes: Axes, kind: str) -> None:
    found = sphere(kind)
    poses = cameras(kind).camera_to_worlds.numpy()
    axes.add_patch(Circle(found.center[:2], found.radius, color="teal", alpha=0.15, linewidth=0))
    axes.add_patch(Circle(found.center[:2], found.radius, color="teal", fill=False))
    if kind == "object":
        axes.add_patch(Circle((0, 0), 0.3, color="goldenrod"))
        label = "object: rays are sampled inside the sphere"
    else:
        axes.plot(*np.array([[-0.85, 0.85, 0.85, -0.85, -0.85], [-0.6, -0.6, 0.6, 0.6, -0.6]]), color="goldenrod", lw=4)
        label = "room: cameras stand inside the sphere"
    for pose in poses:
        _draw_camera(axes, pose)
    axes.set_title(f"{label}\nradius {found.radius:.2f} scene units", fontsize=9)
    axes.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal", xlabel="x", ylabel="y")


def _draw_camera(axes: Axes, pose: NDArray) -> None:
    place, forward = pose[:2, 3], -pose[:2, 2]
    turn = np.array([[np.cos(HALF_VIEW), -np.sin(HALF_VIEW)], [np.sin(HALF_VIEW), np.cos(HALF_VIEW)]])
    for edge in (turn @ forward, turn.T @ forward):
        axes.plot(*np.stack([place, place + 0.18 * edge], axis=-1), color="0.3", lw=1)
    axes.plot(*place, "o", color="0.2", markersize=3)
