"""What may be meant by a name that is not there."""

import pytest

from s3im_methods.data.checks.files import Listed
from s3im_methods.errors import InputError


@pytest.mark.parametrize(("beside", "meant"), [("3.JPG", "; did you mean '3.JPG', which is there"), ("3.json", "")])
def test_pictures_of_the_same_name_are_meant_and_notes_are_not(tmp_path, beside, meant):
    (tmp_path / beside).touch()
    source = tmp_path / "transforms.json"
    with pytest.raises(InputError) as error:
        Listed("image", [tmp_path / "3.png"], source, "put it back").check_pictures()
    assert str(error.value) == (
        f"1 of 1 image is missing, namely '{tmp_path}/3.png' (listed in '{source}'{meant}): put it back."
    )
