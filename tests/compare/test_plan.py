"""From a request to runs: their order, their names, their commands, and what is refused before anything trains."""

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from nerfstudio.utils.rich_utils import CONSOLE

from s3im_methods.compare.axes import parse_axis, parse_setting
from s3im_methods.compare.job import Job
from s3im_methods.compare.plan import Request, axes_of, look_at_scenes, plan, run_id
from s3im_methods.errors import InputError

METHODS = ("s3im-nerfacto-lite", "s3im-tensorf-lite")


def request_for(*scenes: Path, axes: tuple[str, ...] = ("loss",), **settings) -> Request:
    given = {"methods": METHODS[:1], "seeds": (0, 1), **settings}
    return Request(scenes=scenes, axes=tuple(map(parse_axis, axes)), **given)


def refusal(request: Request, out: Path) -> str:
    with pytest.raises(InputError) as error:
        plan(request, out)
    assert not (out / "runs").exists()
    return str(error.value)


def test_whole_seeds_come_first(room, tmp_path):
    jobs = plan(request_for(room, methods=METHODS), tmp_path)
    assert [job.seed for job in jobs] == [0] * 4 + [1] * 4
    assert [job.method for job in jobs[:4]] == [METHODS[0]] * 2 + [METHODS[1]] * 2
    assert [job.variant["loss"] for job in jobs[:2]] == ["none", "s3im"]
    assert len({job.id for job in jobs}) == 8
    assert axes_of(jobs) == {"loss": ["none", "s3im"]}


def test_commands(room, tmp_path):
    request = request_for(
        room,
        axes=("loss=control",),
        steps=70,
        settings=(parse_setting("pipeline.datamanager.dataparser.scene-scale=2"),),
    )
    job = plan(request, tmp_path)[1]
    assert shlex.join(job.arguments) == (
        f"s3im-nerfacto-lite --data {room} --machine.seed 1 --max-num-iterations 70 --pipeline.model.s3im.role control "
        "--pipeline.model.s3im.balance add nerfstudio-data --scene-scale 2"
    )
    assert job.folder == tmp_path / "runs" / "room.s3im-nerfacto-lite.loss-control.seed-1"
    assert Job.from_json(job.to_json()) == job


def test_changed_scenes_are_written_and_trained_on(room, tmp_path):
    jobs = plan(request_for(room, axes=("corruption=none,blur", "views=all,3"), seeds=(0,)), tmp_path)
    data = [Path(job.arguments[2]) for job in jobs]
    scenes = tmp_path / "scenes" / "room"
    assert data == [room, scenes / "views-3", scenes / "blur-2", scenes / "views-3_blur-2"]
    assert all((path / "transforms.json").exists() for path in data)
    assert {job.scene_path for job in jobs} == {str(room)}


def test_ids_differ_where_runs_do():
    variants = [{"a.b": "1"}, {"a.c": "1"}, {"x.b": "1"}, {"a.b": "1 2"}, {"a.b": "1-2"}, {"loss": "none"}, {}]
    ids = [run_id("fox", "m", variant, 0) for variant in variants]
    assert len(set(ids)) == len(ids)
    assert all("/" not in run_id("fox", "m", {"p": value}, 0) for value in ("a/b", "../c"))
    assert ids[-1] == "fox.m.seed-0"


