"""Checks of the machine that import nothing heavy: programs, space, memory, threads, the viewer's port."""

import os
import shutil
import socket
from pathlib import Path

from s3im_methods.doctor.findings import Finding, Settings
from s3im_methods.machine import LIBRARIES, missing_libraries

_LITTLE_MEMORY_GB = 2
_LITTLE_DISK_GB = 5
_LITTLE_SHARED_GB = 0.25


def look_at_system_libraries(settings: Settings) -> Finding:
    """Whether what OpenCV and Open3D link can be loaded."""
    missing = missing_libraries()
    if not missing:
        return Finding("ok", "all that OpenCV and Open3D link")
    packages = " ".join(LIBRARIES[name] for name in missing)
    remedy = f"On Debian or Ubuntu: apt-get install {packages}"
    return Finding("broken", f"{', '.join(missing)} cannot be loaded", remedy)


def look_at_memory(settings: Settings) -> Finding:
    """How much memory is free, also within the limit of a container."""
    import psutil

    memory = psutil.virtual_memory()
    free, total = memory.available / 2**30, memory.total / 2**30
    container = container_memory()
    if container is not None:
        total, free = min(total, container[0]), min(free, container[0] - container[1])
    numbers = {"free_gib": round(free, 2), "total_gib": round(total, 2)}
    detail = f"{free:.1f} of {total:.1f} GiB free"
    if free < _LITTLE_MEMORY_GB:
        remedy = "Close other programs. The -lite methods take 1 to 2 GiB, plus the size of the scene's images."
        return Finding("warning", detail, remedy, numbers)
    return Finding("ok", detail, numbers=numbers)


def container_memory(group: Path = Path("/sys/fs/cgroup")) -> tuple[float, float] | None:
    """A container's limit and what it uses of it, in GiB; None without a limit.

    Args:
        group: The kernel's folder with both.
    """
    # Of the kernel's second version, else of the first, in which no limit is a huge one.
    names = ("", "memory.max", "memory.current", "inactive_file")
    if not (group / names[1]).exists():
        names = ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    folder, *files, cached = names
    limit, used = (_read(group / folder / name) for name in files)
    if not (limit.isdigit() and used.isdigit()) or int(limit) > 2**60:
        return None
    # Files that were read stay in memory only while nothing else needs it.
    listed = dict(line.split() for line in _read(group / folder / "memory.stat").splitlines() if len(line.split()) == 2)
    return int(limit) / 2**30, max(0, int(used) - int(listed.get(cached, 0))) / 2**30


def look_at_output_space(settings: Settings) -> Finding:
    """Whether runs can be written, and how much space there is."""
    place = nearest_folder(settings.output_dir.expanduser())
    if not (place.is_dir() and os.access(place, os.W_OK)):
        return Finding("broken", f"'{place}' cannot be written", "Give ns-train another --output-dir.")
    free = shutil.disk_usage(place).free / 1e9
    detail, numbers = f"{free:.1f} GB free for '{settings.output_dir}'", {"free_gb": round(free, 2)}
    if free < _LITTLE_DISK_GB:
        return Finding("warning", detail, "Make room, or give ns-train another --output-dir.", numbers)
    return Finding("ok", detail, numbers=numbers)


def look_at_shared_memory(settings: Settings) -> Finding:
    """Whether processes that load images can hand them over."""
    place = Path("/dev/shm")
    if not place.is_dir():
        return Finding("ok", "this system has no /dev/shm")
    free = shutil.disk_usage(place).free / 1e9
    detail, numbers = f"{free:.2f} GB free in /dev/shm", {"free_gb": round(free, 3)}
    if free < _LITTLE_SHARED_GB:
        remedy = "Processes that load images may end with a bus error: start the container with --shm-size=1g."
        return Finding("warning", detail, remedy, numbers)
    return Finding("ok", detail, numbers=numbers)


