"""Places for results: refused before the work, and never half-written."""

import errno
import os
from pathlib import Path

import pytest

from s3im_methods.errors import InputError
from s3im_methods.outputs import (
    check_output_file,
    check_output_folder,
    check_picture_file,
    refuse_cut_off,
    why_not_written,
    written,
)


@pytest.fixture
def unprivileged(monkeypatch):
    """As a user who is not root: root may write everywhere."""

    def access(path, mode: int) -> bool:
        stat = os.stat(path)
        return not mode & os.W_OK or bool(stat.st_mode & 0o200)

    monkeypatch.setattr(os, "access", access)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_can_be_written_is_not_made_yet(tmp_path):
    assert check_output_folder(tmp_path / "a" / "b", "--output-dir") == tmp_path / "a" / "b"
    assert check_output_file(tmp_path / "a" / "b.json", "--output-path", (".json",)) == tmp_path / "a" / "b.json"
    assert check_picture_file(tmp_path / "b.PNG", "--output-path") == tmp_path / "b.PNG"
    assert names(tmp_path) == []


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert check_output_folder(Path("~/out"), "--output-dir") == tmp_path / "out"
    assert check_output_file(Path("~/out.json"), "--output-path") == tmp_path / "out.json"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("file", r"is '.*file', which is a file: give a folder"),
        ("file/below", r"leads through '.*file', which is a file, not a folder"),
        ("file/deep/below", r"leads through '.*file', which is a file, not a folder"),
        ("broken", r"is '.*broken', which is a link to 'gone/away', where nothing is: give a folder"),
        ("broken/below", r"leads through '.*broken', which is a link to 'gone/away', where nothing is"),
        ("locked/below", r"leads into '.*locked', where you may not write"),
        ("n" * 300, r"contains the name 'n{20}\.\.\.' of 300 letters"),
        ("new/" + "\u00e9" * 200 + "/x", r"contains the name .* of 200 letters"),
    ],
)
def test_a_folder_that_cannot_be(tmp_path, unprivileged, given, sentence):
    (tmp_path / "file").touch()
    (tmp_path / "broken").symlink_to("gone/away")
    (tmp_path / "locked").mkdir(mode=0o555)
    with pytest.raises(InputError, match=f"^--output-dir {sentence}"):
        check_output_folder(tmp_path / given, "--output-dir")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("folder", r"is '.*folder', which is a folder: give a file, for instance '.*folder/output\.png'"),
        ("picture", r"is '.*picture', which has no ending: .* for instance '.*picture\.png'"),
        ("picture.xyz", r"is '.*picture\.xyz', which ends in \.xyz: give one of \.png, "),
        (".png", r"has no ending"),
        ("file/a.png", r"leads through '.*file', which is a file, not a folder"),
        ("broken.png", r"which is a link to 'gone/away', where nothing is: give another file"),
        ("loop.png", r"which is a link to 'loop\.png', where nothing is: give another file"),
        ("readonly.png", r"which exists and cannot be written"),
        ("locked/a.png", r"leads into '.*locked', where you may not write"),
    ],
)
def test_a_picture_that_cannot_be(tmp_path, unprivileged, given, sentence):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "broken.png").symlink_to("gone/away")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "readonly.png").touch(mode=0o444)
    (tmp_path / "locked").mkdir(mode=0o555)
    with pytest.raises(InputError, match=f"^--output-path .*{sentence}"):
        check_picture_file(tmp_path / given, "--output-path")


def test_links_that_lead_somewhere(tmp_path):
    (tmp_path / "kept.json").write_text("old")
    (tmp_path / "link.json").symlink_to("kept.json")
    (tmp_path / "new.json").symlink_to("not-yet.json")
    for name in ("link.json", "new.json"):
        with written(check_output_file(tmp_path / name, "--output-path")) as path:
            path.write_text("new")
    assert (tmp_path / "link.json").is_symlink() and (tmp_path / "kept.json").read_text() == "new"
    assert (tmp_path / "not-yet.json").read_text() == "new"


def test_a_file_comes_with_what_is_written_beside_it(tmp_path):
    with written(tmp_path / "new" / "mesh.obj") as path:
        path.write_text("obj")
        path.with_name("material.mtl").write_text("mtl")
        assert not (tmp_path / "new" / "mesh.obj").exists()
    assert names(tmp_path / "new") == ["material.mtl", "mesh.obj"]


@pytest.mark.parametrize(
    ("error", "expected", "text"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            InputError,
            r"a\.json' cannot be written \(No space .*: free space",
        ),
        (ValueError("a bug"), ValueError, "a bug"),
        (KeyboardInterrupt("by hand"), KeyboardInterrupt, "by hand"),
    ],
)
def test_a_failed_write_leaves_what_was_there(tmp_path, error, expected, text):
    (tmp_path / "a.json").write_text("old")
    with pytest.raises(expected, match=text), written(tmp_path / "a.json") as path:
        path.write_text("half")
        raise error
    assert names(tmp_path) == ["a.json"] and (tmp_path / "a.json").read_text() == "old"


def test_a_file_larger_than_allowed(tmp_path):
    """The system itself refuses to write, as on a full disk."""
    resource = pytest.importorskip("resource")
    import signal

    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with (
            pytest.raises(InputError, match=r"a\.bin' cannot be written \(File too large\)"),
            written(tmp_path / "a.bin") as path,
        ):
            path.write_bytes(bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert names(tmp_path) == []


def test_a_device_is_written_to(tmp_path):
    with written(Path(os.devnull)) as path:
        path.write_text("x")
    assert not Path(os.devnull).is_file()


@pytest.fixture
def full_at():
    """A disk on which files cannot grow beyond a number of bytes."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_a_library_cut_off_is_noticed(tmp_path, full_at):
    path = tmp_path / "a.ply"
    path.write_bytes(b"x" * 1000)
    refuse_cut_off(path)
    assert path.read_bytes() == b"x" * 1000
    full_at(1000)
    with pytest.raises(OSError, match="File too large") as error:
        refuse_cut_off(path)
    assert error.value.filename == str(path)
    assert path.read_bytes() == b"x" * 1000


def test_open3d_still_says_nothing_of_a_full_disk(tmp_path, full_at):
    """When this fails, Open3D reports it: ``outputs.refuse_cut_off`` may not be needed."""
    import open3d as o3d

    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector([[0.0, 0.0, 0.0]] * 1000))
    full_at(100)
    assert o3d.io.write_point_cloud(str(tmp_path / "a.ply"), cloud)  # type: ignore[arg-type]
    assert (tmp_path / "a.ply").stat().st_size <= 100


def test_a_library_that_does_not_say_why(tmp_path, full_at):
    error = RuntimeError("[enforce fail at inline_container.cc:671] . unexpected pos 11968 vs 11856")
    assert why_not_written(error, tmp_path).startswith("[enforce fail")
    assert why_not_written(OSError(30, "Read-only file system"), tmp_path) == "Read-only file system"
    full_at(1000)
    assert why_not_written(error, tmp_path) == "File too large"
