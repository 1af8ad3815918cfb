"""An initial surface that is a sphere, also where the geometry network is narrow.

The random weights of the geometric initialisation (Atzmon and Lipman, "SAL", CVPR 2020) give a sphere for infinitely
wide layers only; the networks of hash grids are narrow.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from nerfstudio.fields.sdf_field import SDFField
from torch import Tensor
from torch.nn import functional

_POINTS = 4096
_REACH = 1.5
_REACH_IN_RADII = 2.0
_RIDGE = 1e-6


@torch.no_grad()
def start_as_sphere(field: SDFField, radius: float, fit: bool) -> None:
    """Make the initial surface a sphere.

    Args:
        field: A field that has not been trained, with nerfstudio's geometric initialisation for whatever radius;
            ``inside_outside`` is its config's.
        radius: In radii of the unit sphere.
        fit: Whether to solve for the last layer's weights; else only its constants are those of the radius.
    """
    last = getattr(field, f"glin{field.num_layers - 2}")
    torch.nn.init.constant_(last.bias, radius if field.config.inside_outside else -radius)
    if fit:
        _fit_last_layer(field, last, radius)


@contextmanager
def _without_grid(field: SDFField) -> Iterator[None]:
    """The grid's features have no weight yet, and tinycudann would give them on a GPU, apart from everything else."""
    used = field.use_grid_feature
    field.use_grid_feature = False
    try:
        yield
    finally:
        field.use_grid_feature = used


def _fit_last_layer(field: SDFField, last: Any, radius: float) -> None:
    config = field.config
    random = torch.Generator().manual_seed(0)
    directions = functional.normalize(torch.randn(_POINTS, 3, generator=random), dim=-1)
    reach = max(_REACH, _REACH_IN_RADII * radius)
    radii = reach * torch.rand(_POINTS, 1, generator=random)
    hidden: list[Tensor] = []
    hook = last.register_forward_pre_hook(lambda module, inputs: hidden.append(inputs[0].double()))
    with _without_grid(field):
        SDFField.forward_geonetwork(field, directions * radii)
    hook.remove()
    distance = radii[:, 0].double() - radius
    target = -distance if config.inside_outside else distance
    # Around the random solution, so that no weight grows large.
    start = last.weight[0].double()
    ones = torch.ones(_POINTS, 1, dtype=torch.float64)
    design = torch.cat([hidden[0], ones], dim=1)
    ridge = _RIDGE * _POINTS * torch.eye(design.shape[1], dtype=torch.float64)
    rest = design.T @ (target - hidden[0] @ start)
    change = torch.linalg.solve(design.T @ design + ridge, rest).to(last.weight)
    weight = last.weight[0] + change[:-1]
    if config.weight_norm:
        last.weight_v[0] = weight
        last.weight_g[0] = weight.norm()
    else:
        last.weight[0] = weight
    last.bias[0] = change[-1]
