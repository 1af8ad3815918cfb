"""The output folder appears complete or not at all, and only our own scenes are ever replaced."""

import json

import pytest

from s3im_methods.errors import InputError
from s3im_methods.scenes.staging import GENERATOR, check_target, staged_folder


def _our_scene(folder):
    folder.mkdir()
    (folder / "transforms.json").write_text(json.dumps({"generator": GENERATOR}))
    (folder / "old.txt").write_text("old")


def test_new_folder_appears_at_the_end(tmp_path):
    out = tmp_path / "deep" / "scene"
    with staged_folder(out, overwrite=False) as stage:
        (stage / "a.txt").write_text("a")
        assert stage.parent == out.parent
        assert not out.exists()
    assert [p.name for p in out.iterdir()] == ["a.txt"]
    assert [p.name for p in out.parent.iterdir()] == ["scene"]


def test_empty_folder_is_used(tmp_path):
    (tmp_path / "scene").mkdir()
    with staged_folder(tmp_path / "scene", overwrite=False) as stage:
        (stage / "a.txt").write_text("a")
    assert (tmp_path / "scene" / "a.txt").exists()


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_interruption_leaves_the_old_scene_and_nothing_else(tmp_path, interruption):
    _our_scene(tmp_path / "scene")
    with pytest.raises(interruption), staged_folder(tmp_path / "scene", overwrite=True) as stage:
        (stage / "half.txt").write_text("half")
        raise interruption
    assert [p.name for p in tmp_path.iterdir()] == ["scene"]
    assert (tmp_path / "scene" / "old.txt").exists()


def test_overwrite_replaces_our_scene(tmp_path):
    _our_scene(tmp_path / "scene")
    with staged_folder(tmp_path / "scene", overwrite=True) as stage:
        (stage / "new.txt").write_text("new")
    assert [p.name for p in (tmp_path / "scene").iterdir()] == ["new.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["scene"]


def test_full_folder_is_refused_without_overwrite(tmp_path):
    _our_scene(tmp_path / "scene")
    with pytest.raises(InputError) as error:
        check_target(tmp_path / "scene", overwrite=False)
    sentence = f"The folder '{tmp_path / 'scene'}' is not empty: give another one, or --overwrite to replace it."
    assert str(error.value) == sentence


@pytest.mark.parametrize("meta", ["{}", "[]", "not json", '{"generator": "colmap"}', None])
def test_a_folder_of_someone_else_is_never_replaced(tmp_path, meta):
    (tmp_path / "photo.jpg").write_text("precious")
    if meta is not None:
        (tmp_path / "transforms.json").write_text(meta)
    with pytest.raises(InputError, match=r"was not written by `s3im scene` and is not replaced: give another one\.$"):
        check_target(tmp_path, overwrite=True)


def test_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file' is a file: give a folder for the scene\.$"):
        check_target(tmp_path / "file", overwrite=True)


def test_disk_errors_become_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match=r"^The scene cannot be written to '.*' \(Not a directory\)\.$"),
        staged_folder(tmp_path / "file" / "scene", overwrite=False),
    ):
        pass


def test_failed_swap_puts_the_old_scene_back(tmp_path):
    _our_scene(tmp_path / "scene")
    with pytest.raises(InputError), staged_folder(tmp_path / "scene", overwrite=True) as stage:
        stage.rmdir()
    assert (tmp_path / "scene" / "old.txt").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["scene"]
