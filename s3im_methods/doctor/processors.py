"""Checks of torch and of the GPU."""

import os
from pathlib import Path

from s3im_methods.doctor.findings import Finding, Settings

_LITTLE_GPU_MEMORY_GIB = 6
_HALF_TOLERANCE = 1e-2


def look_at_torch(settings: Settings) -> Finding:
    """torch's version, its threads, and whether it computes."""
    import torch

    product = torch.ones(8, 8) @ torch.ones(8, 8)
    if not bool((product == 8).all()):
        return Finding("broken", f"{torch.__version__} multiplies matrices wrongly", "Install torch again.")
    threads = torch.get_num_threads()
    built = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "for CPUs"
    return Finding(
        "ok",
        f"{torch.__version__}, built {built}, {threads} thread{'' if threads == 1 else 's'}",
        numbers={"threads": float(threads)},
    )


def look_at_cuda(settings: Settings) -> Finding:
    """Whether torch finds the GPU that the machine has."""
    import torch

    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        more = torch.cuda.device_count() - 1
        others = f" and {more} more" if more else ""
        return Finding("ok", f"{properties.name} (compute capability {properties.major}.{properties.minor}){others}")
    if any(Path("/dev").glob("nvidia[0-9]*")):
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        if hidden is not None:
            detail = f"a GPU is here and CUDA_VISIBLE_DEVICES is '{hidden}'"
            return Finding("warning", detail, "Unset the variable to train on the GPU.")
        built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPUs only"
        remedy = "Install the torch that fits the driver, whose CUDA version nvidia-smi shows."
        return Finding("warning", f"a GPU is here, and torch (built for {built}) does not find it", remedy)
    return Finding("ok", "no GPU here: training runs on the CPU, for which the -lite methods are made")


def look_at_gpu_memory(settings: Settings) -> Finding:
    """How much of the GPU's memory is free."""
    import torch

    free, total = (size / 2**30 for size in torch.cuda.mem_get_info())
    detail, numbers = f"{free:.1f} of {total:.1f} GiB free", {"free_gib": round(free, 2), "total_gib": round(total, 2)}
    if free < _LITTLE_GPU_MEMORY_GIB:
        remedy = "Other programs may use it (nvidia-smi lists them). The -lite methods take the least."
        return Finding("warning", detail, remedy, numbers)
    return Finding("ok", detail, numbers=numbers)


def look_at_mixed_precision(settings: Settings) -> Finding:
    """One step of a small grid and network with float16, against the same in float32."""
    return mixed_precision_step("cuda")


def mixed_precision_step(device: str) -> Finding:
    """The check of :func:`look_at_mixed_precision` on any device.

    Args:
        device: As torch names it.
    """
    import torch
    from nerfstudio.field_components.encodings import HashEncoding
    from torch import nn

    from s3im_methods.encodings import fuse_hash_encodings

    kind = torch.device(device).type
    half = torch.float16 if kind == "cuda" else torch.bfloat16
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        grid = HashEncoding(4, 8, 64, 10, hash_init_scale=1.0, implementation="torch")
        network = nn.Sequential(grid, nn.Linear(grid.get_out_dim(), 16), nn.ReLU(), nn.Linear(16, 1)).to(device)
        points = torch.rand(256, 3).to(device)
    fuse_hash_encodings(network, point_gradients=False)
    scaler = torch.amp.GradScaler(kind, enabled=kind == "cuda")
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    exact = network(points).detach()
    with torch.autocast(kind, dtype=half):
        rounded = network(points)
        loss = rounded.float().square().mean()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    error = float((rounded.detach().float() - exact).abs().max() / exact.abs().max())
    finite = all(bool(torch.isfinite(parameter).all()) for parameter in network.parameters())
    tolerance = _HALF_TOLERANCE if half == torch.float16 else 8 * _HALF_TOLERANCE
    detail = f"a step with {str(half).removeprefix('torch.')}, largest relative error {error:.0e}"
    if not (error <= tolerance and finite):
        return Finding("warning", f"{detail}: too large", "Train with --mixed-precision False", {"error": error})
    return Finding("ok", detail, numbers={"error": error})
