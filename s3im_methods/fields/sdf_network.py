"""A signed distance field's network by compiled kernels, on CPUs.

A tile of points stays in a core's cache from coordinates to distances. Distances alone are for first looks, samplers,
meshes and sphere tracing. Distances, features and gradients at once are for training: losses may depend on gradients,
whose own derivatives by weights and table are written out. Results differ from torch's by rounding.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from s3im_methods.fields.fused_training import summed
from s3im_methods.fields.unit_space import GRID_SIDE
from s3im_methods.kernels.available import fused_available
from s3im_methods.kernels.threads import in_ranges
from s3im_methods.rendering.networks import array

_NUMBERS_OF_LAYERS = 2, 3
"""nerfstudio's networks of more have an input in their middle, too."""


class SDFNetwork(NamedTuple):
    """A signed distance as the kernels take it: a hash grid, and a network on coordinates and the grid's features.

    Args:
        table: The grid's slots, ``[levels * (mask + 1), 2]``.
        scalings: Cells per side of each unlocked level, ``[levels]``.
        mask: Slots per level, less 1.
        smooth: Whether smoothstep lies between nodes.
        weights: Of all layers but the last, ``[inputs, outputs]`` each.
        transposed: The same, ``[outputs, inputs]``.
        biases: Theirs, ``[outputs]`` each.
        last: Weights of the last layer, ``[inputs, outputs]``, whose first output is the distance.
        last_transposed: The same, ``[outputs, inputs]``.
        last_bias: ``[outputs]``.
        distance: What the last layer has for the distance, ``[inputs, 1]``.
        beta: Of the softplus between layers.
        center: Centre of the unit sphere, scene units, ``[3]``.
        per_radius: One over its radius.
        contracted: Whether unit space is contracted.
        low: Corner of the grid's cube, in that space, ``[3]``.
        per_size: One over its sides, ``[3]``.
    """

    table: Any
    scalings: Any
    mask: int
    smooth: bool
    weights: Any
    transposed: Any
    biases: Any
    last: Any
    last_transposed: Any
    last_bias: Any
    distance: Any
    beta: Any
    center: Any
    per_radius: Any
    contracted: bool
    low: Any
    per_size: Any


def kernels_suit(field: Any, points: Tensor) -> bool:
    """Whether the kernels can compute a field at points: a lite one, on a CPU, in float32.

    Args:
        field: A :class:`~s3im_methods.fields.sdf_field.S3IMSDFField`.
        points: ``[N, 3]``.
    """
    grid: Any = field.encoding
    return (
        field.implementation == "fused"
        and grid.tcnn_encoding is None
        and points.device.type == grid.hash_table.device.type == "cpu"
        and points.dtype == grid.hash_table.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and grid.features_per_level == 2
        and field.use_grid_feature
        and field.position_encoding.get_out_dim() == 0
        and field.num_layers - 1 in _NUMBERS_OF_LAYERS
        and len(points) > 0
        and fused_available()
    )


def parameters_of(field: Any) -> list[Tensor]:
    """Weights ``[outputs, inputs]`` and bias of each layer as they are now, of unlocked levels alone."""
    found = []
    for number in range(field.num_layers - 1):
        linear: Any = getattr(field, f"glin{number}")
        # A normalised layer computes its weights when it is called.
        for hook in linear._forward_pre_hooks.values():
            hook(linear, ())
        found += [linear.weight, linear.bias]
    # What is locked gives 0.
    found[0] = found[0][:, : 3 + 2 * _levels(field)]
    return found


def _levels(field: Any) -> int:
    grid = field.encoding
    return min(grid.active_levels or grid.num_levels, grid.num_levels)


def sdf_network(field: Any, parameters: list[Tensor]) -> SDFNetwork:
    """A field that suits, as the kernels take it.

    Args:
        field: A :class:`~s3im_methods.fields.sdf_field.S3IMSDFField`.
        parameters: See :func:`parameters_of`.
    """
    grid, space = field.encoding, field.space
    weights, biases = [array(weight.t()) for weight in parameters[::2]], [array(bias) for bias in parameters[1::2]]
    transposed = [array(weight) for weight in parameters[::2]]
    low = -GRID_SIDE / (4 if space.bounded else 2)
    return SDFNetwork(
        table=array(grid.hash_table),
        scalings=array(grid.scalings[: _levels(field)].float()),
        mask=grid.hash_table_size - 1,
        smooth=grid.smooth,
        weights=tuple(weights[:-1]),
        transposed=tuple(transposed[:-1]),
        biases=tuple(biases[:-1]),
        last=weights[-1],
        last_transposed=transposed[-1],
        last_bias=biases[-1],
        distance=np.ascontiguousarray(weights[-1][:, :1]),
        beta=np.float32(field.softplus.beta),
        center=array(space.center.float()),
        per_radius=np.float32(1 / space.radius.item()),
        contracted=not space.bounded,
        low=np.full(3, low, np.float32),
        per_size=np.full(3, -0.5 / low, np.float32),
    )


