"""One run: what run.json holds, and that looking at a training changes nothing of it."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from s3im_methods.compare import worker
from s3im_methods.compare.axes import parse_axis, parse_setting
from s3im_methods.compare.job import Job, Judging
from s3im_methods.compare.judge import write_picture
from s3im_methods.compare.plan import Request, plan
from s3im_methods.compare.schedule import make_runs
from s3im_methods.errors import InputError, NoSurfaceError
from s3im_methods.models.s3im_nerfacto import S3IMNerfactoModel

STEPS = 12
SETTINGS = tuple(
    parse_setting(text) for text in ("pipeline.datamanager.train-num-rays-per-batch=64", "machine.device-type=cpu")
)


def job_for(scene: Path, out: Path, method: str = "s3im-nerfacto-lite", axis: str = "loss=s3im", **changed) -> Job:
    usual = {"steps": STEPS, "settings": SETTINGS, "judging": Judging(curve_points=3, meshes=False)}
    request = Request((method,), (scene,), (5,), (parse_axis(axis),), **{**usual, **changed})
    (job,) = plan(request, out)
    return job


def make(job: Job) -> dict:
    """As the worker's process does, in this one."""
    job.folder.mkdir(parents=True)
    return json.loads(json.dumps(worker.make_run(job), allow_nan=False))


def weights(job: Job) -> dict[str, torch.Tensor]:
    (checkpoint,) = job.folder.rglob("*.ckpt")
    return torch.load(checkpoint, map_location="cpu", weights_only=False)["pipeline"]


def assert_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=0, atol=0, msg=lambda text, name=name: f"{name}: {text}")


@pytest.fixture(scope="module")
def made(room, tmp_path_factory) -> tuple[Job, dict]:
    job = job_for(room, tmp_path_factory.mktemp("out"))
    return job, make(job)


def test_what_a_run_says_of_itself(made):
    job, run = made
    assert (run["id"], run["method"], run["scene"], run["seed"]) == (job.id, "s3im-nerfacto-lite", "room", 5)
    assert run["variant"] == {"loss": "s3im"}
    assert run["steps"] == STEPS and run["train_seconds"] > 0 and run["peak_memory_mb"] > 100
    assert run["device"].startswith("cpu, ") and run["device"].rstrip("s").endswith("thread")
    assert run["settings"]["pipeline.model.s3im.balance"] == "keep"
    assert run["settings"]["pipeline.model.s3im.denominators"] is None
    assert set(run["versions"]) == {"s3im_methods", "nerfstudio", "torch", "python"}
    assert shlex.split(run["command"])[:4] == ["ns-train", "s3im-nerfacto-lite", "--data", job.scene_path]


def test_a_process_of_its_own_makes_the_same_run(made, room, tmp_path):
    _, here = made
    job = job_for(room, tmp_path)
    assert make_runs([job], 1, lambda line: None) == []
    there = json.loads(job.result.read_text())
    # Sums of other numbers of threads are rounded otherwise.
    assert there["metrics"] == pytest.approx(here["metrics"], rel=1e-3)
    assert "PSNR" in job.log.read_text()


def test_settings_that_are_infinite_are_recorded_in_words(room, tmp_path):
    settings = (*SETTINGS, parse_setting("pipeline.datamanager.depth.far=inf"))
    judging = Judging(curve_points=1, held_out_views=1, meshes=False)
    run = make(job_for(room, tmp_path, "s3im-depth-nerfacto-lite", steps=1, settings=settings, judging=judging))
    assert run["settings"]["pipeline.datamanager.depth.far"] == "inf"


def test_metrics_are_means_over_the_views(made):
    _, run = made
    assert [view["name"] for view in run["views"]] == [f"test_{k:04d}.png" for k in range(3)]
    for name in ("psnr", "ssim"):
        assert run["metrics"][name] == pytest.approx(np.mean([view[name] for view in run["views"]]))
    # The method has no depth of its own; the scene has.
    assert {"depth_abs_rel", "depth_rmse", "depth_rmse_metres", "depth_delta1"} <= set(run["metrics"])


def test_the_pictures_have_the_psnr_that_is_reported(made):
    job, run = made
    for view in run["views"]:
        truth = np.asarray(Image.open(Path(job.out) / view["truth"])).astype(float) / 255
        render = np.asarray(Image.open(job.folder / view["picture"])).astype(float) / 255
        assert -10 * np.log10(np.mean((truth - render) ** 2)) == pytest.approx(view["psnr"], abs=0.05)


