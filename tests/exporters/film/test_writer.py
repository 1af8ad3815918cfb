"""Films and folders of frames hold every frame, and places where none can be are refused before the work."""

import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from s3im_methods.errors import InputError
from s3im_methods.exporters.film.writer import check_film, write_film


def frames(count: int):
    for index in range(count):
        yield np.full((16, 24, 3), 40 * index, np.uint8)


def test_a_film_has_all_frames(tmp_path):
    path = check_film(tmp_path / "new" / "film.mp4", "--output-path")
    write_film(frames(5), path, 10.0, 5, (16, 24))
    # mediapy cannot read what some versions of ffmpeg say about a film.
    program = imageio_ffmpeg.get_ffmpeg_exe()
    command = [program, "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True)
    film = np.frombuffer(raw.stdout, np.uint8).reshape(-1, 16, 24, 3)
    assert len(film) == 5 and b" 10 fps" in raw.stderr
    np.testing.assert_allclose(film.mean(axis=(1, 2, 3)), 40.0 * np.arange(5), atol=4)


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_an_animated_picture_has_all_frames_and_starts_again(tmp_path, monkeypatch, ending):
    monkeypatch.setattr("shutil.which", lambda _: None)  # ffmpeg has no part in it
    path = check_film(tmp_path / f"film.{ending}", "--output-path")
    write_film(frames(5), path, 10.0, 5, (16, 24))
    with Image.open(path) as film:
        assert film.n_frames == 5 and film.info["loop"] == 0  # type: ignore[attr-defined]
        for index in range(5):
            film.seek(index)
            assert film.size == (24, 16) and film.info.get("duration", 100) == 100
            np.testing.assert_allclose(np.asarray(film.convert("RGB")), 40 * index, atol=4)


def test_a_folder_has_all_frames(tmp_path):
    path = check_film(tmp_path / "frames", "--output-path")
    write_film(frames(3), path, 10.0, 3, (16, 24))
    assert sorted(file.name for file in path.iterdir()) == [f"frame_000{k}.png" for k in range(3)]
    assert np.asarray(Image.open(path / "frame_0002.png")).mean() == 80


def test_frames_of_an_earlier_longer_film_go(tmp_path):
    """Nothing else tells where the new film ends."""
    for count in (5, 3):
        write_film(frames(count), tmp_path / "frames", 10.0, count, (16, 24))
        (tmp_path / "frames" / "frame_mine.png").touch()
    names = {f"frame_000{k}.png" for k in range(3)} | {"frame_mine.png"}
    assert {file.name for file in (tmp_path / "frames").iterdir()} == names


@pytest.mark.parametrize("name", ["frame_00001.png", "frame_0000.png", "frame_0007.jpg"])
def test_frames_of_something_else_are_safe(tmp_path, name):
    """Those of ffmpeg and of ns-process-data have such names."""
    folder = tmp_path / "frames"
    write_film(frames(2), folder, 10.0, 2, (16, 24))
    assert check_film(folder, "--output-path") == folder
    Image.new("RGB", (2, 2)).save(folder / name)
    with pytest.raises(InputError, match=rf"frames of something else or of an older version, such as {name}: give"):
        check_film(folder, "--output-path")
    write_film(frames(1), tmp_path / "frames", 10.0, 1, (16, 24))
    assert (folder / name).exists() and not (folder / "frame_0001.png").exists()


@pytest.mark.parametrize(("ending", "rate"), [("gif", 15.0), ("gif", 30.0), ("gif", 50.0), ("webp", 15.0)])
def test_an_animated_picture_takes_as_long_as_it_should(tmp_path, ending, rate):
    path = tmp_path / f"film.{ending}"
    count = round(2 * rate)
    shown = (np.full((16, 24, 3), 37 * index % 256, np.uint8) for index in range(count))
    write_film(shown, path, rate, count, (16, 24))
    with Image.open(path) as film:
        lasts = []
        for index in range(film.n_frames):  # type: ignore[attr-defined]
            film.seek(index)
            film.load()
            lasts.append(film.info["duration"])
    assert len(lasts) == count and sum(lasts) == pytest.approx(2000, abs=5)
    assert min(lasts) >= 20


def test_a_film_that_is_broken_off_leaves_nothing(tmp_path):
    def failing():
        yield from frames(1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write_film(failing(), tmp_path / "film.mp4", 10.0, 1, (16, 24))
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"which ends in \.avi: give one of \.mp4, \.gif, \.webp"):
        check_film(tmp_path / "film.avi", "--output-path")
    with pytest.raises(InputError, match="which is a file: give a folder"):
        check_film(tmp_path / "file", "--output-path")
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("s3im_methods.compat.ffmpeg.put_ffmpeg_on_path", lambda: None)
    with pytest.raises(InputError, match="which needs ffmpeg, and there is none"):
        check_film(tmp_path / "film.mp4", "--output-path")
