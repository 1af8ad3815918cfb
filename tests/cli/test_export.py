"""The command line ``s3im export``: its bad input. A real run is exported by the end-to-end tests."""

import sys
from typing import Any

import pytest
from nerfstudio.scripts import exporter as scripts

from s3im_methods.cli.export import _cells
from s3im_methods.cli.main import main
from s3im_methods.exporters.ns_export import loaded_once as module


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "Nothing to export: give one or more of --mesh, --pointcloud, --tsdf, --poisson."),
        (["--mesh", "--resolution", "4"], "--resolution is 4: give 8 or more."),
        (["--pointcloud", "--num-points", "0"], "--num-points is 0: give 1 or more."),
        (["--mesh"], "No config at "),
    ],
)
def test_bad_input_gives_one_sentence(flags, sentence, tmp_path):
    with pytest.raises(SystemExit) as refusal:
        main(["export", str(tmp_path / "gone.yml"), "--output-dir", str(tmp_path), *flags])
    assert str(refusal.value).startswith(sentence)


def test_cells_are_cubes():
    assert _cells((0.0, 0.0, 0.0), (4.0, 2.0, 1.0), 64) == [64, 32, 16]


exporter: Any = scripts


def test_each_command_is_handed_the_run_that_is_loaded_and_repaired(monkeypatch, tmp_path):
    class Config:
        class pipeline:
            model = "the model's configuration"

        @staticmethod
        def get_checkpoint_dir():
            return tmp_path

    repaired = []
    monkeypatch.setattr(module, "repair_export", lambda *given: repaired.append(given))
    original = exporter.eval_setup
    with pytest.raises(RuntimeError, match="no"), module.loaded_once(Config, "the pipeline", 7):
        for _ in range(2):
            assert exporter.eval_setup(tmp_path)[1:] == ("the pipeline", tmp_path, 7)
        raise RuntimeError("no")
    assert [model for model, _ in repaired] == [Config.pipeline.model] * 2
    assert repaired[0][1] is repaired[1][1]
    assert exporter.eval_setup is original and "nerfstudio.scripts.exporter" in sys.modules
