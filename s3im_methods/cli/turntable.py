"""``s3im turntable``: a film of a trained run, or of a mesh, along a path that fits by itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from s3im_methods.exporters.film.writer import Frame


@dataclass(frozen=True)
class TurntableCommand:
    """Film a run or a mesh from all around.

    Objects are filmed on an orbit at the training cameras' height and distance. If no camera stood behind the object,
    the film swings back and forth along their side. Rooms are filmed in a loop through some of the training cameras.
    A mesh (--mesh) turns about the z axis of its data; a GLB of s3im export-mesh is turned back for that.
    """

    example: ClassVar[str] = "s3im turntable --load-config RUN/config.yml --output-path turntable.mp4"

    load_config: Path | None = None
    """The run's config.yml, as for ns-eval."""
    mesh: Path | None = None
    """A mesh to film in place of a run: PLY, OBJ, GLB, STL or OFF."""
    output_path: Path = Path("turntable.mp4")
    """The film: .mp4, .gif or .webp; or a folder for frames as PNG files: anything without an ending."""
    path: Literal["auto", "orbit", "loop"] = "auto"
    """Path of the camera for a run. orbit: round the object. loop: through the room. auto: as the cameras suggest."""
    size: int = 480
    """Longer side of the film in pixels. Films of a run have its images' shape, those of a mesh are square."""
    seconds: float = 6.0
    """Length of the film, which ends where it begins."""
    frame_rate: float = 15.0
    """Frames per second; at most 50 in a .gif."""
    output_name: str = "rgb"
    """The model's output to film, for instance normals."""

    def run(self) -> None:
        """Render the frames and write the film."""

        self._check()
        from s3im_methods.exporters.film.writer import check_film, write_film

        output_path = check_film(self.output_path, "--output-path")
        count = max(1, round(self.seconds * self.frame_rate))
        size, frames = self._of_mesh(count) if self.mesh is not None else self._of_run(count)
        write_film(frames, output_path, self.frame_rate, count, size)
        rows, columns = size
        what = f"{count} frames of {columns} x {rows} pixels"
        if output_path.suffix:
            print(f"Wrote {output_path}: {what}, {self.seconds:g} s. Open it in a browser or a player.")
        else:
            print(f"Wrote {what} to {output_path}: {output_path / 'frame_0000.png'} is the first.")

    def _check(self) -> None:
        from math import inf

        from s3im_methods.errors import InputError

        if (self.load_config is None) == (self.mesh is None):
            raise InputError("Give either --load-config with a run's config.yml, or --mesh with a mesh.")
        if self.size < 16:
            raise InputError(f"--size is {self.size}: give 16 or more.")
        for name, value in (("seconds", self.seconds), ("frame-rate", self.frame_rate)):
            if not 0 < value < inf:
                raise InputError(f"--{name} is {value:g}: give a number above 0.")
        if self.output_path.suffix.lower() == ".gif" and self.frame_rate > 50:
            raise InputError(
                f"--frame-rate is {self.frame_rate:g}, and browsers show a GIF slowly above 50: give 50 or less, or "
                "an --output-path that ends in .webp or .mp4."
            )
        if self.mesh is not None:
            for name in ("path", "output_name"):
                if getattr(self, name) != type(self).__dataclass_fields__[name].default:
                    raise InputError(f"--{name.replace('_', '-')} has no effect with --mesh: leave it out.")

    def _of_mesh(self, count: int) -> "tuple[tuple[int, int], Iterator[Frame]]":
        from s3im_methods.exporters.film.mesh_frames import mesh_frames

        assert self.mesh is not None
        side = 2 * round(self.size / 2)
        return (side, side), mesh_frames(self.mesh, count, (side, side))

    def _of_run(self, count: int) -> "tuple[tuple[int, int], Iterator[Frame]]":
        from s3im_methods.cli.load_run import load_run
        from s3im_methods.exporters.film.paths import film_path
        from s3im_methods.exporters.film.run_frames import film_cameras, run_frames
        from s3im_methods.exporters.mesh.training_split import training_split

        assert self.load_config is not None
        _, pipeline, _ = load_run(self.load_config, test_mode="inference")
        training = training_split(pipeline.datamanager).cameras
        poses, what = film_path(training, count, self.path)
        cameras = film_cameras(poses, training, self.size)
        size = int(cameras.height[0]), int(cameras.width[0])
        print(f"Filming {what}: {count} frames of {size[1]} x {size[0]} pixels.", flush=True)
        return size, run_frames(pipeline.model, cameras.to(pipeline.device), self.output_name)
