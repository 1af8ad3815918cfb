"""The tables of a comparison, against numbers computed by hand."""

import csv
import io
import json
import shutil
from collections.abc import Mapping

import pytest
from fake_comparison import write_comparison

from s3im_methods.compare.report import write_report
from s3im_methods.compare.statistics import Group, group_by_seed
from s3im_methods.compare.table import comma_separated, markdown, write_table
from s3im_methods.compare.tabulation import Table, differences
from s3im_methods.errors import InputError

AXES = {"loss": ["none", "s3im", "control"]}
COSTS = {"train_seconds": 10.0, "peak_memory_mb": 500.0}


def run(
    loss: str, seed: int, psnr: float, scene: str = "fox", more: Mapping[str, float] | None = None
) -> tuple[Group, int, dict]:
    return Group(scene, "m", (("loss", loss),)), seed, {"psnr": psnr, **(more or {}), **COSTS}


RUNS = group_by_seed(
    [
        run("none", 0, 20.0),
        run("none", 1, 22.0),
        run("none", 2, 24.0),
        run("s3im", 0, 20.5),
        run("s3im", 1, 23.5),
        run("s3im", 2, 25.5),
        run("control", 0, 21.0),
    ]
)


def rows_of(table: Table, axes=AXES) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(comma_separated(table, axes))))


def test_markdown():
    lines = markdown(RUNS, AXES).splitlines()
    assert "| scene | method | loss | n | psnr | train_seconds | peak_memory_mb |" in lines
    assert "| fox | m | none | 3 | 22.00 ± 2.00 | 10.0 ± 0.0 | 500 ± 0 |" in lines
    # 0.5, 1.5 and 1.5: the mean is 7/6, the deviation is the root of 1/3, the standard error a third.
    assert "| fox | m | s3im − none | 3 | **+1.17 ± 0.33** |" in lines  # noqa: RUF001
    # The control has one seed only.
    assert "| fox | m | control | 1 | 21.00 | 10.0 | 500 |" in lines
    assert "| fox | m | s3im − control | 1 | -0.50 |" in lines  # noqa: RUF001
    assert "Mean ± standard deviation over the n seeds." in lines[lines.index("") + 1]
    assert "± its standard error" in lines[-1] and "18 of 100 comparisons" in lines[-1]


def test_a_difference_within_the_noise_is_not_bold():
    table = group_by_seed([run("none", 0, 20.0), run("none", 1, 20.0), run("s3im", 0, 20.5), run("s3im", 1, 19.9)])
    text = markdown(table, AXES)
    assert "| s3im − none | 2 | +0.200 ± 0.300 |" in text and "**" not in text  # noqa: RUF001


def test_a_number_over_fewer_seeds_than_its_row_says_so():
    lpips = {"lpips": 0.5}
    rows = [
        run(loss, seed, 20.0 + seed, more=lpips if seed < 2 else {}) for loss in ("none", "s3im") for seed in range(3)
    ]
    lines = markdown(group_by_seed(rows), AXES).splitlines()
    assert "| fox | m | none | 3 | 21.00 ± 1.00 | 0.5000 ± 0.0000 (n = 2) | 10.0 ± 0.0 | 500 ± 0 |" in lines
    assert "| fox | m | s3im − none | 3 | +0.00 ± 0.00 | +0.00 ± 0.00 (n = 2) |" in lines  # noqa: RUF001
    # Two equal pairs are called clear more often than three.
    assert "With 2 seeds that also happens to 30 of 100" in lines[-1]


def test_one_seed_is_not_judged():
    text = markdown(group_by_seed([run("none", 0, 20.0), run("s3im", 0, 25.0)]), AXES)
    assert "| +5.00 |" in text and "With one seed nothing can be said" in text


def test_runs_without_a_partner_have_no_difference():
    text = markdown(group_by_seed([run("s3im", 0, 20.0)]), AXES)
    assert "| 20.00 |" in text and "difference" not in text


def test_the_other_axes_are_equal_in_a_difference():
    axes = {"views": ["3", "6"], "loss": ["none", "control"]}
    numbers = {("3", "none"): 1.0, ("3", "control"): 3.0, ("6", "none"): 10.0, ("6", "control"): 30.0}
    table = group_by_seed(
        (Group("fox", "m", (("views", views), ("loss", loss))), 0, {"psnr": psnr})
        for (views, loss), psnr in numbers.items()
    )
    found = {
        (dict(each.group.variant)["views"], dict(each.group.variant)["loss"], each.reference): each.values["psnr"].mean
        for each in differences(table, axes, ["psnr"])
    }
    assert found == {
        ("3", "control", (("views", "3"), ("loss", "none"))): 2.0,
        ("6", "none", (("views", "3"), ("loss", "none"))): 9.0,
        ("6", "control", (("views", "3"), ("loss", "control"))): 27.0,
        ("6", "control", (("views", "6"), ("loss", "none"))): 20.0,
    }