def test_what_could_not_be_trained_is_refused(room, tmp_path):
    request = request_for(room)
    assert refusal(replace(request, methods=("s3im-nope",)), tmp_path).startswith("No method 's3im-nope': give one of")
    assert refusal(request_for(tmp_path / "x"), tmp_path).startswith(f"There is no scene at '{tmp_path / 'x'}'")
    assert "far-plan" in refusal(request_for(room, axes=("pipeline.model.far-plan=1",)), tmp_path)
    assert "'ten'" in refusal(request_for(room, axes=("weight=ten",)), tmp_path)
    assert "needs real patches in the batch" in refusal(
        request_for(room, settings=(parse_setting("pipeline.model.s3im.mode=patch"),)), tmp_path
    )
    assert "S3IM's weight (--pipeline.model.s3im.loss-mult) is -1" in refusal(
        request_for(room, axes=("weight=1,-1",)), tmp_path
    )
    assert "kernel_size" in refusal(request_for(room, axes=("kernel=4,0",)), tmp_path)
    assert "repeat_time" in refusal(request_for(room, axes=("repeat=0",)), tmp_path)
    assert refusal(request_for(room, room), tmp_path) == f"A scene is given twice in {room} {room}: give each once."
    other = tmp_path / "other" / "room"
    other.parent.mkdir()
    other.symlink_to(room)
    assert refusal(request_for(room, other), tmp_path) == (
        f"More than one scene is called 'room', such as '{room}': rename the folder of one, or give it another "
        "--output-dir."
    )
    assert refusal(replace(request, methods=METHODS[:1] * 2), tmp_path) == (
        "A method is given twice in s3im-nerfacto-lite s3im-nerfacto-lite: give each once."
    )


def test_settings_that_change_nothing_get_a_line(room, tmp_path):
    request = request_for(room, axes=("loss=none,keep", "pipeline.model.s3im.patch-height=32,64"))
    with CONSOLE.capture() as capture:
        look_at_scenes(request)
    said = " ".join(capture.get().split())
    assert said.count("no effect") == 1
    assert "--pipeline.model.s3im.patch-height has no effect, because --pipeline.model.s3im.mode is grouped." in said


def test_flags_that_are_not_the_users_to_set(room, tmp_path):
    assert refusal(request_for(room, settings=(parse_setting("machine.seed=3"),)), tmp_path) == (
        "--machine.seed is set by the comparison itself: use its own flags."
    )
    for text in ("vis=tensorboard", "steps-per-save=5", "machine.num-devices=2", "logging.local-writer.enable=False"):
        said = refusal(request_for(room, settings=(parse_setting(text),)), tmp_path)
        assert said == f"--{text.partition('=')[0]} has no effect in a comparison: leave it out."
    settings = (parse_setting("pipeline.model.s3im.role=loss"),)
    assert refusal(request_for(room, axes=("loss=none,control",), settings=settings), tmp_path) == (
        "--pipeline.model.s3im.role is given by --set and by an axis: leave out one of them."
    )


def test_a_weight_for_all_is_that_of_s3im_and_control_and_not_of_none(room, tmp_path):
    settings = (parse_setting("pipeline.model.s3im.loss-mult=0.1"),)
    jobs = plan(request_for(room, axes=("loss=none,s3im,control",), settings=settings, seeds=(0,)), tmp_path)
    weights = [job.arguments[job.arguments.index("--pipeline.model.s3im.loss-mult") + 1] for job in jobs]
    assert weights == ["0", "0.1", "0.1"]
    assert all(job.arguments.count("--pipeline.model.s3im.loss-mult") == 1 for job in jobs)
    assert refusal(request_for(room, axes=("weight=0,1",), settings=settings), tmp_path) == (
        "--pipeline.model.s3im.loss-mult is given by --set and by an axis: leave out one of them."
    )


def test_variants_with_other_held_out_views_are_refused(room, tmp_path):
    scene = linked(room, tmp_path / "scene")
    meta = json.loads((room / "transforms.json").read_text())
    (scene / "transforms.json").write_text(json.dumps({k: v for k, v in meta.items() if "filenames" not in k}))
    axis = "pipeline.datamanager.dataparser.eval-interval=3,4"
    request = request_for(
        scene, axes=(axis,), settings=(parse_setting("pipeline.datamanager.dataparser.eval-mode=interval"),)
    )
    assert refusal(request, tmp_path / "out") == (
        "Not all variants have the same held-out views of the scene 'scene', so their results cannot be "
        "compared: leave out the axis or method that splits the scene differently."
    )


