"""A few training views, evenly spread, with everything that belongs to them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3im_methods.data.few_views import keep_views, spread_evenly
from s3im_methods.errors import InputError


@given(total=st.integers(1, 500), data=st.data())
def test_views_are_spread_evenly(total, data):
    count = data.draw(st.integers(1, total))
    chosen = spread_evenly(count, total)
    assert len(set(chosen)) == count
    assert chosen == sorted(chosen)
    assert chosen[0] >= 0 and chosen[-1] < total
    gaps = [after - before for before, after in pairwise(chosen)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_files_and_cameras_stay_together(scene):
    outputs = scene.config().setup().get_dataparser_outputs("train")
    kept = keep_views(outputs, 2)
    assert [path.name for path in kept.image_filenames] == ["1.png", "3.png"]
    assert kept.mask_filenames is not None
    assert [path.name for path in kept.mask_filenames] == ["1.png", "3.png"]
    assert [path.name for path in kept.metadata["depth_filenames"]] == ["1.png", "3.png"]
    assert kept.cameras.camera_to_worlds.tolist() == outputs.cameras.camera_to_worlds[[1, 3]].tolist()
    assert kept.dataparser_scale == outputs.dataparser_scale
    assert len(outputs.image_filenames) == 4


def test_more_views_than_there_are_is_all_of_them(scene):
    outputs = scene.config().setup().get_dataparser_outputs("train")
    assert keep_views(outputs, 4) is outputs
    assert keep_views(outputs, 99) is outputs


def test_no_view_at_all_is_refused(scene):
    with pytest.raises(InputError, match=r"--pipeline.datamanager.train-views is 0: give 1 or more"):
        keep_views(scene.config().setup().get_dataparser_outputs("train"), 0)
