"""``s3im overview`` refuses what it cannot draw before it loads the run."""

import pytest

from s3im_methods.cli.overview import OverviewCommand
from s3im_methods.errors import InputError


@pytest.mark.parametrize("count", [0, -1])
def test_no_views_are_refused(tmp_path, count):
    with pytest.raises(InputError, match=f"^--max-views is {count}: give 1 or more"):
        OverviewCommand(load_config=tmp_path / "gone", max_views=count).run()


def test_the_picture_goes_beside_the_config_unless_told_otherwise(tmp_path):
    """What cannot be written there is refused before the run is loaded."""
    (tmp_path / "config.yml").touch()
    (tmp_path / "overview.png").mkdir()
    with pytest.raises(InputError, match=f"^--output-path is '{tmp_path / 'overview.png'}', which is a folder"):
        OverviewCommand(load_config=tmp_path / "config.yml").run()