def test_scenes_are_apart_and_a_metric_may_be_missing():
    table = group_by_seed([run("none", 0, 20.0), run("none", 0, 30.0, "room", {"depth_abs_rel": 0.1})])
    text = markdown(table, AXES)
    assert "| fox | m | none | 1 | 20.00 |  | 10.0 | 500 |" in text
    assert "| room | m | none | 1 | 30.00 | 0.1000 | 10.0 | 500 |" in text
    masked = group_by_seed([run("none", 0, 20.0, more={"masked_psnr": 25.0})])
    assert "| fox | m | none | 1 | 20.00 | 25.00 | 10.0 | 500 |" in markdown(masked, AXES)


def test_markdown_has_the_main_metrics_and_csv_all():
    mesh = {"f_score@0.01": 0.5, "f_score@0.02": 0.7, "normal_consistency": 0.9, "expected_depth_rmse": 0.1}
    table = group_by_seed([run("none", 0, 20.0, more=mesh)])
    assert "| psnr | f_score@0.01 | train_seconds | peak_memory_mb |" in markdown(table, AXES)
    (row,) = rows_of(table)
    assert {name: float(row[name]) for name in mesh} == mesh


def test_csv_has_all_digits():
    rows = rows_of(RUNS)
    assert [(row["loss"], row["minus"]) for row in rows] == [
        *[("none", ""), ("s3im", ""), ("control", "")],
        *[("s3im", "none"), ("s3im", "control"), ("control", "none")],
    ]
    assert (rows[0]["psnr"], rows[0]["psnr_std"], rows[0]["psnr_n"]) == ("22.0", "2.0", "3")
    assert float(rows[3]["psnr"]) == pytest.approx(7 / 6, abs=1e-12)
    assert float(rows[3]["psnr_std"]) == pytest.approx((1 / 3) ** 0.5, abs=1e-12)
    assert (rows[4]["psnr"], rows[4]["psnr_std"], rows[4]["psnr_n"]) == ("-0.5", "", "1")
    assert rows[3]["train_seconds"] == "0.0"


def test_without_axes():
    table = group_by_seed([(Group("fox", "m", ()), 0, {"psnr": 20.0, **COSTS})])
    assert "| fox | m | 1 | 20.00 | 10.0 | 500 |" in markdown(table, {})
    (row,) = rows_of(table, {})
    assert row["minus"] == "" and row["psnr"] == "20.0"


def test_the_files_of_a_folder(tmp_path):
    folder = write_comparison(tmp_path / "out", scenes=["lego", "fox"], views=0)
    (folder / "runs" / "s3im-nerfacto-lite-fox-none-0" / "run.json").unlink()
    run_of_a_gpu = folder / "runs" / "s3im-nerfacto-lite-fox-s3im-0" / "run.json"
    run_of_a_gpu.write_text(json.dumps(json.loads(run_of_a_gpu.read_text()) | {"peak_gpu_memory_mb": 300.0}))
    text = write_table(folder)
    assert (folder / "results.md").read_text() == text
    assert [line.split(" | ")[2] for line in text.splitlines()[2:8]] == ["none", "s3im", "control"] * 2
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    # The order is the comparison's.
    assert [row["scene"] for row in rows] == ["lego"] * 3 + ["fox"] * 3 + ["lego"] * 3 + ["fox"] * 3
    assert [row["psnr_n"] for row in rows[:6]] == ["3", "3", "3", "2", "3", "3"]
    assert (rows[4]["peak_gpu_memory_mb"], rows[4]["peak_gpu_memory_mb_n"]) == ("300.0", "1")


def test_nothing_finished(tmp_path):
    (tmp_path / "compare.json").write_text("{}")
    assert write_table(tmp_path) == "No run is finished yet.\n"
    assert (tmp_path / "results.csv").read_text() == "scene,method,minus\n"


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"No readable compare\.json"):
        write_table(tmp_path)


def test_runs_with_different_truths_are_named(tmp_path):
    """As where transparent images are put before white by one method and before black by another."""
    folder = write_comparison(tmp_path, scenes=["fox", "lego"])
    sentence = "not all runs have the same truth"
    assert sentence not in write_table(folder)
    run = next((folder / "runs").glob("*lego-s3im-0")) / "run.json"
    told = json.loads(run.read_text())
    told["views"][0]["truth"] = "scenes/lego/truth_black.png"
    run.write_text(json.dumps(told))
    shutil.copy(folder / "scenes" / "lego" / "truth_000.png", folder / "scenes" / "lego" / "truth_black.png")
    text = write_table(folder)
    assert f"lego: {sentence}" in text and "fox: " not in text and text == (folder / "results.md").read_text()
    assert f"lego: {sentence}" in write_report(folder).read_text()
    # There is more than one cause, which the numbers do not tell.
    assert "such as camera-res-scale-factor" in text and "background-color=white" in text
