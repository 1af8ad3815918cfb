"""Checks of the hash grids: the code that a training would use against nerfstudio's, on a few hundred points."""

import math
from collections.abc import Callable

import torch
from nerfstudio.field_components.encodings import HashEncoding
from torch import Tensor, nn

from s3im_methods.doctor.findings import Finding, Settings
from s3im_methods.encodings import FusedHashEncoding, SDFHashEncoding, chosen_implementation, fuse_hash_encodings
from s3im_methods.kernels.available import fused_available

TOLERANCE = 1e-4
"""Of errors relative to the largest value: above float32's rounding, far below a wrong weight or slot."""

_LEVELS, _COARSEST, _FINEST, _LOG2_SIZE, _POINTS = 6, 8, 64, 10, 400


def look_at_grids(device: str) -> Callable[[Settings], Finding]:
    """The check of the radiance methods' grids on a device.

    Args:
        device: As torch names it.
    """

    def look(settings: Settings) -> Finding:
        what, errors = f"{_who_computes(device)} on {device}", grid_errors(device)
        if device.startswith("cuda") and chosen_implementation("auto") == "tcnn":
            _run_tinycudann()
            what = f"tinycudann on {device}, which runs and was not compared; without it {what}"
        return _verdict(what, errors)

    return look


def look_at_surface_grids(device: str) -> Callable[[Settings], Finding]:
    """The check of the surface methods' grids on a device, whose normals are trained.

    Args:
        device: As torch names it.
    """

    def look(settings: Settings) -> Finding:
        return _verdict(f"on {device}", surface_grid_errors(device))

    return look


def grid_errors(device: str) -> dict[str, float]:
    """How far the fused grids are from nerfstudio's, relative to the largest value, where ``device`` computes.

    Args:
        device: As torch names it.

    Returns:
        Of features ("forward") and of gradients by table and points ("first derivatives").
    """
    stock, ours = _stock(device), _stock(device)
    ours.load_state_dict(stock.state_dict())
    fuse_hash_encodings(nn.Sequential(ours), point_gradients=True)
    if not isinstance(ours, FusedHashEncoding):
        raise RuntimeError("nerfstudio's hash grid was not replaced")
    found, expected = _derivatives(ours, device), _derivatives(stock, device)
    return _errors(found, expected, ["forward", "first derivatives", "first derivatives"])


def surface_grid_errors(device: str) -> dict[str, float]:
    """The same of the surface methods' grids, and of the table's gradient by a loss on normals.

    Args:
        device: As torch names it.
    """
    stock = _stock(device)
    worst: dict[str, float] = {}
    for interpolation in ("linear", "smoothstep"):
        settings = (_LEVELS, _COARSEST, _FINEST, _LOG2_SIZE, 2, 1.0, interpolation)
        ours = SDFHashEncoding(*settings, implementation="fused").to(device)
        # nerfstudio's own code interpolates linearly, so that smoothstep is compared with torch's.
        reference = stock
        if interpolation == "smoothstep":
            reference = SDFHashEncoding(*settings, implementation="torch").to(device)
        for encoding in (ours, reference):
            encoding.load_state_dict(stock.state_dict())
        found, expected = (_derivatives(encoding, device, of_normals=True) for encoding in (ours, reference))
        names = ["forward", "first derivatives", "first derivatives", "second derivatives"]
        for name, error in _errors(found, expected, names).items():
            worst[name] = _larger(worst.get(name, 0.0), error)
    return worst


def _stock(device: str) -> HashEncoding:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        grid = HashEncoding(_LEVELS, _COARSEST, _FINEST, _LOG2_SIZE, hash_init_scale=1.0, implementation="torch")
    return grid.to(device)


def _derivatives(encoding: HashEncoding, device: str, of_normals: bool = False) -> list[Tensor]:
    """Features, gradients by table and by points, and the table's gradient by a loss on the gradients' length."""
    draw = torch.Generator().manual_seed(1)
    points = torch.rand(_POINTS, 3, generator=draw).to(device).requires_grad_()
    features = encoding(points)
    weights = torch.linspace(-1, 1, features.numel(), device=device).view_as(features)
    value, table = (features * weights).sum(), encoding.hash_table
    by_table, by_points = torch.autograd.grad(value, (table, points), create_graph=of_normals)
    results = [features, by_table, by_points]
    if of_normals:
        results += torch.autograd.grad((by_points.norm(dim=-1) - 1).square().mean(), table)
    return [result.detach() for result in results]


def _errors(found: list[Tensor], expected: list[Tensor], names: list[str]) -> dict[str, float]:
    worst: dict[str, float] = {}
    for name, ours, theirs in zip(names, found, expected, strict=True):
        worst[name] = _larger(worst.get(name, 0.0), float((ours - theirs).abs().max() / theirs.abs().max()))
    return worst


def _larger(one: float, other: float) -> float:
    # NaN, which compares as false, is the largest of all.
    return one if math.isnan(one) or one >= other else other


def _verdict(what: str, errors: dict[str, float]) -> Finding:
    listed = ", ".join(f"{name} {error:.0e}" for name, error in errors.items())
    numbers = {name.replace(" ", "_"): error for name, error in errors.items()}
    if not all(error <= TOLERANCE for error in errors.values()):
        remedy = (
            "Train with --pipeline.model.implementation torch (surface methods: "
            "--pipeline.model.sdf-field.implementation torch), and report this machine and its versions."
        )
        return Finding("broken", f"{what}; not what nerfstudio computes, relative errors: {listed}", remedy, numbers)
    return Finding("ok", f"{what}; largest relative errors against nerfstudio: {listed}", numbers=numbers)


def _who_computes(device: str) -> str:
    if not device.startswith("cuda"):
        return "fused (Numba)" if fused_available() else "nerfstudio's code (Numba cannot be imported)"
    from s3im_methods.encodings.gpu_kernels import gpu_kernels

    if gpu_kernels(_stock(device).hash_table.device) is None:
        return "nerfstudio's code (Triton's kernels do not work)"
    return "Triton"


def _run_tinycudann() -> None:
    grid = HashEncoding(_LEVELS, _COARSEST, _FINEST, _LOG2_SIZE, implementation="tcnn").to("cuda")
    features = grid(torch.rand(_POINTS, 3, device="cuda"))
    features.float().square().sum().backward()
    gradients = [parameter.grad for parameter in grid.parameters() if parameter.grad is not None]
    if not (gradients and all(bool(torch.isfinite(part).all()) for part in [features, *gradients])):
        raise RuntimeError("tinycudann's features or gradients are not finite")
