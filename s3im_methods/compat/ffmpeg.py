"""Give ns-render an ffmpeg on a machine where only Python is installed.

ns-render and mediapy look for a program named ``ffmpeg`` on the PATH. The wheel imageio-ffmpeg carries one with another
name. Where the system has none, a link with the right name goes into the user's cache folder, which joins the PATH.
Each program has a link of its own, so that processes of two environments never take each other's away.
"""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path


def put_ffmpeg_on_path(cache: Path | None = None) -> None:
    """Make ``ffmpeg`` findable, unless the system has one already.

    Args:
        cache: Folder for the link; by default ``s3im_methods`` below the user's cache folder.
    """
    if shutil.which("ffmpeg") is not None:
        return
    try:
        import imageio_ffmpeg

        program = Path(imageio_ffmpeg.get_ffmpeg_exe())
        cache = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "s3im_methods"
        folder = cache / f"ffmpeg-{hashlib.sha256(os.fsencode(program)).hexdigest()[:12]}"
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # Another process may make the same link at the same time.
            (folder / ("ffmpeg" + program.suffix if os.name == "nt" else "ffmpeg")).symlink_to(program)
    except (ImportError, OSError, RuntimeError):
        # Importing a plugin must never fail: without ffmpeg, ns-render itself says what is missing.
        return
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
