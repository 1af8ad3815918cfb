"""The table of checks, in the order in which they are shown: what needs no torch first."""

from s3im_methods.doctor import software, surroundings
from s3im_methods.doctor.findings import Check

LIGHT = (
    Check("Python", software.look_at_python, needed=True),
    Check("packages", software.look_at_packages, needed=True),
    Check("system libraries", surroundings.look_at_system_libraries, needed=True),
    Check("cores", surroundings.look_at_cores),
    Check("memory", surroundings.look_at_memory),
    Check("output folder", surroundings.look_at_output_space, needed=True),
    Check("shared memory", surroundings.look_at_shared_memory),
    Check("kernel cache", surroundings.look_at_kernel_cache),
    Check("viewer", surroundings.look_at_port),
    Check("ffmpeg", surroundings.look_at_ffmpeg),
    Check("COLMAP", surroundings.look_at_colmap),
)
"""Checks that import nothing heavy."""


def torch_checks() -> tuple[Check, ...]:
    """Checks of torch and of what computes with it."""
    from s3im_methods.doctor import processors

    return (
        Check("torch", processors.look_at_torch, needed=True),
        Check("CUDA", processors.look_at_cuda),
        Check("plugins", software.look_at_plugins, needed=True),
        Check("tinycudann", software.look_at_tinycudann),
        Check("LPIPS", software.look_at_lpips),
    )


def grid_checks(device: str) -> tuple[Check, ...]:
    """Checks of the kernels on one device, and of all else that a GPU is needed for.

    Args:
        device: "cpu" or "cuda".
    """
    from s3im_methods.doctor import grids, processors

    checks = (
        Check(f"hash grids, {device}", grids.look_at_grids(device), needed=True),
        Check(f"surface grids, {device}", grids.look_at_surface_grids(device), needed=True),
    )
    if device == "cpu":
        return checks
    return (
        *checks,
        Check("mixed precision", processors.look_at_mixed_precision),
        Check("GPU memory", processors.look_at_gpu_memory),
    )
