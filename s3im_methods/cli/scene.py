"""``s3im scene room OUT`` and ``s3im scene object OUT``: procedural scenes with exact ground truth."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Union

import tyro

from s3im_methods.data.wording import command_line
from s3im_methods.scenes.config import ObjectConfig, RoomConfig, SceneConfig


def _write(config: SceneConfig, out: Path, overwrite: bool) -> None:
    from s3im_methods.scenes.writer import write_scene

    write_scene(config, out, overwrite=overwrite, progress=True)
    views = f"{config.train_views} training and {config.test_views} test views of {config.width} x {config.height}"
    method = ["s3im", "train", "dnerf"] if getattr(config, "moving", False) else ["ns-train", "s3im-nerfacto-lite"]
    command = [*method, "--data", out, *(["idr-data"] if config.layout == "idr" else [])]
    print(f"Wrote {views} to {out}. Train on it with: {command_line(command)}")


@dataclass(frozen=True)
class RoomCommand:
    """Write a furnished living room, seen from inside: images, poses, depth, normals and mesh, all exact."""

    out: tyro.conf.Positional[Path]
    """Folder to write; it appears only when it is complete."""
    config: Annotated[RoomConfig, tyro.conf.arg(name="")] = dataclasses.field(default_factory=RoomConfig)
    """The scene."""
    overwrite: bool = False
    """Replace a scene that was written to OUT before."""

    def run(self) -> None:
        """Write the scene."""
        _write(self.config, self.out, self.overwrite)


@dataclass(frozen=True)
class ObjectCommand:
    """Write a toy rocket on a turntable, seen from all around: images, poses, depth, normals and mesh, all exact."""

    out: tyro.conf.Positional[Path]
    """Folder to write; it appears only when it is complete."""
    config: Annotated[ObjectConfig, tyro.conf.arg(name="")] = dataclasses.field(default_factory=ObjectConfig)
    """The scene."""
    overwrite: bool = False
    """Replace a scene that was written to OUT before."""

    def run(self) -> None:
        """Write the scene."""
        _write(self.config, self.out, self.overwrite)


@dataclass(frozen=True)
class SceneCommand:
    """Make a procedural scene whose ground truth is known exactly.

    A room seen from inside, or an object on a turntable: s3im scene object my-object
    """

    example: ClassVar[str] = "s3im scene room my-room --train-views 40"

    kind: Annotated[
        Union[  # noqa: UP007 (tyro reads the annotations of each member.)
            Annotated[RoomCommand, tyro.conf.subcommand("room", prefix_name=False)],
            Annotated[ObjectCommand, tyro.conf.subcommand("object", prefix_name=False)],
        ],
        tyro.conf.arg(name=""),
    ]
    """Which scene."""

    def run(self) -> None:
        """Write the scene."""
        self.kind.run()
