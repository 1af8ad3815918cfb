"""The rocket lifts off: one exact scene for each moment, written in D-NeRF's layout."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from s3im_methods.scenes.build import BuiltScene, lit_rocket
from s3im_methods.scenes.cameras import Camera, dome_poses
from s3im_methods.scenes.config import ObjectConfig
from s3im_methods.scenes.geometry import yaw
from s3im_methods.scenes.render import View
from s3im_methods.scenes.rocket import DOME_RADIUS

UNIT = 0.5
"""Metres per unit of the files: D-NeRF's cameras stand at 4 units, and its code looks from 2 to 6 units away."""

_RISE, _TURN = 0.12, 90.0  # Metres and degrees, from the first moment to the last.

MOVING_README = """This scene was made by `s3im scene object --moving`; its numbers are exact but for rounding.

transforms_{train,val,test}.json  D-NeRF's format: camera_angle_x, and for each frame its file, its time from 0 to 1 and
                                  its camera, OpenGL axes (x right, y up, z backwards), z up, units of 0.5 m
train/*.png, test/*.png           8-bit sRGB, RGBA with straight alpha where the background is transparent
depths_npy/*.npy                  float32 [h, w], units along the viewing axis, 0 for nothing (depth_npy_path)
meshes/test_*.ply                 the mesh at the moment of a test view, in the same units (mesh_path)

Every frame is of another moment. Validation views are the test views. Light and shadows move with the rocket.
Read it with `ns-train dnerf --data FOLDER` or `s3im train dnerf --data FOLDER`.
"""


@dataclass(frozen=True)
class Moment:
    """A view at a time.

    Attributes:
        name: Of its files.
        time: From 0 to 1.
        camera: The view.
        scene: As it is then.
    """

    name: str
    time: float
    camera: Camera
    scene: BuiltScene


def rocket_motion(time: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the rocket is.

    Args:
        time: From 0, when it stands on its turntable, to 1.

    Returns:
        Its shift, [3], metres, and its rotation about the vertical axis, [3, 3]; smooth, and at rest at both ends.

    Example:
        >>> [rocket_motion(time)[0].round(3).tolist() for time in (0.0, 0.5, 1.0)]
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.06], [0.0, 0.0, 0.12]]
    """
    share = time * time * (3 - 2 * time)
    return np.array([0.0, 0.0, _RISE * share]), yaw(_TURN * share)


def moments(config: ObjectConfig) -> Iterator[Moment]:
    """All views in the order of their times, training views first.

    The cameras are those of the resting scene in random order, so that height and time have nothing to do with each
    other. Training times run evenly from 0 to 1; test times lie between them.
    """
    train, test = dome_poses(config.train_views, config.test_views, config.seed, DOME_RADIUS, np.zeros(3))
    random = np.random.default_rng([config.seed, 2])
    train_times = np.linspace(0, 1, len(train))
    test_times = (np.arange(len(test)) + 0.5) / len(test)
    for kind, poses, times in (("train", train, train_times), ("test", test, test_times)):
        for number, (place, time) in enumerate(zip(random.permutation(len(poses)), times, strict=True)):
            camera = Camera(poses[place], config.focal, config.width, config.height)
            solid, renderer = lit_rocket(config, *rocket_motion(float(time)))
            yield Moment(f"{kind}_{number:04d}", float(time), camera, BuiltScene(solid, renderer, [], []))


def write_moving(
    stage: Path,
    config: ObjectConfig,
    image_of: Callable[[View], NDArray[np.uint8]],
    write_mesh: Callable[[Path, BuiltScene, float], None],
    advance: Callable[[], None],
) -> None:
    """Render all moments into a folder.

    Args:
        stage: The folder.
        config: The scene.
        image_of: From a view to the image that is written of it.
        write_mesh: Writes a scene's mesh to a file, with so many units per metre.
        advance: Called after each view.
    """
    for folder in ("train", "test", "depths_npy", "meshes"):
        (stage / folder).mkdir()
    frames: dict[str, list[dict]] = {"train": [], "test": []}
    for moment in moments(config):
        kind, number = moment.name.split("_")
        view = moment.scene.renderer.render(moment.camera, config.supersampling)
        file, depth = f"{kind}/r_{number}", f"depths_npy/{moment.name}.npy"
        Image.fromarray(image_of(view)).save(stage / f"{file}.png")
        np.save(stage / depth, view.depth / np.float32(UNIT))
        pose = moment.camera.pose.copy()
        pose[:3, 3] /= UNIT
        frame = {"file_path": f"./{file}", "time": moment.time, "depth_npy_path": depth}
        if kind == "test":
            frame["mesh_path"] = f"meshes/{moment.name}.ply"
            write_mesh(stage / frame["mesh_path"], moment.scene, 1 / UNIT)
        frames[kind].append({**frame, "transform_matrix": pose.tolist()})
        advance()
    for split, kind in (("train", "train"), ("val", "test"), ("test", "test")):
        text = json.dumps({"camera_angle_x": float(np.radians(config.fov)), "frames": frames[kind]}, indent=1)
        (stage / f"transforms_{split}.json").write_text(text, encoding="utf-8")
    (stage / "README.txt").write_text(MOVING_README, encoding="utf-8")