def test_the_curve_ends_with_the_training(made):
    _, run = made
    assert [point["step"] for point in run["curve"]] == [STEPS // 3, 2 * STEPS // 3, STEPS]
    seconds = [point["seconds"] for point in run["curve"]]
    assert seconds == sorted(seconds) and seconds[-1] == run["train_seconds"]
    # Two of the three views are looked at.
    assert run["curve"][-1]["psnr"] == pytest.approx(np.mean([run["views"][k]["psnr"] for k in (0, 2)]))


@pytest.mark.parametrize("method", ["s3im-nerfacto-lite", "s3im-tensorf-lite", "s3im-depth-nerfacto-lite"])
def test_looking_changes_nothing(room, tmp_path, method):
    often = job_for(room, tmp_path / "often", method, judging=Judging(curve_points=STEPS, meshes=False))
    never = job_for(room, tmp_path / "never", method, judging=Judging(curve_points=1, meshes=False))
    first, second = make(often), make(never)
    assert len(first["curve"]) == STEPS and len(second["curve"]) == 1
    assert first["metrics"] == second["metrics"]
    assert_equal(weights(often), weights(never))


def test_time_ends_a_run_and_its_steps_are_in_the_command(room, tmp_path):
    job = job_for(room, tmp_path, seconds=1e-6, judging=Judging(curve_points=2, held_out_views=1, meshes=False))
    run = make(job)
    assert run["steps"] == 1 and "--max-num-iterations 1 " in run["command"]
    assert run["command"].count("--max-num-iterations") == 1
    assert [view["name"] for view in run["views"]] == ["test_0001.png"]
    assert run["views"][0]["picture"] == "view_001.png"
    assert [path.name for path in job.folder.rglob("*.ckpt")] == ["step-000000000.ckpt"]


def test_views_are_judged_that_ns_eval_would_judge(blender_room, tmp_path):
    judging = Judging(curve_points=1, held_out_views=2, meshes=False)
    run = make(job_for(blender_room, tmp_path, dataparser="blender-data", steps=1, judging=judging))
    assert [view["name"] for view in run["views"]] == ["test_0000.png", "test_0002.png"]
    assert run["command"].endswith(" blender-data")


def test_the_axes_reach_the_training(room, made, tmp_path):
    other = job_for(room, tmp_path, axis="loss=control")
    assert make(other)["metrics"]["psnr"] != made[1]["metrics"]["psnr"]


def test_the_mesh_of_a_surface_method_is_judged(room, tmp_path):
    judging = Judging(curve_points=1, held_out_views=1, mesh_resolution=24, mesh_thresholds=(0.05, 0.5))
    job = job_for(room, tmp_path, "s3im-neus-facto-lite", judging=judging)
    run = make(job)
    assert (job.folder / "mesh.ply").exists()
    assert {"chamfer", "f_score@0.05", "f_score@0.5", "normal_consistency"} <= set(run["metrics"])
    assert 0 <= run["metrics"]["f_score@0.05"] <= run["metrics"]["f_score@0.5"] <= 1
    without = job_for(room, tmp_path / "without", "s3im-neus-facto-lite", judging=replace(judging, meshes=False))
    assert "chamfer" not in make(without)["metrics"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NoSurfaceError("There is no surface."), "There is no surface."),
        (
            InputError("--resolution 9 needs 2 GiB: 8 fits, or a smaller box with --crop-min and --crop-max."),
            "--mesh-resolution 9 needs 2 GiB: 8 fits. To make this run again, remove '{folder}'.",
        ),
    ],
)
def test_a_run_without_a_mesh_keeps_its_other_results(room, tmp_path, monkeypatch, error, said):
    def no_mesh(*arguments):
        raise error

    monkeypatch.setattr("s3im_methods.compare.surfaces.extract_mesh", no_mesh)
    judging = Judging(curve_points=1, held_out_views=1)
    job = job_for(room, tmp_path, "s3im-neus-facto-lite", judging=judging)
    run = make(job)
    assert run["no_mesh"] == said.format(folder=job.folder) and {"psnr", "ssim"} <= set(run["metrics"])
    assert "chamfer" not in run["metrics"]


def test_depth_is_judged_by_the_sensor_whatever_was_learned_from(room, tmp_path):
    judging = Judging(curve_points=1, held_out_views=1, meshes=False)
    by_source = {}
    for source in ("sensor", "sparse", "none"):
        settings = (*SETTINGS, parse_setting("pipeline.model.depth.kind=none"))
        axis = f"pipeline.datamanager.depth.source={source}"
        request = Request(
            ("s3im-depth-nerfacto-lite",), (room,), (5,), (parse_axis(axis),), STEPS, None, settings, judging=judging
        )
        (job,) = plan(request, tmp_path)
        by_source[source] = make(job)["metrics"]
    assert {"depth_abs_rel", "depth_rmse_metres", "expected_depth_abs_rel"} <= set(by_source["sensor"])
    # Nothing of depth is learned here, so that the trainings are the same, and so is what they are worth.
    for source in ("sparse", "none"):
        assert by_source[source] == pytest.approx(by_source["sensor"], rel=1e-3), source


def test_a_render_that_is_not_finite_is_no_result(room, tmp_path, monkeypatch):
    measure = S3IMNerfactoModel.get_image_metrics_and_images

    def broken(self, outputs, batch):
        outputs["rgb"][0] = torch.nan
        return measure(self, outputs, batch)

    monkeypatch.setattr(S3IMNerfactoModel, "get_image_metrics_and_images", broken)
    with pytest.raises(InputError, match=r"^The render of the view 'test_0000.png' is not finite"):
        make(job_for(room, tmp_path, steps=1, judging=Judging(curve_points=1, meshes=False)))


def test_several_runs_may_write_the_same_picture_at_once(tmp_path, monkeypatch):
    file, pixels = tmp_path / "truth.png", np.full((2, 3, 3), 9, dtype=np.uint8)
    save, others = Image.Image.save, [np.zeros_like(pixels)]

    def save_while_another_run_does(image, *args, **settings):
        save(image, *args, **settings)
        if others:
            write_picture(file, others.pop())

    monkeypatch.setattr(Image.Image, "save", save_while_another_run_does)
    write_picture(file, pixels)
    assert np.array_equal(np.asarray(Image.open(file)), pixels)
    assert list(tmp_path.iterdir()) == [file]


def test_each_judged_view_is_judged_at_every_scale(room, tmp_path):
    judging = Judging(curve_points=1, held_out_views=1, meshes=False)
    run = make(job_for(room, tmp_path, axis="scales=1+2+4", steps=1, judging=judging))
    assert [view["name"] for view in run["views"]] == [f"test_0001.png{end}" for end in ("", " at 1/2", " at 1/4")]
    assert {"psnr", "psnr_scale_1", "psnr_scale_2", "psnr_scale_4"} <= run["metrics"].keys()
