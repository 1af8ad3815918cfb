"""One run of a comparison, as it is handed to the process that makes it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Judging:
    """How a trained run is evaluated."""

    held_out_views: int | None = None
    """Evaluate only this many of the held-out views, evenly spread; if not set, all of them."""
    curve_points: int = 4
    """At how many steps, evenly spread, two held-out views are looked at for the curve over time."""
    meshes: bool = True
    """Make and measure a mesh if the method has a surface and the scene's folder a true mesh.ply."""
    mesh_resolution: int = 192
    """Cells along the longest side of a mesh's box."""
    mesh_thresholds: tuple[float, ...] = (0.01, 0.02, 0.05)
    """Distances of the meshes' F-scores, in units of the data."""


@dataclass(frozen=True)
class Job:
    """What a run is.

    Args:
        id: Name of its folder.
        method: The method.
        scene: The scene's name.
        scene_path: The scene as it was given, before a variant changed it.
        seed: Seed of the run.
        variant: From the axes to the values.
        arguments: What follows ns-train on the command line.
        seconds: Training ends after this many seconds of training steps; None for no such end.
        out: The comparison's folder.
        judging: How it is judged.
    """

    id: str
    method: str
    scene: str
    scene_path: str
    seed: int
    variant: dict[str, str]
    arguments: list[str]
    seconds: float | None
    out: str
    judging: Judging

    @property
    def folder(self) -> Path:
        """Where the run's results are."""
        return Path(self.out) / "runs" / self.id

    @property
    def result(self) -> Path:
        """The file whose presence means that the run is done."""
        return self.folder / "run.json"

    @property
    def log(self) -> Path:
        """What the run prints."""
        return self.folder / "log.txt"

    @property
    def title(self) -> str:
        """For the reader."""
        values = [f"{axis}={value}" for axis, value in self.variant.items()]
        return ", ".join([self.scene, self.method, *values, f"seed {self.seed}"])

    def to_json(self) -> str:
        """As text that :meth:`from_json` reads."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """Read what :meth:`to_json` wrote."""
        found = json.loads(text)
        judging = found.pop("judging")
        judging["mesh_thresholds"] = tuple(judging["mesh_thresholds"])
        return cls(**found, judging=Judging(**judging))