def signed_distances(network: SDFNetwork, points: Tensor) -> Tensor:
    """Signed distances of scene points ``[N, 3]``, ``[N]`` in scene units.

    Args:
        network: From :func:`sdf_network`.
        points: Float32, on the CPU.
    """
    from s3im_methods.rendering import sdf_kernels as kernels

    distances = points.new_empty(len(points))
    arrays = array(points), array(distances)
    in_ranges(len(points), lambda first, last: kernels.signed_distances(network, *arrays, first, last))
    return distances


def geometry(field: Any, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What ``field.geometry`` gives for scene points ``[N, 3]`` that need no gradient.

    Args:
        field: A :class:`~s3im_methods.fields.sdf_field.S3IMSDFField` that suits.
        points: Float32, on the CPU.
    """
    parameters = parameters_of(field)
    return _Geometry.apply(points, sdf_network(field, parameters), field.encoding.hash_table, *parameters)  # type: ignore[return-value]


class _Geometry(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, points: Tensor, network: SDFNetwork, table: Tensor, *parameters: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        from s3im_methods.encodings import sdf_hash_grid_kernels as grids
        from s3im_methods.rendering import sdf_kernels as kernels

        count, width = len(points), 2 * len(network.scalings)
        tiles = -(-count // kernels.COLUMNS)
        # torch's, for their memory to be seen by who counts that.
        positions, features = points.new_empty(count, 3), points.new_empty(count, width)
        jacobian, inputs = points.new_empty(3, count, width), points.new_empty(tiles, 3 + width, kernels.COLUMNS)
        distances, gradients = points.new_empty(count, 1), points.new_empty(count, 3)
        geometries = points.new_empty(count, network.last.shape[1] - 1)
        own, encode = array(points), grids.encoder(2, network.smooth)

        def look_up(first: int, last: int) -> None:
            kernels.grid_positions(network, own, positions.numpy(), first, last)
            given = positions.numpy(), network.table, network.scalings, network.mask
            encode(*given, features.numpy(), jacobian.numpy(), first, last)

        in_ranges(count, look_up)
        arrays = own, features.numpy(), jacobian.numpy(), inputs.numpy(), distances.view(-1).numpy()
        found = geometries.numpy(), gradients.numpy()
        in_ranges(tiles, lambda first, last: kernels.geometry(network, *arrays, *found, first, last))
        ctx.network, ctx.table_shape = network, table.shape
        ctx.save_for_backward(points, positions, jacobian, inputs, *parameters)
        return distances, geometries, gradients

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_distances: Tensor, by_geometries: Tensor, by_gradients: Tensor) -> tuple[Any, ...]:
        from s3im_methods.encodings import sdf_hash_grid_kernels as grids
        from s3im_methods.rendering import sdf_kernels as kernels

        network = ctx.network
        points, positions, jacobian, inputs, *parameters = ctx.saved_tensors
        by_features, by_jacobian = torch.empty_like(jacobian[0]), torch.empty_like(jacobian)
        slopes = array(by_distances.view(-1)), array(by_geometries), array(by_gradients)
        given = array(points), jacobian.numpy(), inputs.numpy(), *slopes, by_features.numpy(), by_jacobian.numpy()

        def work(sums: Any, first: int, last: int) -> None:
            kernels.geometry_gradient(network, *given, sums[::2], sums[1::2], first, last)

        of_layers = summed(len(inputs), [tuple(of.shape) for of in parameters], work)
        by_table = points.new_zeros(ctx.table_shape)
        scatter = grids.table_differentiator(2, network.smooth)
        of_table = positions.numpy(), by_features.numpy(), by_jacobian.numpy(), network.scalings, network.mask
        in_ranges(len(network.scalings), lambda first, last: scatter(*of_table, by_table.numpy(), first, last))
        return None, None, by_table, *of_layers
