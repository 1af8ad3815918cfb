"""What a machine must have before the Python packages are installed: libraries of the system, a compiler, space.

``make`` runs this file by itself, with the system's Python and before anything is downloaded, so that it imports
nothing that Python does not bring. As root on Debian or Ubuntu it installs what is missing; elsewhere it says what to
install.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig

LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libX11.so.6": "libx11-6",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libgomp.so.1": "libgomp1",
    "libudev.so.1": "libudev1",
    "libusb-1.0.so.0": "libusb-1.0-0",
}
"""Libraries that OpenCV and Open3D link, and the packages that hold them on Debian and Ubuntu."""

SPACE_GB = 10
"""The packages take nearly 9 GB, most of it torch's."""


def main() -> None:
    """Check this machine, and install what is missing where that is possible.

    Raises:
        SystemExit: With a sentence that says what to do.
    """
    parser = argparse.ArgumentParser(description="Check what the Python packages need of this machine.")
    parser.add_argument("--list", action="store_true", help="print the names of the system libraries' packages")
    if parser.parse_args().list:
        print(" ".join(LIBRARIES.values()))
        return
    missing = missing_parts()
    if missing:
        install(missing)
    free = shutil.disk_usage(".").free / 1e9
    if free < SPACE_GB and not os.path.exists(".venv"):
        print(
            f"Only {free:.1f} GB are free here. The packages take nearly 9 GB, unless uv's cache has them: "
            "make room first if it has not."
        )


def missing_parts() -> dict[str, str]:
    """What is missing, and the package that holds it on Debian and Ubuntu."""
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    missing = {name: LIBRARIES[name] for name in missing_libraries()}
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        missing["Python's module venv"] = f"{python}-venv"
    if not (_one_of("c++", "g++", "clang++") and _one_of("cc", "gcc", "clang")):
        missing["a C++ compiler"] = "g++"
    if not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")):
        missing["Python's headers"] = f"{python}-dev"
    return missing


def missing_libraries() -> list[str]:
    """The names of the system libraries that cannot be loaded."""
    missing = []
    for name in LIBRARIES if sys.platform.startswith("linux") else ():
        try:
            ctypes.CDLL(name)
        except OSError:
            missing.append(name)
    return missing


def install(missing: dict[str, str]) -> None:
    """Install the packages of what is missing, or say how.

    Args:
        missing: What :func:`missing_parts` gives.

    Raises:
        SystemExit: With a sentence, where they cannot be installed from here.
    """
    what = ", ".join(missing)
    if shutil.which("apt-get") is None:
        raise SystemExit(f"This machine lacks {what}. Install them with its package manager, then run make again.")
    packages = list(dict.fromkeys(missing.values()))
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if os.geteuid() != 0:
        raise SystemExit(f"This machine lacks {what}. Run this, then make again:\n  sudo {shlex.join(command)}")
    print(f"This machine lacks {what}. Installing with apt-get: {' '.join(packages)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A bare container has no list of packages. One that cannot be fetched may be there already.
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False)
    quiet = [*command[:2], "-qq", *command[2:]]
    status = subprocess.run(quiet, env=environment, stdout=subprocess.DEVNULL, check=False).returncode
    left = missing_parts()
    if status != 0 or left:
        raise SystemExit(
            f"apt-get ended with status {status} and this machine still lacks {', '.join(left) or 'nothing'}. "
            f"Look into it with: {shlex.join(command)}"
        )


def _one_of(*programs: str) -> bool:
    return any(shutil.which(program) for program in programs)


if __name__ == "__main__":
    main()
