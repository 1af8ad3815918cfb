"""nerfstudio's commands refuse a place before they load anything, and leave nothing half-written."""

import errno
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mediapy
import numpy as np
import pytest
from nerfstudio.scripts import eval as ns_eval
from nerfstudio.scripts import exporter, render

from s3im_methods import method_configs  # noqa: F401 (It applies the workarounds.)
from s3im_methods.errors import InputError

CONFIG = Path("nowhere/config.yml")


def refusal(command: Any) -> str:
    with pytest.raises(InputError) as error:
        command.main()
    return str(error.value)


@pytest.fixture
def loaded(monkeypatch):
    """Lets commands come to their work, and does that in nerfstudio's place."""

    def prepare(module: Any, work: Any) -> None:
        def setup(*_: Any, **__: Any) -> Any:
            work()
            raise AssertionError("the work went well")

        monkeypatch.setattr(module, "eval_setup", setup)

    return prepare


def test_ns_eval(tmp_path):
    (tmp_path / "file").touch()
    for given, sentence in {
        tmp_path: "which is a folder",
        tmp_path / "m": "which has no ending",
        tmp_path / "m.txt": "which ends in .txt",
        tmp_path / "file" / "m.json": "which is a file, not a folder",
    }.items():
        assert sentence in refusal(ns_eval.ComputePSNR(CONFIG, given))
    images = ns_eval.ComputePSNR(CONFIG, tmp_path / "m.json", tmp_path / "file")
    assert "--render-output-path is" in refusal(images)


def test_ns_render(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for name, sentence in {
        "a.gif": "which ends in .gif: give one of .mp4",
        "folder": "which is a folder",
        "file/a.mp4": "which is a file, not a folder",
    }.items():
        for command in (render.RenderInterpolated, render.SpiralRender):
            assert sentence in refusal(command(load_config=CONFIG, output_path=tmp_path / name))
    images = render.RenderInterpolated(load_config=CONFIG, output_path=tmp_path / "file", output_format="images")
    assert "which is a file: give a folder" in refusal(images)
    assert "which is a file" in refusal(render.DatasetRender(load_config=CONFIG, output_path=tmp_path / "file"))


@pytest.mark.parametrize("command", ["ExportPointCloud", "ExportTSDFMesh", "ExportPoissonMesh", "ExportCameraPoses"])
def test_ns_export(tmp_path, command):
    (tmp_path / "file").touch()
    assert "which is a file: give a folder" in refusal(getattr(exporter, command)(CONFIG, tmp_path / "file"))


def test_a_video_without_ending_is_an_mp4(tmp_path, loaded):
    loaded(render, lambda: None)
    command = render.SpiralRender(load_config=CONFIG, output_path=tmp_path / "video")
    with pytest.raises(AssertionError):
        command.main()
    assert command.output_path == tmp_path / "video.mp4"


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("Error writing 'x': disk full")]
)
def test_a_full_disk_names_the_place_and_leaves_what_was_there(tmp_path, loaded, error):
    (tmp_path / "old.ply").write_text("old")

    def work() -> None:
        (tmp_path / "half.ply").write_text("half")
        raise error

    loaded(exporter, work)
    assert f"'{tmp_path}' cannot be written" in refusal(exporter.ExportCameraPoses(CONFIG, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["old.ply"]


def film(path: Path, interrupt: Callable[[], object], frames: int = 3) -> Callable[[], None]:
    """What writes a video as ns-render does, and is interrupted."""

    def work() -> None:
        with mediapy.VideoWriter(path=path, shape=(16, 24), fps=10) as writer:
            for _ in range(frames):
                writer.add_image(np.zeros((16, 24, 3), np.uint8))
            interrupt()

    return work


def ctrl_c() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("interrupt", [ctrl_c, functools.partial(os.kill, os.getpid(), signal.SIGTERM)])
def test_an_interrupted_video_leaves_what_was_there(tmp_path, loaded, capsys, interrupt):
    path = tmp_path / "v.mp4"
    path.write_text("the video of yesterday")
    loaded(render, film(path, interrupt))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        render.SpiralRender(load_config=CONFIG, output_path=path).main()
    assert ended.value.code == 130 and capsys.readouterr().err.endswith("Interrupted.\n")
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "the video of yesterday"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_killed_video_does_not_look_whole(tmp_path):
    """ffmpeg ends a file that plays, where nobody sends it frames any more."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_output_places as t\n"
        "path = t.Path(sys.argv[2]); t.render.eval_setup = lambda *_, **__: t.film(path, t.kill)()\n"
        "t.render.SpiralRender(load_config=t.CONFIG, output_path=path).main()"
    )
    path = tmp_path / "v.mp4"
    ended = subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent), str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL and not path.exists()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_whole_video_is_there(tmp_path, loaded):
    path = tmp_path / "v.mp4"
    loaded(render, film(path, lambda: None))
    with pytest.raises(AssertionError, match="the work went well"):
        render.SpiralRender(load_config=CONFIG, output_path=path).main()
    assert list(tmp_path.iterdir()) == [path] and path.stat().st_size > 500


def test_what_cannot_be_read_is_not_said_to_be_unwritable(tmp_path, loaded):
    def work() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path.parent / "scene.png"))

    loaded(exporter, work)
    with pytest.raises(PermissionError):
        exporter.ExportCameraPoses(CONFIG, tmp_path / "out").main()


def test_open3d_that_fails_silently(tmp_path, loaded):
    import open3d as o3d

    def work() -> None:
        cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector([[0.0, 0.0, 0.0]]))
        o3d.io.write_point_cloud(str(tmp_path / "no" / "folder" / "a.ply"), cloud)  # type: ignore[arg-type]

    loaded(exporter, work)
    assert "Open3D could not write it" in refusal(exporter.ExportCameraPoses(CONFIG, tmp_path))


def test_open3d_on_a_full_disk(tmp_path, loaded):
    """It returns true and leaves a file that is cut off."""
    import resource

    import open3d as o3d

    def work() -> None:
        cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector([[0.0, 0.0, 0.0]] * 1000))
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        try:
            o3d.io.write_point_cloud(str(tmp_path / "a.ply"), cloud)  # type: ignore[arg-type]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    loaded(exporter, work)
    assert "cannot be written (File too large)" in refusal(exporter.ExportCameraPoses(CONFIG, tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_pymeshlab_on_a_full_disk(tmp_path, loaded):
    import pymeshlab

    def work() -> None:
        (tmp_path / "mesh.obj").touch()
        raise pymeshlab.PyMeshLabException(  # type: ignore[attr-defined]
            f"Error encountered while exportering file {tmp_path}/mesh.obj:\nOutput Stream Error"
        )

    loaded(exporter, work)
    assert "cannot be written (Error encountered" in refusal(exporter.ExportCameraPoses(CONFIG, tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_upstream_still_looks_at_the_ending_after_loading():
    """When this fails, nerfstudio checks its outputs first: drop ``compat.output_places``."""
    import inspect

    source = inspect.getsource(ns_eval.ComputePSNR.main.__wrapped__)  # type: ignore[attr-defined]
    assert source.index("eval_setup(") < source.index('suffix == ".json"') < source.index("output_path.parent.mkdir")
