"""What every run needs, for the process that runs are copied from: importing this loads it.

What cannot be loaded is no matter here: the run, which loads it again, says why.
"""

from contextlib import redirect_stdout, suppress
from importlib import import_module
from io import StringIO

# The libraries look whether they print to a terminal, which runs do not.
with suppress(Exception), redirect_stdout(StringIO()):
    for _name in (
        "nerfstudio.configs.method_configs",
        "s3im_methods.compare.judge",
        "s3im_methods.compare.surfaces",
        "s3im_methods.compare.training",
    ):
        import_module(_name)
