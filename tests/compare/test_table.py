"""Means, standard deviations and paired differences, against numbers computed by hand."""

import csv
import io

import pytest

from s3im_methods.compare.table import comma_separated, markdown, paired, spread, summarise

AXES = {"loss": ["none", "s3im", "control"]}


def run(loss: str, seed: int, psnr: float, scene: str = "fox", **metrics: float) -> dict:
    return {
        "scene": scene,
        "method": "m",
        "variant": {"loss": loss},
        "seed": seed,
        "metrics": {"psnr": psnr, **metrics},
        "train_seconds": 10.0,
        "peak_memory_mb": 500.0,
    }


RUNS = [
    run("control", 0, 21.0),
    run("none", 0, 20.0),
    run("none", 1, 22.0),
    run("none", 2, 24.0),
    run("s3im", 0, 20.5),
    run("s3im", 1, 23.5),
    run("s3im", 2, 25.5),
]


def test_means_and_differences_by_hand():
    none, s3im, control = summarise(RUNS, AXES)
    assert [dict(row.variant)["loss"] for row in (none, s3im, control)] == ["none", "s3im", "control"]
    assert (none.seeds, s3im.seeds, control.seeds) == (3, 3, 1)
    assert none.values["psnr"] == spread([20.0, 22.0, 24.0])
    assert (none.values["psnr"].mean, none.values["psnr"].std) == (22.0, 2.0)
    # 0.5, 1.5 and 1.5: the mean is 7/6, the deviations are -2/3, 1/3 and 1/3, the variance (4 + 1 + 1) / 9 / 2.
    assert s3im.to_base["psnr"].mean == pytest.approx(7 / 6)
    assert s3im.to_base["psnr"].std == pytest.approx((1 / 3) ** 0.5)
    # The control has one seed only.
    assert (s3im.to_control["psnr"].mean, s3im.to_control["psnr"].std, s3im.to_control["psnr"].count) == (-0.5, None, 1)
    assert none.to_control["psnr"].mean == -1.0
    assert none.to_base == {} and control.to_control == {}
    assert control.values["psnr"].std is None


def test_runs_without_a_partner_have_no_difference():
    assert paired({0: 1.0}, {1: 1.0}) is None
    (row,) = summarise([run("s3im", 0, 20.0)], AXES)
    assert row.to_base == {} and row.to_control == {}


def test_the_other_axes_are_equal_in_a_difference():
    axes = {"views": ["3", "6"], "loss": ["none", "control"]}
    runs = [
        {**run(loss, 0, psnr), "variant": {"views": views, "loss": loss}}
        for views, loss, psnr in (
            ("3", "none", 1.0),
            ("3", "control", 3.0),
            ("6", "none", 10.0),
            ("6", "control", 30.0),
        )
    ]
    rows = {row.variant: row for row in summarise(runs, axes)}
    row = rows[(("views", "6"), ("loss", "none"))]
    assert row.to_base["psnr"].mean == 9.0
    assert row.to_control["psnr"].mean == -20.0


def test_scenes_are_apart_and_a_metric_may_be_missing():
    rows = summarise([run("none", 0, 20.0), run("none", 0, 30.0, scene="room", depth_abs_rel=0.1)], AXES)
    assert [(row.scene, row.values["psnr"].mean) for row in rows] == [("fox", 20.0), ("room", 30.0)]
    assert "depth_abs_rel" not in rows[0].values
    text = markdown(rows, AXES)
    assert "| fox | m | none | 1 | 20.00 |  | 10.0 | 500 |" in text
    assert "| room | m | none | 1 | 30.00 | 0.1000 | 10.0 | 500 |" in text


def test_markdown():
    lines = markdown(summarise(RUNS, AXES), AXES).splitlines()
    assert "| scene | method | loss | seeds | psnr | train_seconds | peak_memory_mb |" in lines
    assert "| fox | m | none | 3 | 22.00 ± 2.00 | 10.0 ± 0.0 | 500 ± 0 |" in lines
    assert "| fox | m | s3im | 3 | +1.17 ± 0.58 | +0.0 ± 0.0 | +0 ± 0 |" in lines
    assert "| fox | m | s3im | 1 | -0.50 | +0.0 | +0 |" in lines
    titles = [line for line in lines if line.startswith("Differences")]
    assert [title.split(",")[0] for title in titles] == ["Differences to loss=none", "Differences to loss=control"]


def test_csv_has_all_digits():
    rows = list(csv.DictReader(io.StringIO(comma_separated(summarise(RUNS, AXES), AXES))))
    assert [row["loss"] for row in rows] == ["none", "s3im", "control"]
    assert float(rows[1]["psnr_minus_base"]) == pytest.approx(7 / 6, abs=1e-12)
    assert rows[0]["psnr_minus_base"] == "" and rows[2]["psnr_std"] == ""
    assert float(rows[1]["psnr_minus_control"]) == -0.5


def test_without_axes():
    (row,) = summarise([{**run("none", 0, 20.0), "variant": {}}], {})
    assert row.variant == () and row.to_base == {}
    assert "| fox | m | 1 | 20.00 | 10.0 | 500 |" in markdown([row], {})
