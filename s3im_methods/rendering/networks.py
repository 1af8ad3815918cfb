"""nerfstudio's networks as the kernels take them: plain arrays, and only where the kernels do the same."""

from typing import Any, NamedTuple

import numpy as np
import torch
from nerfstudio.field_components.encodings import HashEncoding
from nerfstudio.field_components.mlp import MLP
from torch import Tensor, nn

from s3im_methods.encodings.contraction import MaximumNormContraction
from s3im_methods.encodings.hash_grid import FusedHashEncoding
from s3im_methods.fields.level_weighted_mlp import LevelWeightedMLP
from s3im_methods.fields.unit_space import UnitSpace


class DensityNetwork(NamedTuple):
    """A density in unbounded or bounded space: a hash grid, and a network of two layers whose first output counts.

    Args:
        table: The grid's slots, ``[levels * (mask + 1), 2]``.
        scalings: Cells per side of each level, ``[levels]``.
        mask: Slots per level, less 1.
        first: Weights of the first layer, ``[inputs, hidden]``. Inputs are two features per level; where levels have
            weights, these less 1 follow.
        first_bias: ``[hidden]``.
        second: Weights of the second, ``[hidden, outputs]``.
        second_bias: ``[outputs]``.
        scale: What the exponential of the first output is multiplied by.
        center: Which point of the world comes to lie at the origin, before anything else, ``[3]``.
        per_radius: One over the length that becomes 1 there.
        contracted: Whether space is then contracted into the cube of side 4 around the origin.
        low: Corner of the box, of contracted space where it is, ``[3]``.
        per_size: One over its sides, ``[3]``.
        sight: 0 where all of a level's features count the same; else what is divided by a sample's standard deviation
            in these units, contracted where space is, to become ``1 / (sqrt(8) sigma)`` in the box.
    """

    table: Any
    scalings: Any
    mask: int
    first: Any
    first_bias: Any
    second: Any
    second_bias: Any
    scale: Any
    center: Any
    per_radius: Any
    contracted: bool
    low: Any
    per_size: Any
    sight: Any


def array(tensor: Tensor) -> np.ndarray:
    """A tensor's numbers, shared if they lie in order already."""
    return tensor.detach().contiguous().numpy()


def layers(network: Any, hidden_layers: int) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """Weights ``[inputs, outputs]`` and biases of a network in plain torch; None where it is another than expected.

    Args:
        network: nerfstudio's ``MLP``.
        hidden_layers: How many layers come before the last.
    """
    suits = (
        isinstance(network, MLP)
        and network.tcnn_encoding is None
        and isinstance(network.activation, nn.ReLU)
        and not network._skip_connections
        and len(network.layers) == hidden_layers + 1
    )
    if not suits:
        return None
    linears: Any = network.layers
    return [(array(linear.weight.t()), array(linear.bias)) for linear in linears]


def grid_and_network(field: Any) -> tuple[Any, Any]:
    """A field's hash grid, and the network on its features.

    Args:
        field: With an ``mlp_base``, as nerfacto's field and proposal networks have it.
    """
    base = field.mlp_base
    return (base.encoding, base.network) if isinstance(base, LevelWeightedMLP) else tuple(getattr(base, "model", base))


def density_network(field: Any) -> DensityNetwork | None:
    """The density of a field; None where the kernels cannot compute it.

    Args:
        field: With ``spatial_distortion``, ``aabb`` and ``average_init_density``, as nerfstudio's fields have them, and
            with a ``mlp_base`` of two layers, whose first output is the density's logarithm.
    """
    # nerfacto's linear proposal networks have none.
    if not hasattr(field, "mlp_base"):
        return None
    grid, network = grid_and_network(field)
    distortion, found = field.spatial_distortion, layers(network, 1)
    suits = (
        found is not None
        and type(grid) is FusedHashEncoding
        and grid.tcnn_encoding is None
        and grid.features_per_level == 2
        and (distortion is None or type(distortion) in (MaximumNormContraction, UnitSpace))
    )
    if not suits:
        return None
    assert found is not None and isinstance(grid, HashEncoding)
    center, radius, contracted = torch.zeros(3), torch.ones(()), distortion is not None
    if distortion is None:
        low, sides = field.aabb[0], field.aabb[1] - field.aabb[0]
    else:
        low, sides = torch.full((3,), -2.0), torch.full((3,), 4.0)
    if isinstance(distortion, UnitSpace):
        center, radius, contracted = distortion.center, distortion.radius, not distortion.bounded
        if distortion.bounded:
            low, sides = low / 2, sides / 2
    weighted = isinstance(field.mlp_base, LevelWeightedMLP)
    return DensityNetwork(
        table=array(grid.hash_table),
        scalings=array(grid.scalings.float()),
        mask=grid.hash_table_size - 1,
        first=found[0][0],
        first_bias=found[0][1],
        second=found[1][0],
        second_bias=found[1][1],
        scale=np.float32(field.average_init_density),
        center=array(center.float()),
        per_radius=np.float32(1 / radius.item()),
        contracted=contracted,
        low=array(low.float()),
        per_size=array(1 / sides.float()),
        sight=np.float32(float(sides.log().mean().exp()) / 8**0.5 if weighted else 0),
    )