def test_views_that_are_trained_on_are_counted(room, tmp_path):
    scene = linked(room, tmp_path / "scene")
    meta = json.loads((room / "transforms.json").read_text())
    meta["test_filenames"] = [*meta["test_filenames"], meta["train_filenames"][0]]
    (scene / "transforms.json").write_text(json.dumps(meta))
    found = look_at_scenes(request_for(scene, room))
    assert {name: (len(facts.held_out), facts.trained_on) for name, facts in found.items()} == {
        "scene": (4, 1),
        "room": (3, 0),
    }
    # As part of the truth an image may not be corrupted.
    (one,) = look_at_scenes(request_for(scene, axes=("corruption=none",))).values()
    assert one.trained_on == 1
    assert refusal(request_for(scene, axes=("corruption=none,noise",)), tmp_path / "out") == (
        "1 of 4 evaluated views of the scene 'scene' is trained on too, so the axis corruption would corrupt the "
        "truth: split the scene so that none is, or leave out that axis."
    )
    assert not (tmp_path / "out").exists()


def test_what_runs_are_judged_by(room, tmp_path):
    views = [f"test_{number:04d}.png" for number in range(3)]
    (facts,) = look_at_scenes(request_for(room)).values()
    assert facts.judged == {"views": views, "scales": [1]}
    # The folder may have any name, and the scales are those of all values.
    (tmp_path / "link").symlink_to(room)
    (facts,) = look_at_scenes(request_for(tmp_path / "link", axes=("scales=4,1+2",))).values()
    assert facts.judged == {"views": views, "scales": [1, 2, 4]}


def test_variants_that_are_evaluated_at_other_scales_are_refused(room, tmp_path):
    assert refusal(request_for(room, axes=("pipeline.datamanager.scales=1,1 2",)), tmp_path) == (
        "Not all variants are evaluated at the same scales of the scene 'room', so their results cannot be compared: "
        "use the axis scales, which evaluates every variant at every scale."
    )


def test_a_scene_of_which_some_images_have_depth(room, tmp_path):
    """nerfstudio's own parser refuses it."""
    scene = linked(room, tmp_path / "scene")
    meta = json.loads((room / "transforms.json").read_text())
    del meta["frames"][0]["depth_file_path"]
    (scene / "transforms.json").write_text(json.dumps(meta))
    jobs = plan(request_for(scene, methods=("s3im-depth-nerfacto-lite",), axes=("views=3,all",)), tmp_path / "out")
    assert len(jobs) == 4


def test_what_a_scene_is_made_of(room, tmp_path):
    scene = linked(room, tmp_path / "scene")
    meta = (room / "transforms.json").read_text()
    (scene / "transforms.json").write_text(meta)

    def source(path: Path = scene) -> str:
        (facts,) = look_at_scenes(request_for(path)).values()
        return facts.source

    first = source()
    assert first == source() == source(room) == source(scene / "transforms.json")
    # What is not read, and how it is written, is not looked at.
    (scene / "transforms_other.json").write_text("{}")
    (scene / "transforms.json").write_text(json.dumps(json.loads(meta), indent=3))
    assert source() == first
    (scene / "transforms.json").write_text(json.dumps({**json.loads(meta), "fl_x": 30.5}))
    changed = source()
    assert changed != first
    (scene / "images").unlink()
    shutil.copytree(room / "images", scene / "images")
    with (scene / "images" / "train_0001.png").open("ab") as file:
        file.write(b" ")
    assert source() not in (first, changed)


def test_a_changed_scene_of_another_source_is_not_taken_for_ours(room, tmp_path):
    """What a refused or interrupted call has left."""
    scene = linked(room, tmp_path / "a" / "room")
    meta = json.loads((room / "transforms.json").read_text())
    (scene / "transforms.json").write_text(json.dumps({**meta, "fl_x": 30.5}))
    for path, focal in ((scene, 30.5), (room, meta["fl_x"])):
        (job, _) = plan(request_for(path, axes=("views=3",)), tmp_path / "out")
        found = json.loads((Path(job.arguments[2]) / "transforms.json").read_text())
        assert found["fl_x"] == focal


def linked(room: Path, scene: Path) -> Path:
    """The room but for its transforms.json."""
    scene.mkdir(parents=True)
    for name in ("images", "depths", "points.ply"):
        (scene / name).symlink_to(room / name)
    return scene
