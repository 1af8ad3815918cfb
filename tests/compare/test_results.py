"""compare.json over several calls for one folder, and that one at a time works there."""

import errno
import fcntl
import json
import re

import pytest

from s3im_methods.compare.results import only_one, read_about, write_about
from s3im_methods.errors import InputError


def about(**changed) -> dict:
    return {
        "command": "s3im compare",
        "methods": ["a"],
        "scenes": ["fox"],
        "seeds": [0],
        "axes": {"loss": ["none", "s3im"]},
        "steps": 10,
        "seconds": None,
        "fixed": {"steps": 10, "judging": {"curve_points": 4}},
        "sources": {"fox": "one fox"},
        "judged": {"fox": {"views": ["1.png", "9.png"], "scales": [1]}},
        "trained_on": {"fox": 0},
        **changed,
    }


def test_a_second_call_adds(tmp_path):
    assert write_about(tmp_path, about()) == about() == read_about(tmp_path)
    axes = {"weight": ["1"], "loss": ["s3im", "control"]}
    write_about(tmp_path, about(scenes=["room", "fox"], axes=axes, sources={"room": "a room"}))
    found = read_about(tmp_path)
    assert found is not None
    assert found["sources"] == {"fox": "one fox", "room": "a room"}
    assert found["scenes"] == ["fox", "room"] and found["methods"] == ["a"]
    assert found["axes"] == {"loss": ["none", "s3im", "control"], "weight": ["1"]}
    assert list(found["axes"]) == ["loss", "weight"]


def test_other_steps_are_refused(tmp_path):
    write_about(tmp_path, about())
    before = (tmp_path / "compare.json").read_text()
    with pytest.raises(InputError) as error:
        write_about(tmp_path, about(fixed={"steps": 20, "judging": {"curve_points": 4}}))
    assert str(error.value) == (
        f"'{tmp_path}' holds runs with other steps, made by: s3im compare; give the same, or another --output-dir."
    )
    assert (tmp_path / "compare.json").read_text() == before


def test_another_scene_of_the_same_name_is_refused(tmp_path):
    write_about(tmp_path, about())
    with pytest.raises(InputError) as error:
        write_about(tmp_path, about(sources={"fox": "another fox"}))
    assert str(error.value) == (
        f"'{tmp_path}' holds runs on another scene 'fox', or that scene, its split or its scale has changed: give "
        "another --output-dir."
    )
    # Folders of before scenes were told apart.
    without = {name: value for name, value in about().items() if name != "sources"}
    (tmp_path / "compare.json").write_text(json.dumps(without))
    assert write_about(tmp_path, about())["sources"] == {"fox": "one fox"}


@pytest.mark.parametrize(
    ("now", "what"),
    [
        ({"views": ["1.png", "5.png", "9.png"], "scales": [1]}, "views"),
        ({"views": ["1.png", "9.png"], "scales": [1, 2]}, "scales"),
        ({"views": ["2.png"], "scales": [2]}, "views and scales"),
    ],
)
def test_runs_that_are_judged_otherwise_are_refused(tmp_path, now, what):
    write_about(tmp_path, about())
    before = (tmp_path / "compare.json").read_text()
    with pytest.raises(InputError) as error:
        write_about(tmp_path, about(judged={"fox": now}))
    assert str(error.value) == (
        f"'{tmp_path}' holds runs that were evaluated with other {what} of the scene 'fox', made by: s3im compare; "
        "give the same, or another --output-dir."
    )
    assert (tmp_path / "compare.json").read_text() == before
    # Scenes are judged each by itself; folders of older versions do not record how.
    write_about(tmp_path, about(scenes=["room"], sources={"room": "a room"}, judged={"room": now}))
    without = {name: value for name, value in about().items() if name != "judged"}
    (tmp_path / "compare.json").write_text(json.dumps(without))
    assert write_about(tmp_path, about(judged={"fox": now}))["judged"] == {"fox": now}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"fixed": {}}'])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    (tmp_path / "compare.json").write_text(content)
    with pytest.raises(InputError, match=r"compare\.json' cannot be read: put the file back"):
        write_about(tmp_path, about())
    assert (tmp_path / "compare.json").read_text() == content


def test_two_comparisons_cannot_work_in_one_folder(tmp_path):
    out = tmp_path / "a" / "out"
    with only_one(out):
        with pytest.raises(InputError) as error, only_one(out):
            pass
        assert str(error.value) == (
            f"Another s3im compare is at work in '{out}': wait until it has ended, or give another --output-dir."
        )
        (out / "compare.json").touch()
    with only_one(out):
        assert (out / "compare.json").exists()


def test_a_folder_that_stays_empty_is_removed_unless_it_was_there(tmp_path):
    with only_one(tmp_path / "out"):
        assert (tmp_path / "out").is_dir()
    assert not (tmp_path / "out").exists()
    (tmp_path / "theirs").mkdir()
    with only_one(tmp_path / "theirs"):
        pass
    assert (tmp_path / "theirs").is_dir()


def test_where_there_are_no_locks_a_comparison_goes_on(tmp_path, monkeypatch):
    def without(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", without)
    with only_one(tmp_path):
        pass


def test_a_file_in_the_folders_place(tmp_path):
    (tmp_path / "out").touch()
    for path in (tmp_path / "out", tmp_path / "out" / "in"):
        with pytest.raises(InputError) as error, only_one(path):
            pass
        assert re.fullmatch(r"Nothing can be written to '.*' \(.*\): give another --output-dir\.", str(error.value))
