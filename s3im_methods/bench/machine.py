"""What was measured on what: the machine, the versions, and a process's memory."""

import os
import platform
import resource
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any


def describe_machine(device: str = "cpu") -> dict[str, Any]:
    """Cores, threads, processor, versions, load and date.

    Args:
        device: Where to compute; for CUDA the GPU is named too.
    """
    import torch

    found = {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cpu": _cpu_model(),
        "load": round(os.getloadavg()[0], 1),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        **installed_versions(),
    }
    if device.startswith("cuda"):
        found["gpu"] = torch.cuda.get_device_name(device)
    return found


def machine_line(machine: dict[str, Any]) -> str:
    """The same in one sentence.

    Example:
        >>> machine_line({"cores": 2, "threads": 1, "cpu": "Some CPU", "load": 0.1, "date": "2026-01-02 03:04 UTC",
        ...     "torch": "2.6.0", "python": "3.11.2", "nerfstudio": "1.1.5", "s3im_methods": "0.1.0"})
        'Some CPU, 2 cores, 1 thread, load 0.1 at the start; torch 2.6.0, Python 3.11.2; 2026-01-02 03:04 UTC.'
    """
    gpu = f"{machine['gpu']}; " if "gpu" in machine else ""
    return (
        f"{gpu}{machine['cpu']}, {_counted(machine['cores'], 'core')}, {_counted(machine['threads'], 'thread')}, load "
        f"{machine['load']:g} at the start; torch {machine['torch']}, Python {machine['python']}; {machine['date']}."
    )


def installed_versions() -> dict[str, str]:
    """Of this package, nerfstudio, torch and Python."""
    import torch

    return {
        "s3im_methods": _installed("s3im-methods"),
        "nerfstudio": _installed("nerfstudio"),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def peak_memory_mb() -> float:
    """The most memory that this process has had, in MB of 2^20 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes on Linux, bytes on macOS.
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _cpu_model() -> str:
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        for line in listed.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
