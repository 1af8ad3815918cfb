"""The same room in the coordinates of its data and in scene units, seen from the side."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from nerfstudio.cameras.camera_utils import auto_orient_and_center_poses
from numpy.typing import NDArray

from s3im_methods.scenes.cameras import look_at

WALLS = np.array([[1.0, 0.0, 0.0], [6.0, 4.0, 2.5]])
"""Lowest and highest corner of the room, in metres."""


def poses() -> NDArray[np.float32]:
    """Ten cameras at 1.5 metres, looking across the room, ``[10, 4, 4]``."""
    angles = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    places = np.stack([3.5 + 1.4 * np.cos(angles), 2 + np.sin(angles), np.full(10, 1.5)], axis=-1)
    found = np.stack([look_at(place, (3.5, 2.0, 1.2)) for place in places])
    return found.astype(np.float32)


def in_scene_units() -> tuple[NDArray, NDArray]:
    """What nerfstudio's default makes of the cameras' places, ``[10, 3]``, and of the walls, ``[2, 3]``."""
    turned, transform = auto_orient_and_center_poses(torch.from_numpy(poses()), method="up", center_method="poses")
    scale = 1 / float(turned[:, :3, 3].abs().max())
    walls = WALLS @ transform[:, :3].numpy().T + transform[:, 3].numpy()
    return scale * turned[:, :3, 3].numpy(), scale * walls


def draw() -> Figure:
    """Both, with their axes."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), gridspec_kw={"wspace": 0.25})
    _draw_room(left, poses()[:, :3, 3], WALLS, "m")
    left.set_title("data, and exports of s3im: here metres, z up", fontsize=9)
    places, walls = in_scene_units()
    right.add_patch(Rectangle((-1, -1), 2, 2, fill=False, color="teal", linestyle="--"))
    right.annotate("default box of ns-export tsdf", (-0.98, 1.06), color="teal", fontsize=8)
    _draw_room(right, places, walls, "scene units")
    right.set_title("scene units, and files of ns-export", fontsize=9)
    plt.close(figure)
    return figure


def _draw_room(axes: Axes, places: NDArray, walls: NDArray, unit: str) -> None:
    low, high = walls.min(axis=0), walls.max(axis=0)
    axes.add_patch(Rectangle((low[0], low[2]), high[0] - low[0], high[2] - low[2], fill=False, color="goldenrod", lw=3))
    axes.plot(places[:, 0], places[:, 2], "o", color="0.2", markersize=4, label="cameras")
    axes.plot([], [], color="goldenrod", lw=3, label="walls")
    axes.set(xlabel=f"x, {unit}", ylabel=f"z, {unit}", aspect="equal")
    axes.margins(0.15)
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=2)
