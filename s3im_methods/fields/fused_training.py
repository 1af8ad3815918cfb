"""Training of nerfacto's fields on a CPU by kernels that keep a few rays in the cache, from points to gradients.

Same mathematics, parameters and checkpoints as nerfstudio's fields in plain torch; results differ by rounding.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.rays import RaySamples
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.fields.density_fields import HashMLPDensityField
from torch import Tensor
from torch.autograd.function import once_differentiable

from s3im_methods.kernels.available import fused_available
from s3im_methods.kernels.threads import in_ranges
from s3im_methods.rendering import LANES
from s3im_methods.rendering.networks import DensityNetwork, array, density_network, grid_and_network, layers

_SAMPLES_OF_A_TILE = 192


class FusedDensityField(HashMLPDensityField):
    """A proposal network whose densities are computed by the kernels where they can be."""

    def density_fn(self, positions: Tensor, times: Tensor | None = None) -> Tensor:
        """Densities ``[*batch, 1]`` at points ``[*batch, 3]``."""
        found = None if self.use_linear else fused_densities(self, positions, None)
        return super().density_fn(positions, times) if found is None else found


def fused_densities(field: Any, positions: Tensor, deviations: Tensor | None) -> Tensor | None:
    """Densities ``[*batch, 1]`` by the kernels; None where they do not suit, see :func:`fused_outputs`."""
    found = fused_outputs(field, positions, deviations, 0)
    return None if found is None else found[0]


def fused_outputs(
    field: Any, positions: Tensor, deviations: Tensor | None, others: int
) -> tuple[Tensor, Tensor] | None:
    """Densities ``[*batch, 1]`` and further outputs ``[*batch, others]`` by the kernels; None where they do not suit.

    Args:
        field: nerfacto's, or one of its proposal networks.
        positions: In the world, ``[*batch, 3]``.
        deviations: How wide samples are there, ``[*batch, 1]``; None for fields to which all are points.
        others: How many outputs of its network are wanted, of those that follow the density's.
    """
    grid, base = grid_and_network(field)
    network = density_network(field) if kernels_suit(positions, grid) else None
    if network is None:
        return None
    widths = _widths(positions, deviations)
    density, following = _Densities.apply(positions.reshape(-1, 3), widths, network, others, *_parameters(grid, base))
    return density.view(*positions.shape[:-1], 1), following.view(*positions.shape[:-1], others)


def fuse_densities(model: Any) -> None:
    """Let a model's proposal networks use the kernels; their parameters stay as they are.

    Args:
        model: With ``proposal_networks`` and ``density_fns``.
    """
    for network in model.proposal_networks:
        if type(network) is HashMLPDensityField:
            network.__class__ = FusedDensityField
    # They are methods bound to the networks, of the class that these had.
    model.density_fns = [function.__self__.density_fn for function in model.density_fns]


def fused_radiance(
    field: Any, ray_samples: RaySamples, deviations: Tensor | None, of_rays: Callable[[], Tensor]
) -> dict[FieldHeadNames, Tensor] | None:
    """Densities and colours of samples by the kernels; None where they do not suit.

    Args:
        field: A nerfacto field, with ``own_columns``.
        ray_samples: Samples ``[R, S]`` along rays.
        deviations: How wide they are, ``[R, S, 1]``; None for fields to which all are points.
        of_rays: Gives what samples share of the colour network's first layer, ``[R, width]``.
    """
    points = ray_samples.frustums.get_positions()
    grid, base = grid_and_network(field)
    if points.dim() != 3 or not kernels_suit(points, grid):
        return None
    network, head = density_network(field), layers(field.mlp_head, 2)
    if network is None or head is None:
        return None
    linears, columns = field.mlp_head.layers, field.own_columns()
    of_head = [linears[0].weight[:, columns], *(given for layer in linears[1:] for given in (layer.weight, layer.bias))]
    inputs = [of_rays(), *_parameters(grid, base), *of_head]
    density, colours = _Radiance.apply(points, _widths(points, deviations), network, *inputs)
    return {FieldHeadNames.RGB: colours, FieldHeadNames.DENSITY: density}


def kernels_suit(points: Tensor, grid: Any) -> bool:
    """Whether densities at points can be left to the kernels: on a CPU, in float32, without gradients by the points."""
    quiet = not points.requires_grad and not getattr(grid, "point_gradients", True) and len(points) > 0
    single = points.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return quiet and single and points.device.type == "cpu" and fused_available()


def _widths(points: Tensor, deviations: Tensor | None) -> Tensor:
    return points.new_zeros(1) if deviations is None else deviations.reshape(-1)


def _parameters(grid: Any, network: Any) -> list[Tensor]:
    return [grid.hash_table, *(given for layer in network.layers for given in (layer.weight, layer.bias))]


class _Tiles:
    """How samples are cut into tiles, and what tiles keep for the backward pass.

    Args:
        network: Whose features are kept.
        count: Of samples.
        per_tile: Of samples in a tile.
    """

    def __init__(self, network: DensityNetwork, count: int, per_tile: int) -> None:
        self.per_tile, self.count = per_tile, -(-count // per_tile)
        width = -(-per_tile // LANES) * LANES
        # torch's, for its memory to be seen by who counts that.
        self.units = torch.empty(self.count, 3, width).numpy()
        self.features = torch.empty(self.count, len(network.first), width).numpy()

    def slopes(self, network: DensityNetwork) -> np.ndarray:
        """Room for the gradient of the loss by the grid's own features."""
        return torch.empty(self.count, 2 * len(network.scalings), self.features.shape[2]).numpy()

    def table_gradient(self, network: DensityNetwork, slopes: np.ndarray) -> Tensor:
        """Gradient of the loss by the grid's table, from that by the features."""
        from s3im_methods.rendering import gradient_kernels as kernels

        gradient = torch.zeros(network.table.shape)
        of_table = self.units, slopes, network.scalings, network.mask, gradient.numpy()
        in_ranges(len(network.scalings), lambda first, last: kernels.table_gradient(*of_table, first, last))
        return gradient


