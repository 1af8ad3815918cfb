"""Runs are found in any layout, and what their files say of them is read without loading them."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from PIL import Image
from run_folders import BEGAN, checkpoint_of, evaluate, make_run

from s3im_methods.errors import InputError
from s3im_methods.runs.listing import list_runs
from s3im_methods.runs.picture_notes import read_note, save_with_note
from s3im_methods.runs.table import cells


def test_runs_are_listed_newest_first_with_what_their_files_say(tmp_path):
    old = make_run(tmp_path, "old", step=19)
    new = make_run(tmp_path, "new", ended=BEGAN + 600, method="s3im-nerfacto-lite")
    (tmp_path / "config.yml").write_text("site: of something else\n")
    evaluate(tmp_path / "eval.json", checkpoint_of(new), 21.5)
    first, second = list_runs(tmp_path).runs
    assert (first.folder, first.method, first.scene, first.steps) == (new, "s3im-nerfacto-lite", "room/masked.json", 40)
    assert (first.psnr, first.psnr_from, first.seconds) == (21.5, "ns-eval", 600.0)
    assert (second.folder, second.scene, second.steps, second.planned) == (old, "object", 20, 40)
    assert (second.psnr, second.seconds) == (None, 90.0)
    assert cells(second)[:5] == ["s3im-tensorf", "object", "20 of 40", "-", "90 s"]


def test_folders_of_scenes_are_left_out_by_their_whole_names(tmp_path):
    found = [make_run(tmp_path / name, "a") for name in ("sparse_room", "images-of-mine", "wandb2", "depthsensor")]
    for name in ("images", "images_8", "depths_2", "sparse", "wandb", ".hidden"):
        make_run(tmp_path / name, "a")
    assert {run.folder for run in list_runs(tmp_path).runs} == set(found)


def test_a_picture_that_pillow_takes_for_a_bomb_ends_nothing(tmp_path, monkeypatch):
    run = make_run(tmp_path, "a")
    note = {"run": str(run), "steps": 40, "psnr": 19.0, "views": 4}
    save_with_note(Image.new("RGB", (30, 30)), tmp_path / "large.png", note)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert list_runs(tmp_path).runs[0].pictures == []


@pytest.mark.parametrize("given", [".", "room", "room/s3im-tensorf/a", "room/s3im-tensorf/a/config.yml"])
def test_a_run_its_config_and_any_folder_above_can_be_given(tmp_path, given):
    run = make_run(tmp_path, "a")
    assert [found.folder for found in list_runs(tmp_path / given).runs] == [run]


def test_the_newest_evaluation_of_the_newest_checkpoint_counts(tmp_path):
    run = make_run(tmp_path, "a")
    evaluate(run / "b.json", checkpoint_of(run), 20.0)
    evaluate(run / "a.json", checkpoint_of(run), 22.0)
    os.utime(run / "b.json", (BEGAN, BEGAN))
    evaluate(run / "earlier.json", run / "nerfstudio_models" / "step-000000009.ckpt", 10.0)
    (run / "other.json").write_text("[1, 2]")
    (run / "broken.json").write_text("{")
    assert list_runs(tmp_path).runs[0].psnr == 22.0


def test_a_moved_run_keeps_its_evaluation(tmp_path):
    run = make_run(tmp_path / "here", "a")
    evaluate(run / "eval.json", checkpoint_of(run), 20.0)
    (tmp_path / "here").rename(tmp_path / "there")
    assert list_runs(tmp_path).runs[0].psnr == 20.0


def test_an_overview_is_found_under_any_name_and_yields_to_ns_eval(tmp_path):
    run = make_run(tmp_path, "a")
    note = {"run": str(run), "steps": 40, "psnr": 19.0, "views": 4}
    save_with_note(Image.new("RGB", (2, 2)), tmp_path / "any name.png", note)
    save_with_note(Image.new("RGB", (2, 2)), tmp_path / "of an earlier step.png", {**note, "steps": 10})
    Image.new("RGB", (2, 2)).save(tmp_path / "other.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (found,) = list_runs(tmp_path).runs
    assert (found.psnr, found.psnr_from) == (19.0, "overview of 4 views")
    assert found.pictures == [tmp_path / "any name.png"]
    evaluate(tmp_path / "eval.json", checkpoint_of(run), 20.0)
    assert list_runs(tmp_path).runs[0].psnr == 20.0


def test_runs_of_a_comparison_have_its_figures(tmp_path):
    place = tmp_path / "runs" / "fox.loss-none"
    source = make_run(tmp_path / "made", "run")
    shutil.copytree(source, place / "s3im-tensorf" / "run")
    shutil.rmtree(tmp_path / "made")
    (place / "view.png").touch()
    views = [{"picture": "view.png"}, {"picture": None}, {"picture": "gone.png"}]
    about = {"method": "s3im-tensorf", "scene": "fox", "metrics": {"psnr": 25.0}, "train_seconds": 61.0, "views": views}
    (place / "run.json").write_text(json.dumps(about))
    (found,) = list_runs(tmp_path).runs
    assert (found.scene, found.psnr, found.seconds, found.pictures) == ("fox", 25.0, 61.0, [place / "view.png"])


def test_a_copy_whose_times_say_nothing_has_no_time(tmp_path):
    make_run(tmp_path, "a", ended=BEGAN - 5)
    assert list_runs(tmp_path).runs[0].seconds is None


def test_what_is_no_run_or_has_no_checkpoint(tmp_path):
    with pytest.raises(InputError, match=r"^No run in "):
        list_runs(tmp_path)
    with pytest.raises(InputError, match=r"^No folder at '.*gone': give a run's folder"):
        list_runs(tmp_path / "gone")
    run = make_run(tmp_path, "a")
    checkpoint_of(run).unlink()
    listing = list_runs(tmp_path)
    assert (listing.runs, listing.unfinished) == ([], [run])


def test_a_picture_in_another_format_has_no_note(tmp_path):
    save_with_note(Image.new("RGB", (2, 2)), tmp_path / "a.jpg", {"run": "x"})
    save_with_note(Image.new("RGB", (2, 2)), tmp_path / "a.png", {"run": "x"})
    assert read_note(tmp_path / "a.jpg") is None
    assert read_note(tmp_path / "a.png") == {"run": "x"}


def test_no_model_and_no_torch_is_loaded(tmp_path):
    make_run(tmp_path, "a")
    heavy = "{'torch', 'nerfstudio', 'numpy'}"
    code = (
        f"import sys; from s3im_methods.cli.main import main; main(['results', {str(tmp_path)!r}, '--open']);"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    env = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.splitlines()[-1] == "[]"
