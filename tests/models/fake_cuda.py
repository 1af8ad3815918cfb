"""A model on a GPU that is not there: fake tensors have shape, type and device, and no values."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from s3im_methods.encodings import hash_grid
from s3im_methods.losses import grouped

DEVICE = "cuda:0"


def on_fake_gpu(model: nn.Module, mode: FakeTensorMode) -> None:
    """Put parameters and buffers there, as ``model.to`` would; plain tensors stay where they are, as they would."""
    with mode:
        for module in model.modules():
            for name, value in module._parameters.items():
                if value is not None:
                    made = torch.empty(value.shape, dtype=value.dtype, device=DEVICE)
                    module._parameters[name] = nn.Parameter(made, requires_grad=value.requires_grad)
            for name, value in module._buffers.items():
                if value is not None:
                    module._buffers[name] = torch.empty(value.shape, dtype=value.dtype, device=DEVICE)


def fake_rays(count: int) -> RayBundle:
    """Rays on the fake GPU; call it inside the mode."""
    floats = [torch.empty(count, columns, device=DEVICE) for columns in (3, 3, 1, 1)]
    return RayBundle(
        origins=floats[0],
        directions=floats[1],
        pixel_area=floats[2],
        camera_indices=torch.zeros(count, 1, dtype=torch.long, device=DEVICE),
        metadata={"directions_norm": floats[3]},
    )


@contextmanager
def half_precision(enabled: bool) -> Iterator[None]:
    """Autocast, which ``torch.autocast`` turns off where there is no GPU."""
    before = torch.is_autocast_enabled("cuda")
    torch.set_autocast_enabled("cuda", enabled)
    try:
        yield
    finally:
        torch.set_autocast_enabled("cuda", before)
        torch.clear_autocast_cache()


@contextmanager
def fake_world() -> Iterator[FakeTensorMode]:
    """What fake tensors need: stand-ins for what they do not get through, none of which moves a tensor."""
    own = torch.autograd.grad, torch.Tensor.nonzero, torch.backends.cudnn.enabled, hash_grid.gpu_kernels
    of_groups = grouped.gpu_kernels_for
    torch.autograd.grad, torch.Tensor.nonzero = _gradients, _some_places  # type: ignore[assignment]
    # There is no fake of cuDNN's grid_sample, and none of a kernel by Triton.
    torch.backends.cudnn.enabled, hash_grid.gpu_kernels = False, lambda device: None
    grouped.gpu_kernels_for = lambda x: None
    try:
        yield FakeTensorMode(allow_non_fake_inputs=True)
    finally:
        torch.autograd.grad, torch.Tensor.nonzero = own[:2]  # type: ignore[assignment]
        torch.backends.cudnn.enabled, hash_grid.gpu_kernels = own[2:]
        grouped.gpu_kernels_for = of_groups


def _some_places(values: torch.Tensor, as_tuple: bool = False) -> Any:
    """How many places are not 0 depends on values, which nobody has: half of them."""
    places = values.new_zeros(max(1, values.numel() // 2), values.dim(), dtype=torch.long)
    return places.unbind(1) if as_tuple else places


def _gradients(outputs: Any, inputs: Any, *_: Any, **__: Any) -> tuple[torch.Tensor, ...]:
    return tuple(torch.zeros_like(value) for value in (inputs if isinstance(inputs, tuple | list) else (inputs,)))
