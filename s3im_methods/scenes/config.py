"""What a user may choose about a procedural scene, and the sentences that refuse impossible choices."""

import math
from dataclasses import dataclass
from typing import Literal

from s3im_methods.errors import InputError


@dataclass(frozen=True)
class SceneConfig:
    """Settings that every procedural scene has; two equal configs give identical files.

    Example:
        >>> round(RoomConfig(width=24, height=18).focal, 3)
        15.639
    """

    width: int
    """Width of the images in pixels."""
    height: int
    """Height of the images in pixels."""
    fov: float
    """Horizontal field of view in degrees, between 5 and 150."""
    train_views: int = 60
    """Number of training views; at least 2."""
    test_views: int = 8
    """Number of held-out views, between the training views; at least 1."""
    seed: int = 0
    """Seed of everything that is drawn at random: colours, patterns, small shifts of furniture, camera positions."""
    supersampling: int = 2
    """Colour is the mean of this many times this many rays per pixel; depth and normals are the pixel centre's."""
    light_samples: int = 64
    """Rays per mesh vertex that gather indirect light; fewer is faster and gives blotchier shading."""
    layout: Literal["nerfstudio", "idr"] = "nerfstudio"
    """Which files are written: those that nerfstudio-data reads, or those of IDR, NeuS and MonoSDF, which idr-data
    reads."""

    @property
    def focal(self) -> float:
        """Focal length in pixels, equal for both axes."""
        return 0.5 * self.width / math.tan(0.5 * math.radians(self.fov))

    def check(self) -> None:
        """Refuse what cannot be rendered.

        Raises:
            InputError: If a setting is out of its range; the sentence names the flag.
        """
        lower_bounds = {"width": 1, "height": 1, "train_views": 2, "test_views": 1, "seed": 0, "light_samples": 1}
        for name, bound in lower_bounds.items():
            value = getattr(self, name)
            if value < bound:
                raise InputError(f"--{name.replace('_', '-')} is {value}: give {bound} or more.")
        if not 1 <= self.supersampling <= 8:
            raise InputError(f"--supersampling is {self.supersampling}: give a whole number from 1 to 8.")
        if not 5.0 <= self.fov <= 150.0:
            raise InputError(f"--fov is {self.fov:g} degrees: give a horizontal field of view from 5 to 150.")


@dataclass(frozen=True)
class RoomConfig(SceneConfig):
    """A furnished living room of 4 x 3 x 2.6 m, seen from inside."""

    width: int = 256
    """Width of the images in pixels."""
    height: int = 192
    """Height of the images in pixels."""
    fov: float = 75.0
    """Horizontal field of view in degrees, between 5 and 150."""


@dataclass(frozen=True)
class ObjectConfig(SceneConfig):
    """A toy rocket about 1 m tall on a turntable, seen from a dome of cameras around it."""

    width: int = 200
    """Width of the images in pixels."""
    height: int = 200
    """Height of the images in pixels."""
    fov: float = 40.0
    """Horizontal field of view in degrees, between 5 and 150."""
    background: Literal["transparent", "white"] = "transparent"
    """Background of the images: transparent writes RGBA, white writes RGB."""
    glossy: bool = False
    """Coat everything with clear varnish, in which a studio far away is reflected."""
    moving: bool = False
    """Let the rocket lift off and turn, every view at another moment, and write the files that dnerf-data reads."""

    def check(self) -> None:
        """Refuse what cannot be rendered or written; see the base class."""
        super().check()
        if self.moving and self.layout != "nerfstudio":
            raise InputError("--moving writes the layout of D-NeRF: leave --layout out.")