def look_at_port(settings: Settings) -> Finding:
    """Whether the viewer can listen."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("0.0.0.0", settings.port))
        except OverflowError as error:
            return Finding("warning", f"port {settings.port}: {error}", "Give a port from 1 to 65535.")
        except OSError as error:
            detail = f"port {settings.port}: {error.strerror}. The viewer takes the next one, and a line names it"
            return Finding("warning", detail)
    return Finding("ok", f"port {settings.port} is free")


def look_at_ffmpeg(settings: Settings) -> Finding:
    """Which ffmpeg ns-render will find."""
    from s3im_methods.compat.ffmpeg import put_ffmpeg_on_path

    had = shutil.which("ffmpeg")
    put_ffmpeg_on_path()
    found = shutil.which("ffmpeg")
    if found is None:
        return Finding("missing", "not found: ns-render writes no videos", "pip install imageio-ffmpeg")
    brought = had is None or "imageio_ffmpeg" in str(Path(found).resolve())
    return Finding("ok", f"{found}{', which a Python package brought' if brought else ''}")


def look_at_colmap(settings: Settings) -> Finding:
    """Whether photos can be given poses."""
    found = shutil.which("colmap")
    if found is None:
        remedy = "Only your own photos need it: apt-get install colmap, or conda install -c conda-forge colmap"
        return Finding("missing", "not found: ns-process-data cannot find where photos were taken from", remedy)
    return Finding("ok", found)


def look_at_cores(settings: Settings) -> Finding:
    """How many cores there are, and whether the variables for threads suit them."""
    cores = usable_cores()
    set_to = {name: os.environ[name] for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS") if name in os.environ}
    detail = f"{cores:g} usable" + "".join(f", {name}={value}" for name, value in set_to.items())
    numbers = {"cores": float(cores)}
    too_many = [name for name, value in set_to.items() if value.isdigit() and int(value) > max(cores, 1)]
    if too_many:
        return Finding("warning", detail, f"Unset {' and '.join(too_many)}: threads without a core wait.", numbers)
    listed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores < listed and "OMP_NUM_THREADS" not in set_to:
        remedy = f"torch counts {listed}, more than this container may use: set OMP_NUM_THREADS={max(int(cores), 1)}"
        return Finding("warning", detail, remedy, numbers)
    return Finding("ok", detail, numbers=numbers)


def usable_cores(group: Path = Path("/sys/fs/cgroup")) -> float:
    """Cores that this process may use: those that it may run on, within a container's limit.

    Args:
        group: The kernel's folder with quota and period.
    """
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    quota, _, period = _read(group / "cpu.max").partition(" ")
    if not (group / "cpu.max").exists():
        quota, period = (_read(group / "cpu" / f"cpu.cfs_{what}_us") for what in ("quota", "period"))
    return min(cores, int(quota) / int(period)) if quota.isdigit() and period.isdigit() else cores


def look_at_kernel_cache(settings: Settings) -> Finding:
    """Whether compiled kernels can be kept; Numba tries the same places in the same order."""
    import s3im_methods

    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    beside = Path(s3im_methods.__file__).parent / "encodings" / "__pycache__"
    told = os.environ.get("NUMBA_CACHE_DIR")
    for place in [Path(told)] if told else [beside, home / "numba"]:
        folder = nearest_folder(place)
        if folder.is_dir() and os.access(folder, os.W_OK):
            return Finding("ok", f"compiled kernels are kept in {place}")
    remedy = "Set NUMBA_CACHE_DIR to a folder that can be written."
    return Finding("warning", "compiled kernels cannot be kept: each start takes seconds longer", remedy)


def nearest_folder(place: Path) -> Path:
    """The place, or the nearest of its parents that exists.

    Example:
        >>> nearest_folder(Path("/no/such/place"))
        PosixPath('/')
    """
    return next(found for found in (place.absolute(), *place.absolute().parents) if found.exists())


def _read(place: Path) -> str:
    try:
        return place.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
