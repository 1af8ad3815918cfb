"""A checkpoint carries its settings, and files of two runs that got mixed are told apart."""

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from s3im_methods.engine.checkpoint_notes import Notes, differences, notes_of, read_notes, write_notes
from s3im_methods.engine.resumed_settings import changed_settings, other_run
from s3im_methods.errors import InputError
from s3im_methods.method_configs import s3im_nerfacto_lite, s3im_neus_lite, s3im_volsdf_lite


def config(method: Any, **model: Any) -> Any:
    made = copy.deepcopy(method.config)
    for name, value in model.items():
        setattr(made.pipeline.model, name, value)
    return made


def checkpoint(folder: Path, method: Any, **model: Any) -> Path:
    path = folder / "nerfstudio_models" / "step-000000009.ckpt"
    path.parent.mkdir(exist_ok=True)
    torch.save({"step": 9, "pipeline": {"a": torch.arange(5.0)}}, path)
    write_notes(path, notes_of(config(method, **model)))
    return path


@pytest.mark.parametrize("mmap", [False, True])
def test_torch_reads_a_checkpoint_with_notes(tmp_path, mmap):
    path = checkpoint(tmp_path, s3im_neus_lite)
    loaded = torch.load(path, weights_only=True, mmap=mmap)
    assert loaded["step"] == 9 and loaded["pipeline"]["a"].tolist() == [0, 1, 2, 3, 4]


def test_notes_come_back(tmp_path):
    notes = notes_of(config(s3im_neus_lite))
    assert read_notes(checkpoint(tmp_path, s3im_neus_lite)) == notes
    assert notes.method == "s3im-neus-lite" and notes.model == "S3IMNeuSModel"
    assert notes.settings["pipeline.model.s3im.kernel_size"] == 4
    assert "pipeline.datamanager.collate_fn" not in notes.settings


def test_checkpoints_without_notes(tmp_path):
    """Of nerfstudio or an older version, and damaged ones."""
    torch.save({"step": 9}, tmp_path / "plain.ckpt")
    torch.save({"step": 9}, tmp_path / "old.ckpt", _use_new_zipfile_serialization=False)
    (tmp_path / "half.ckpt").write_bytes((tmp_path / "plain.ckpt").read_bytes()[:200])
    for name in ("plain", "old", "half", "gone"):
        assert read_notes(tmp_path / f"{name}.ckpt") is None
        assert other_run(config(s3im_neus_lite), tmp_path / "config.yml", tmp_path / f"{name}.ckpt") is None


def test_a_config_of_another_method_is_refused(tmp_path):
    path = checkpoint(tmp_path, s3im_neus_lite)
    sentence = r"step-000000009.ckpt' was trained with s3im-neus-lite, and '.*config.yml' is of s3im-volsdf-lite: give"
    with pytest.raises(InputError, match=sentence):
        other_run(config(s3im_volsdf_lite), tmp_path / "config.yml", path)


def test_a_config_of_other_settings_is_named(tmp_path):
    path = checkpoint(tmp_path, s3im_nerfacto_lite, max_res=256)
    said = other_run(config(s3im_nerfacto_lite), tmp_path / "config.yml", path)
    assert said is not None and said.endswith("has: --pipeline.model.max-res (was 256, is 512).")
    assert other_run(config(s3im_nerfacto_lite, max_res=256), tmp_path / "config.yml", path) is None


def test_what_is_resumed_is_told_by_the_checkpoint_without_its_config(tmp_path):
    path = checkpoint(tmp_path, s3im_nerfacto_lite, max_res=256)
    resumed: Any = config(s3im_nerfacto_lite)

    class Model:
        decides_by_data = False

    pipeline = type("Pipeline", (), {"model": Model})
    (said,) = changed_settings(resumed, pipeline, path)
    assert said == (
        "The run is resumed with other settings than those of its checkpoint: --pipeline.model.max-res (was 256, is "
        "512)."
    )
    resumed.pipeline.model.max_res = 256
    resumed.optimizers["fields"]["optimizer"].lr = 1e-5
    (said,) = changed_settings(resumed, pipeline, path)
    assert said.endswith(
        "--optimizers.fields.optimizer.lr (was 0.02, is 1e-05), of which lr has no effect, because the checkpoint "
        "holds the optimizers' settings."
    )
    assert other_run(resumed, tmp_path / "config.yml", path) is None
    (said,) = changed_settings(config(s3im_volsdf_lite), pipeline, path)
    assert said.startswith("The checkpoint is of s3im-nerfacto-lite, and the run is of s3im-volsdf-lite")


def test_settings_that_an_older_version_did_not_note_are_read_from_its_config(tmp_path):
    path = checkpoint(tmp_path, s3im_nerfacto_lite)
    old = notes_of(config(s3im_nerfacto_lite))
    del old.settings["pipeline.model.s3im.denominators"], old.settings["pipeline.model.background_color"]
    torch.save({"step": 9}, path)
    write_notes(path, old)
    saved = config(s3im_nerfacto_lite)
    (tmp_path / "config.yml").write_text(yaml.dump(saved))

    class Model:
        decides_by_data = True
        kept_config = dataclasses.replace(saved.pipeline.model, background_color="white")

    pipeline = type("Pipeline", (), {"model": Model})
    assert changed_settings(config(s3im_nerfacto_lite), pipeline, path) == []
    lines = (tmp_path / "config.yml").read_text().splitlines()
    (tmp_path / "config.yml").write_text("\n".join(line for line in lines if "denominators" not in line))
    (said,) = changed_settings(config(s3im_nerfacto_lite), pipeline, path)
    assert "--pipeline.model.s3im.denominators (was 'free', is null). Give --load-config" in said


def test_what_does_not_count():
    then = Notes("m", "M", {"pipeline.a": 0.1, "pipeline.data": "x/fox", "pipeline.eval_num_x": 1, "pipeline.b": [1]})
    same = {"pipeline.a": 0.1 + 1e-12, "pipeline.data": "y/fox", "pipeline.eval_num_x": 2, "pipeline.new": 3}
    assert differences(then, dataclasses.replace(then, settings=same | {"pipeline.b": (1,)})) is None
    other = dataclasses.replace(then, settings=then.settings | {"pipeline.b": [2]})
    assert differences(then, other) == "--pipeline.b (was [1], is [2])"