def summed(count: int, shapes: list[tuple[int, ...]], work: Callable[[Any, int, int], None]) -> list[Tensor]:
    """Sums of what ranges of tiles add to arrays of their own, in the order of the ranges."""
    parts: dict[int, tuple[np.ndarray, ...]] = {}

    def of_range(first: int, last: int) -> None:
        parts[first] = tuple(np.zeros(shape, np.float32) for shape in shapes)
        work(parts[first], first, last)

    in_ranges(count, of_range)
    sums = [parts[first] for first in sorted(parts)]
    return [torch.from_numpy(np.sum(same, axis=0)) for same in zip(*sums, strict=True)]


def _density_weights(network: DensityNetwork, parameters: tuple[Tensor, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Those of a density's layers by which slopes of the grid's features are found."""
    return array(parameters[1][:, : 2 * len(network.scalings)]), array(parameters[3])


class _Densities(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, points: Tensor, widths: Tensor, network: DensityNetwork, others: int, *parameters: Tensor
    ) -> tuple[Tensor, Tensor]:
        from s3im_methods.rendering import gradient_kernels as kernels

        tiles = _Tiles(network, len(points), _SAMPLES_OF_A_TILE)
        densities, following = points.new_empty(len(points)), points.new_empty(len(points), others)
        arrays = array(points), array(widths), tiles.per_tile, tiles.units, tiles.features
        arrays += array(densities), array(following)
        in_ranges(tiles.count, lambda first, last: kernels.density_values(network, *arrays, first, last))
        ctx.network, ctx.tiles = network, tiles
        ctx.save_for_backward(*parameters)
        return densities, following

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_densities: Tensor, by_others: Tensor) -> tuple[Tensor | None, ...]:
        from s3im_methods.rendering import gradient_kernels as kernels

        network, tiles, parameters = ctx.network, ctx.tiles, ctx.saved_tensors
        slopes, weights = tiles.slopes(network), _density_weights(network, parameters)
        given = tiles.per_tile, tiles.units, tiles.features, array(by_densities), array(by_others), slopes

        def work(sums: Any, first: int, last: int) -> None:
            kernels.density_gradient(network, weights, *given, sums, first, last)

        of_network = summed(tiles.count, [tuple(of.shape) for of in parameters[1:]], work)
        return None, None, None, None, tiles.table_gradient(network, slopes), *of_network


class _Radiance(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, points: Tensor, widths: Tensor, network: DensityNetwork, of_rays: Tensor, *parameters: Tensor
    ) -> tuple[Tensor, Tensor]:
        from s3im_methods.rendering import gradient_kernels as kernels

        rays, samples = points.shape[:2]
        tiles = _Tiles(network, rays * samples, max(_SAMPLES_OF_A_TILE // samples, 1) * samples)
        densities, colours = points.new_empty(rays, samples, 1), points.new_empty(rays, samples, 3)
        head = _Radiance.head_of(parameters)
        arrays = array(of_rays), array(points.reshape(-1, 3)), array(widths)
        arrays += tiles.per_tile, tiles.units, tiles.features
        found = array(densities.view(-1)), array(colours.view(-1, 3))
        in_ranges(tiles.count, lambda first, last: kernels.radiance_values(network, head, *arrays, *found, first, last))
        ctx.network, ctx.tiles = network, tiles
        ctx.save_for_backward(of_rays, *parameters)
        return densities, colours

    @staticmethod
    def head_of(parameters: tuple[Tensor, ...]) -> tuple[np.ndarray, ...]:
        """The colour network as ``ray_kernels.radiance`` takes it."""
        own, second, second_bias, third, third_bias = parameters[5:]
        return array(own.t()), array(second.t()), array(second_bias), array(third.t()), array(third_bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_densities: Tensor, by_colours: Tensor) -> tuple[Tensor | None, ...]:
        from s3im_methods.rendering import gradient_kernels as kernels

        network, tiles = ctx.network, ctx.tiles
        of_rays, *parameters = ctx.saved_tensors
        slopes, ray_slopes = tiles.slopes(network), torch.empty_like(of_rays)
        weights = _density_weights(network, tuple(parameters))
        head_weights = array(parameters[5]), array(parameters[6]), array(parameters[8])
        head = _Radiance.head_of(tuple(parameters))
        given = array(of_rays), tiles.per_tile, tiles.units, tiles.features
        given += array(by_densities.reshape(-1)), array(by_colours.reshape(-1, 3)), slopes, array(ray_slopes)

        def work(sums: Any, first: int, last: int) -> None:
            kernels.radiance_gradient(network, weights, head, head_weights, *given, sums[:4], sums[4:], first, last)

        of_networks = summed(tiles.count, [tuple(of.shape) for of in parameters[1:]], work)
        return None, None, None, ray_slopes, tiles.table_gradient(network, slopes), *of_networks
