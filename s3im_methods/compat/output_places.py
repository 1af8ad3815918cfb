"""ns-eval, ns-render and ns-export check where their output goes before they load and render anything.

nerfstudio checks the name's ending after it has loaded the run, makes folders after the rendering, and leaves a
half-written file if the disk is full. For point clouds and meshes it does so silently, because Open3D reports a full
disk not at all, and other failures by its return value. After Ctrl-C it prints a traceback.
"""

import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from s3im_methods.compat.on_import import when_imported
from s3im_methods.interruptions import interrupted_in_a_word
from s3im_methods.outputs import (
    cannot_write,
    check_output_file,
    check_output_folder,
    is_about_the_place,
    refuse_cut_off,
    written,
)

_TICK = 20_000_000

# What ffmpeg puts the H.264 stream of ns-render into.
_VIDEOS = (".mp4", ".mov", ".mkv", ".m4v", ".avi", ".ts", ".flv", ".mpg")


def check_outputs_first() -> None:
    """Repair nerfstudio's commands as soon as they are imported."""
    when_imported("nerfstudio.scripts.eval", _repair_eval)
    when_imported("nerfstudio.scripts.render", _repair_render)
    when_imported("nerfstudio.scripts.exporter", _repair_exporter)


def _repair_eval(module: ModuleType) -> None:
    def check(command: Any) -> Path:
        command.output_path = check_output_file(command.output_path, "--output-path", (".json",))
        if command.render_output_path is not None:
            command.render_output_path = check_output_folder(command.render_output_path, "--render-output-path")
        return command.output_path

    _check_first(module.ComputePSNR, check)


def _repair_render(module: ModuleType) -> None:
    def check_trajectory(command: Any) -> Path:
        path = command.output_path
        if command.output_format == "images":
            command.output_path = path.expanduser()
            return check_output_folder(path.parent / path.stem, "--output-path")
        if not path.suffix and not path.expanduser().is_dir():
            # nerfstudio does so for camera paths only.
            path = path.with_suffix(".mp4")
        command.output_path = check_output_file(path, "--output-path", _VIDEOS)
        return command.output_path

    def check_dataset(command: Any) -> Path:
        command.output_path = check_output_folder(command.output_path, "--output-path")
        return command.output_path

    for name in ("RenderCameraPath", "RenderInterpolated", "SpiralRender"):
        _check_first(getattr(module, name), check_trajectory)
    _check_first(module.DatasetRender, check_dataset)


def _repair_exporter(module: ModuleType) -> None:
    def check(command: Any) -> Path:
        command.output_dir = check_output_folder(command.output_dir, "--output-dir")
        return command.output_dir

    for command in vars(module).values():
        if isinstance(command, type) and issubclass(command, module.Exporter) and command is not module.Exporter:
            _check_first(command, check)


def _check_first(command: type, check: Callable[[Any], Path]) -> None:
    main = command.main  # type: ignore[attr-defined]

    @functools.wraps(main)
    def main_after_check(self: Any) -> None:
        place = check(self)
        with interrupted_in_a_word(), _nothing_half_written(place), _open3d_that_says_so(), _whole_videos():
            main(self)

    command.main = main_after_check  # type: ignore[attr-defined]


@contextmanager
def _nothing_half_written(place: Path) -> Iterator[None]:
    """Where a write fails, take away the file that was being written: the last one that changed."""
    # Files have their times by a clock that ticks every few milliseconds.
    began = time.time_ns() - _TICK
    try:
        yield
    except BaseException as error:
        is_failed_write = _is_failed_write(error, place)
        if is_failed_write:
            changed = [path for path in _files(place) if path.stat().st_mtime_ns >= began]
            if changed:
                max(changed, key=lambda path: path.stat().st_mtime_ns).unlink()
        if is_failed_write and isinstance(error, Exception):
            raise cannot_write(place, error) from error
        raise


def _is_failed_write(error: BaseException, place: Path) -> bool:
    if isinstance(error, OSError):
        if error.filename is not None:
            return Path(os.fsdecode(error.filename)).absolute().is_relative_to(place.absolute())
        return is_about_the_place(error) or isinstance(error, BrokenPipeError)
    # As mediapy says of a video, and pymeshlab of a mesh.
    return type(error).__name__ in ("RuntimeError", "PyMeshLabException") and any(
        sign in str(error) for sign in ("Error writing", "Output Stream Error")
    )


def _files(place: Path) -> list[Path]:
    if place.is_dir():
        return [Path(folder) / name for folder, _, names in os.walk(place) for name in names]
    return [place] if place.is_file() else []


@contextmanager
def _open3d_that_says_so() -> Iterator[None]:
    """Let Open3D's writers raise where they return false, and where the disk is full, of which they say nothing."""
    o3d = sys.modules.get("open3d")
    if o3d is None:
        yield
        return
    places: list[tuple[Any, str]] = [(o3d.io, "write_point_cloud"), (o3d.io, "write_triangle_mesh")]
    places += [(o3d.t.io, "write_point_cloud"), (o3d.t.io, "write_triangle_mesh")]
    originals = [getattr(module, name) for module, name in places]

    def raising(write: Any) -> Any:
        @functools.wraps(write)
        def write_or_raise(path: Any, *args: Any, **kwargs: Any) -> bool:
            if not write(path, *args, **kwargs):
                raise OSError(None, "Open3D could not write it, as on a full disk", str(path))
            refuse_cut_off(Path(path))
            return True

        return write_or_raise

    for (module, name), write in zip(places, originals, strict=True):
        setattr(module, name, raising(write))
    try:
        yield
    finally:
        for (module, name), write in zip(places, originals, strict=True):
            setattr(module, name, write)


@contextmanager
def _whole_videos() -> Iterator[None]:
    """Let a video appear when it is complete: after a kill ffmpeg ends half a one such that it plays."""
    media = sys.modules.get("mediapy")
    if media is None:
        yield
        return
    original: Any = media.VideoWriter

    class WholeVideo(original):
        def __enter__(self) -> Any:
            self._whole = written(Path(self.path))
            self.path = self._whole.__enter__()
            with self._nothing_of_it_if_that_fails():
                return super().__enter__()

        def __exit__(self, *error: Any) -> None:
            with self._nothing_of_it_if_that_fails():
                super().__exit__(*error)
            self._whole.__exit__(*error)

        @contextmanager
        def _nothing_of_it_if_that_fails(self) -> Iterator[None]:
            try:
                yield
            except BaseException as error:
                self._whole.__exit__(type(error), error, error.__traceback__)
                raise

    media.VideoWriter = WholeVideo  # type: ignore[attr-defined]
    try:
        yield
    finally:
        media.VideoWriter = original  # type: ignore[attr-defined]
