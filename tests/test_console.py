"""Lines of commands name files as they are."""

import pytest
from nerfstudio.utils.rich_utils import CONSOLE

from s3im_methods.console import say, warn

NAMES = ["runs [v2]", "[bold]", "a[/b]", "x :100: y", "100 %s {0}", r"back\[slash]", "ü'\"", "~", "[yellow]"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tell", [say, warn])
def test_a_name_is_printed_as_it_is(tell, name):
    with CONSOLE.capture() as said:
        tell(f"'{name}' is there.")
    assert said.get() == f"'{name}' is there.\n"


def test_a_command_is_on_one_line():
    command = "ns-train x --load-config " + "a very long folder/" * 20
    with CONSOLE.capture() as said:
        say(command, whole=True)
    assert said.get() == f"{command}\n"
