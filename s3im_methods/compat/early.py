"""What has to be in place before nerfstudio is imported: a quick start, without other libraries' warnings.

Also here is what ns-process-data needs, because that command loads no plugins.

nerfstudio loads plugins at the end of its own import, when seconds are spent and warnings are printed. ``import torch``
ends with the entry points of the group ``torch.backends``, and comes before both. :func:`prepare` is one of them: it
does nothing in programs that do not use nerfstudio. With ``TORCH_DEVICE_BACKEND_AUTOLOAD=0`` torch calls none, and the
start is slower and louder.
"""

import contextlib
import functools
import sys


def prepare() -> None:
    """Called by torch at the end of its import."""
    if "nerfstudio" in sys.modules:
        # What fails here would make torch unusable; nerfstudio's plugins call it again and tell of it.
        with contextlib.suppress(Exception):
            start()


@functools.cache
def start() -> None:
    """Leave out other libraries' warnings, and watch for the modules that take long."""
    from s3im_methods.compat.lazy_compile import compile_at_first_call
    from s3im_methods.compat.lazy_imports import defer_what_few_use
    from s3im_methods.compat.library_warnings import leave_out_library_warnings
    from s3im_methods.compat.on_import import when_imported
    from s3im_methods.compat.process_data import suit_colmap, suit_ffmpeg
    from s3im_methods.compat.stack import read_no_source
    from s3im_methods.compat.viewer_icons import find_icons_once

    leave_out_library_warnings()
    defer_what_few_use()
    when_imported("nerfstudio.utils.misc", compile_at_first_call)
    when_imported("nerfstudio.configs.external_methods", read_no_source)
    when_imported("viser._icons", find_icons_once)
    when_imported("nerfstudio.process_data.colmap_utils", suit_colmap)
    when_imported("nerfstudio.process_data.process_data_utils", suit_ffmpeg)
