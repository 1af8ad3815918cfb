"""The picture to put into a text: what is on it, however many variants there are and whatever is missing."""

import numpy as np
import pytest
from fake_comparison import write_comparison
from PIL import Image

from s3im_methods.compare import sheet
from s3im_methods.compare.report_data import read_results
from s3im_methods.compare.sheet import draw_sheet, write_sheet
from s3im_methods.errors import InputError

COLUMN = 306  # with its margin


def sheet_of(folder) -> np.ndarray:
    drawn = draw_sheet(read_results(folder))
    assert drawn is not None
    return np.asarray(drawn).astype(int)


def columns_with_pictures(row: np.ndarray) -> int:
    """Of a line of pixels, how many columns hold something else than the background."""
    return sum(
        bool((row[6 + COLUMN * n : COLUMN * (n + 1)] < 245).any(-1).mean() > 0.5) for n in range(len(row) // COLUMN)
    )


def test_a_column_for_the_truth_and_each_variant_and_a_strip_for_each_scene(tmp_path):
    one = sheet_of(write_comparison(tmp_path / "one", scenes=["fox"]))
    two = sheet_of(write_comparison(tmp_path / "two", scenes=["fox", "lego"]))
    assert one.shape[1] == two.shape[1] == 6 + 4 * COLUMN and two.shape[0] == 2 * one.shape[0]
    assert columns_with_pictures(one[150]) == 4


def test_the_pictures_are_the_runs_own(tmp_path):
    folder = write_comparison(tmp_path, scenes=["fox"], size=(225, 300))
    drawn = sheet_of(folder)
    truth = np.asarray(Image.open(folder / "scenes" / "fox" / "truth_000.png")).astype(int)
    assert np.array_equal(drawn[54 : 54 + 50, 6 : 6 + 50], truth[:50, :50])
    run = folder / "runs" / "s3im-nerfacto-lite-fox-s3im-0" / "view_000.png"
    assert np.array_equal(drawn[54:74, 6 + 2 * COLUMN : 26 + 2 * COLUMN], np.asarray(Image.open(run))[:20, :20])


def test_many_variants_go_onto_lines_of_six(tmp_path):
    weights = [f"{n / 10}" for n in range(8)]
    whole = sheet_of(write_comparison(tmp_path, scenes=["fox"], axes={"weight": weights}, seeds=[0]))
    strip = sheet_of(write_comparison(tmp_path / "few", scenes=["fox"], axes={"weight": weights[:5]}, seeds=[0]))
    assert whole.shape[1] == strip.shape[1] == 6 + 6 * COLUMN
    assert whole.shape[0] - strip.shape[0] == strip.shape[0] - 18
    assert columns_with_pictures(whole[150]) == 6 and columns_with_pictures(whole[150 + strip.shape[0] - 18]) == 3


def test_a_picture_that_cannot_be_read_is_left_out(tmp_path):
    folder = write_comparison(tmp_path, scenes=["fox"], seeds=[0], views=1)
    (folder / "runs" / "s3im-nerfacto-lite-fox-s3im-0" / "view_000.png").write_text("broken")
    assert sheet_of(folder).shape[1] == 6 + 3 * COLUMN


def test_a_long_name_goes_onto_several_lines(tmp_path):
    axes = {"pipeline.model.background-color": ["last_sample"], "corruption": ["noise:0.2"], "views": ["12"]}
    several = write_comparison(
        tmp_path / "several", scenes=["fox"], methods=["s3im-nerfacto", "nerfacto"], axes=axes, seeds=[0]
    )
    short = write_comparison(tmp_path / "short", scenes=["fox"], axes={"views": ["12"]}, seeds=[0])
    drawn = sheet_of(several)
    lines, rest = divmod(len(drawn) - len(sheet_of(short)), 18)
    assert rest == 0 and lines >= 2
    # No letter reaches the end of its column.
    captions = drawn[18 : 18 * (3 + lines), 6 + COLUMN : 6 + 2 * COLUMN]
    assert (captions < 200).any() and (captions[:, -9:] > 240).all()


def test_a_picture_of_very_many_scenes_is_made_smaller(tmp_path, monkeypatch):
    monkeypatch.setattr(sheet, "_MOST_PIXELS", 500)
    path = write_sheet(write_comparison(tmp_path))
    assert path is not None and max(Image.open(path).size) == 500


def test_nothing_is_written_where_there_are_no_pictures(tmp_path):
    folder = write_comparison(tmp_path, views=0)
    (folder / "pictures.jpg").write_text("of an earlier comparison")
    assert write_sheet(folder) is None and not (folder / "pictures.jpg").exists()


def test_the_file_is_the_drawn_picture(tmp_path):
    folder = write_comparison(tmp_path, scenes=["fox"])
    path = write_sheet(folder)
    assert path is not None and path == folder / "pictures.jpg"
    assert np.abs(np.asarray(Image.open(path)).astype(int) - sheet_of(folder)).mean() < 5


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(InputError, match="give the folder that s3im compare wrote"):
        write_sheet(tmp_path)
