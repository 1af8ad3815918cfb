"""The command line ``s3im export``: its bad input. A real run is exported by the end-to-end tests."""

import inspect
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from nerfstudio.exporter.tsdf_utils import TSDF
from nerfstudio.scripts import exporter as scripts

from s3im_methods.cli.export import _cells
from s3im_methods.cli.export_mesh import ExportMeshCommand
from s3im_methods.cli.main import main
from s3im_methods.errors import NoSurfaceError
from s3im_methods.exporters.ns_export import loaded_once as module
from s3im_methods.exporters.ns_export import repairs


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "Nothing to export: give one or more of --mesh, --pointcloud, --tsdf, --poisson."),
        (["--mesh", "--resolution", "4"], "--resolution is 4: give 8 or more."),
        (["--pointcloud", "--num-points", "0"], "--num-points is 0: give 1 or more."),
        (
            ["--mesh", "--num-points", "5"],
            "--num-points has no effect without --pointcloud or --poisson: leave it out.",
        ),
        (["--poisson", "--resolution", "9"], "--resolution has no effect without --mesh or --tsdf: leave it out."),
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


@pytest.fixture()
def config(tmp_path):
    return SimpleNamespace(pipeline=SimpleNamespace(model=SimpleNamespace()), get_checkpoint_dir=lambda: tmp_path)


def test_the_tsdf_is_the_repaired_one(monkeypatch, tmp_path, config):
    """The run is loaded before nerfstudio's exporter is imported, so that loading repairs nothing of it."""
    names = ("integrate_tsdf", "get_mesh")
    for name in names:
        monkeypatch.setattr(TSDF, name, inspect.unwrap(getattr(TSDF, name)))
    for holder, name in ((exporter, "generate_point_cloud"), (exporter.texture_utils, "export_textured_mesh")):
        monkeypatch.setattr(holder, name, getattr(holder, name))
    monkeypatch.setattr(exporter.tsdf_utils, "export_tsdf_mesh", exporter.tsdf_utils.export_tsdf_mesh)
    monkeypatch.setattr("s3im_methods.cli.load_run.load_run", lambda *_, **__: (config, "the pipeline", 7))
    monkeypatch.setattr("s3im_methods.cli.export._seen", lambda _: ((-1.0,) * 3, (1.0,) * 3))
    made = []
    monkeypatch.setattr(
        repairs,
        "_export_tsdf_mesh",
        lambda *_, **__: made.extend(hasattr(getattr(TSDF, n), "__wrapped__") for n in names),
    )
    main(["export", str(tmp_path), "--output-dir", str(tmp_path), "--tsdf"])
    assert made == [True, True]


@pytest.mark.parametrize(
    ("sentence", "added"),
    [
        ("The density is 0: give --level.", " s3im export has no --level: use s3im export-mesh."),
        ("Give --crop-min or --crop-max.", " s3im export has no --crop-min and --crop-max: use s3im export-mesh."),
        ("--resolution 512 needs 9 GiB: 256 fits.", ""),
        ("Give it by --depth-unit.", ""),
    ],
)
def test_advice_names_the_command_that_has_the_flag(monkeypatch, tmp_path, sentence, added):
    def fail(*_: Any) -> None:
        raise NoSurfaceError(sentence)

    monkeypatch.setattr("s3im_methods.cli.load_run.load_run", lambda *_, **__: (None, None, 0))
    monkeypatch.setattr(ExportMeshCommand, "export", fail)
    with pytest.raises(NoSurfaceError) as refusal:
        main(["export", str(tmp_path), "--output-dir", str(tmp_path), "--mesh"])
    assert str(refusal.value) == sentence + added
