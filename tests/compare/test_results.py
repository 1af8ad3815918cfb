"""compare.json over several calls for one folder."""

import pytest

from s3im_methods.compare.results import read_about, write_about
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
        **changed,
    }


def test_a_second_call_adds(tmp_path):
    assert write_about(tmp_path / "out", about()) == about() == read_about(tmp_path / "out")
    write_about(tmp_path / "out", about(scenes=["room", "fox"], axes={"weight": ["1"], "loss": ["s3im", "control"]}))
    found = read_about(tmp_path / "out")
    assert found is not None
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
