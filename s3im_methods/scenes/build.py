"""From a config to a lit solid and its cameras."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from s3im_methods.scenes.cameras import Camera, dome_poses, room_poses
from s3im_methods.scenes.config import RoomConfig, SceneConfig
from s3im_methods.scenes.gloss import studio
from s3im_methods.scenes.lighting import vertex_light
from s3im_methods.scenes.render import Renderer
from s3im_methods.scenes.rocket import DOME_RADIUS, rocket_lights, rocket_sky, rocket_surfaces
from s3im_methods.scenes.room import room_lights, room_surfaces
from s3im_methods.scenes.solid import Solid


@dataclass(frozen=True)
class BuiltScene:
    """A scene ready to be rendered.

    Attributes:
        solid: The exact mesh and its textures.
        renderer: Renders views of it.
        train: Training cameras.
        test: Held-out cameras.
    """

    solid: Solid
    renderer: Renderer
    train: list[Camera]
    test: list[Camera]


def build_scene(config: SceneConfig) -> BuiltScene:
    """Model, light and cameras of a scene; the same config gives the same numbers.

    Raises:
        InputError: If the config is out of range.
    """
    config.check()
    views = config.train_views, config.test_views
    if isinstance(config, RoomConfig):
        solid = Solid(room_surfaces(config.seed))
        light = vertex_light(solid, room_lights(), None, config.light_samples)
        renderer = Renderer(solid, light, exposure=1.6)
        train, test = room_poses(*views, config.seed, lambda point: float(solid.distance(point[None])[0]))
    else:
        solid, renderer = lit_rocket(config)
        train, test = dome_poses(*views, config.seed, DOME_RADIUS, np.zeros(3))
    cameras = [Camera(pose, config.focal, config.width, config.height) for pose in train + test]
    return BuiltScene(solid, renderer, cameras[: len(train)], cameras[len(train) :])


def lit_rocket(
    config: SceneConfig, shift: ArrayLike = (0, 0, 0), rotation: ArrayLike | None = None
) -> tuple[Solid, Renderer]:
    """The rocket on its turntable, and what renders it; ``shift`` and ``rotation`` as for ``rocket_surfaces``."""
    solid = Solid(rocket_surfaces(config.seed, shift, rotation))
    light = vertex_light(solid, rocket_lights(), rocket_sky, config.light_samples)
    return solid, Renderer(solid, light, 1.3, studio if getattr(config, "glossy", False) else None)
