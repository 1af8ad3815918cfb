"""Kernels of training: densities and colours of samples, and their gradients, tile by tile.

What a backward pass needs is kept in tiles too: ``units`` (``[tiles, 3, columns]``, points in the unit cube) and
``features`` (``[tiles, 2 * levels, columns]``). All else is computed again, which is quicker than to fetch it. Kernels
work on a range of tiles; a tile has ``per_tile`` samples, but the last may have fewer, and its other columns count as
nothing. Of a gradient with respect to parameters each range has a sum of its own.
"""

import numpy as np

from s3im_methods.kernels.compiled import compiled
from s3im_methods.rendering.gradient_lanes import (
    add_outer_1_by_1,
    add_outer_1_by_4,
    add_outer_4_by_1,
    add_outer_4_by_4,
    scatter,
)
from s3im_methods.rendering.tile_kernels import (
    LINEAR,
    RECTIFIED,
    add_layer,
    encode,
    exponential,
    jit,
    layer,
    place,
    scale,
    sight,
    to_colours,
)

_ZERO, _ONE = np.float32(0), np.float32(1)
# Where nerfstudio's trunc_exp stops to let gradients grow or fall.
_STEEPEST, _FLATTEST = np.float32(15), np.float32(-15)

reordered = compiled(fastmath={"contract", "nsz", "reassoc"})


@reordered
def sum_between(values, begin, end):
    """The sum of ``values[begin:end]``."""
    total = _ZERO
    for i in range(begin, end):
        total += values[i]
    return total


@jit
def add_outer(left, right, sums, count):
    """``sums += left @ right.T`` over a tile's first ``count`` columns."""
    rows, columns = len(left), len(right)
    for row in range(0, rows - rows % 4, 4):
        for column in range(0, columns - columns % 4, 4):
            add_outer_4_by_4(left, right, sums, row, column, count)
        for column in range(columns - columns % 4, columns):
            add_outer_4_by_1(left, right, sums, row, column, count)
    for row in range(rows - rows % 4, rows):
        for column in range(0, columns - columns % 4, 4):
            add_outer_1_by_4(left, right, sums, row, column, count)
        for column in range(columns - columns % 4, columns):
            add_outer_1_by_1(left, right, sums, row, column, count)


@jit
def add_layer_gradient(inputs, slopes, weight_sums, bias_sums, count):
    """Add to the gradients of a layer's weights ``[outputs, inputs]`` and bias what ``slopes`` of its outputs make."""
    add_outer(slopes, inputs, weight_sums, count)
    for row in range(len(slopes)):
        bias_sums[row] += sum_between(slopes[row], 0, count)


@jit
def through_layer(weights, slopes, outputs, input_slopes, count):
    """Slopes of the inputs of a layer with ``weights`` ``[outputs, inputs]``, 0 where a ReLU gave nothing.

    ``outputs`` are those of the layer before, which are the inputs.
    """
    input_slopes[:, :count] = _ZERO
    add_layer(weights, slopes, input_slopes, count, LINEAR)
    for row in range(len(input_slopes)):
        own, of_row = outputs[row], input_slopes[row]
        for i in range(count):
            of_row[i] = of_row[i] if own[i] > _ZERO else _ZERO


@jit
def place_tile(network, points, deviations, begin, end, units, inside, sights):
    """Put points ``begin`` to ``end`` of ``[n, 3]`` into a tile, and nothing into its other columns.

    ``deviations`` (``[n]``) are how wide they are, of any number where no level has a weight.
    """
    for i in range(begin, end):
        place(network, points[i, 0], points[i, 1], points[i, 2], units, inside, i - begin)
    if network.sight > _ZERO:
        for i in range(begin, end):
            sights[i - begin] = sight(network, points[i, 0], points[i, 1], points[i, 2], deviations[i])
    for axis in range(3):
        units[axis, end - begin :] = _ZERO
    inside[end - begin :] = _ZERO


@jit
def hidden_outputs(network, features, hidden, outputs, count):
    """Both layers of a density's network."""
    layer(network.first, network.first_bias, features, hidden, count, RECTIFIED)
    layer(network.second, network.second_bias, hidden, outputs, count, LINEAR)


@jit
def density_values(network, points, deviations, per_tile, units, features, densities, others, first, last):
    """Fill ``densities`` (``[n]``), ``units`` and ``features`` of the points (``[n, 3]``) of some tiles.

    ``others`` (``[n, K]``) are the first K of the network's outputs that follow the density's.
    """
    width = units.shape[2]
    inside, sights = np.zeros(width, np.float32), np.zeros(width, np.float32)
    hidden = np.zeros((network.first.shape[1], width), np.float32)
    outputs = np.zeros((network.second.shape[1], width), np.float32)
    for tile in range(first, last):
        begin = tile * per_tile
        end = min(begin + per_tile, len(points))
        place_tile(network, points, deviations, begin, end, units[tile], inside, sights)
        encode(network, units[tile], sights, features[tile], width)
        hidden_outputs(network, features[tile], hidden, outputs, width)
        for i in range(begin, end):
            densities[i] = network.scale * exponential(outputs[0, i - begin]) * inside[i - begin]
            for k in range(others.shape[1]):
                others[i, k] = outputs[k + 1, i - begin]


@jit
def log_slopes(network, logarithms, units, slopes, begin, end, found):
    """Slopes of the density's logarithm in a tile, from those of the density."""
    for i in range(begin, end):
        column = i - begin
        steepness = exponential(min(max(logarithms[column], _FLATTEST), _STEEPEST))
        # What lies outside the box was put at 0.
        found[column] = network.scale * steepness * slopes[i] if units[0, column] > _ZERO else _ZERO
    found[end - begin :] = _ZERO


@jit
def through_network(weights, features, hidden, output_slopes, hidden_slopes, feature_slopes, sums, count):
    """Fill a tile's ``feature_slopes``, and add a density network's gradients to ``sums``, from its outputs' slopes.

    Those of the grid's own features are filled; weights of levels, which may follow them in ``features``, have none.
    """
    by_first, first_bias, by_second, second_bias = sums
    add_layer_gradient(hidden, output_slopes, by_second, second_bias, count)
    through_layer(weights[1], output_slopes, hidden, hidden_slopes, count)
    add_layer_gradient(features, hidden_slopes, by_first, first_bias, count)
    feature_slopes[:] = _ZERO
    add_layer(weights[0], hidden_slopes, feature_slopes, count, LINEAR)
    own = len(feature_slopes)
    for level in range(len(features) - own):
        scale(feature_slopes[2 * level], features[own + level], count)
        scale(feature_slopes[2 * level + 1], features[own + level], count)


@jit
def density_gradient(
    network, weights, per_tile, units, features, slopes, other_slopes, feature_slopes, sums, first, last
):
    """Fill ``feature_slopes`` of the grids' features, and add the gradients of a density's network to ``sums``.

    Args:
        network: The network.
        weights: Those of its layers, ``[outputs, inputs]`` each; of the first without the weights of levels.
        per_tile: Samples of a tile.
        units: Points in the unit cube.
        features: Those of the grid.
        slopes: Of the loss by the densities, ``[n]``.
        other_slopes: By the outputs that follow, ``[n, K]``.
        feature_slopes: By the features.
        sums: By weights and bias of the first layer, and of the second.
        first: The first tile.
        last: The tile after the last.
    """
    width = units.shape[2]
    hidden = np.zeros((network.first.shape[1], width), np.float32)
    outputs = np.zeros((network.second.shape[1], width), np.float32)
    hidden_slopes, output_slopes = np.zeros_like(hidden), np.zeros_like(outputs)
    for tile in range(first, last):
        begin = tile * per_tile
        end = min(begin + per_tile, len(slopes))
        hidden_outputs(network, features[tile], hidden, outputs, width)
        log_slopes(network, outputs[0], units[tile], slopes, begin, end, output_slopes[0])
        for k in range(other_slopes.shape[1]):
            of_row = output_slopes[k + 1]
            of_row[: end - begin] = other_slopes[begin:end, k]
            of_row[end - begin :] = _ZERO
        through_network(
            weights, features[tile], hidden, output_slopes, hidden_slopes, feature_slopes[tile], sums, width
        )


@jit
def table_gradient(units, feature_slopes, scalings, mask, gradient, first, last):
    """Add to the gradient of a grid's table, in levels ``first`` to ``last``, what slopes of the features make."""
    for level in range(first, last):
        part = gradient[level * (mask + 1) : (level + 1) * (mask + 1)]
        for tile in range(len(units)):
            slopes = feature_slopes[tile]
            scatter(part, units[tile], scalings[level], np.uint32(mask), slopes, 2 * level, slopes.shape[1])


@jit
def seen_colours(network, head, of_rays, samples, begin, end, outputs, width, seen, hidden_1, hidden_2, shown):
    """Colours of a tile's samples, by way of what the layers of the colour network give."""
    own_weights, second, second_bias, third, third_bias = head
    for feature in range(len(seen)):
        seen[feature] = outputs[feature + 1]
    for row in range(len(hidden_1)):
        of_row = hidden_1[row]
        for ray in range(begin // samples, end // samples):
            column = ray * samples - begin
            of_row[column : column + samples] = of_rays[ray, row]
        of_row[end - begin :] = _ZERO
    add_layer(own_weights, seen, hidden_1, width, RECTIFIED)
    layer(second, second_bias, hidden_1, hidden_2, width, RECTIFIED)
    layer(third, third_bias, hidden_2, shown, width, LINEAR)
    to_colours(shown, width)


@jit
def radiance_values(
    network, head, of_rays, points, deviations, per_tile, units, features, densities, colours, first, last
):
    """Fill ``densities`` (``[n]``), ``colours`` (``[n, 3]``), ``units`` and ``features`` of the points of some tiles.

    ``head`` and ``of_rays`` are those of ``ray_kernels.radiance``; a tile has all samples of some rays.
    """
    width, samples = units.shape[2], len(points) // len(of_rays)
    inside, sights = np.zeros(width, np.float32), np.zeros(width, np.float32)
    hidden = np.zeros((network.first.shape[1], width), np.float32)
    outputs = np.zeros((network.second.shape[1], width), np.float32)
    seen = np.zeros((head[0].shape[0], width), np.float32)
    hidden_1 = np.zeros((head[0].shape[1], width), np.float32)
    hidden_2 = np.zeros((head[1].shape[1], width), np.float32)
    shown = np.zeros((head[3].shape[1], width), np.float32)
    for tile in range(first, last):
        begin = tile * per_tile
        end = min(begin + per_tile, len(points))
        place_tile(network, points, deviations, begin, end, units[tile], inside, sights)
        encode(network, units[tile], sights, features[tile], width)
        hidden_outputs(network, features[tile], hidden, outputs, width)
        seen_colours(network, head, of_rays, samples, begin, end, outputs, width, seen, hidden_1, hidden_2, shown)
        for i in range(begin, end):
            column = i - begin
            densities[i] = network.scale * exponential(outputs[0, column]) * inside[column]
            for channel in range(3):
                colours[i, channel] = shown[channel, column]


@jit
def radiance_gradient(
    network,
    weights,
    head,
    head_weights,
    of_rays,
    per_tile,
    units,
    features,
    density_slopes,
    colour_slopes,
    feature_slopes,
    ray_slopes,
    sums,
    head_sums,
    first,
    last,
):
    """As :func:`density_gradient`, with colours.

    Args:
        network: The density's network.
        weights: Those of its layers, as there.
        head: The colour network's layers, see ``ray_kernels.radiance``.
        head_weights: Their weights, ``[outputs, inputs]`` each.
        of_rays: What rays share of the colour network's first layer, ``[R, width]``.
        per_tile: Samples of a tile, all of those of some rays.
        units: Points in the unit cube.
        features: Those of the grid.
        density_slopes: Of the loss by the densities, ``[n]``.
        colour_slopes: By the colours, ``[n, 3]``.
        feature_slopes: By the features.
        ray_slopes: By ``of_rays``.
        sums: By weights and biases of the density's network.
        head_sums: By the weights of the samples' own inputs, and weights and biases of the two layers that follow.
        first: The first tile.
        last: The tile after the last.
    """
    width, samples = units.shape[2], len(density_slopes) // len(of_rays)
    by_own, by_middle, middle_bias, by_last, last_bias = head_sums
    hidden = np.zeros((network.first.shape[1], width), np.float32)
    outputs = np.zeros((network.second.shape[1], width), np.float32)
    seen = np.zeros((head[0].shape[0], width), np.float32)
    hidden_1 = np.zeros((head[0].shape[1], width), np.float32)
    hidden_2 = np.zeros((head[1].shape[1], width), np.float32)
    shown = np.zeros((head[3].shape[1], width), np.float32)
    hidden_slopes, output_slopes, seen_slopes = np.zeros_like(hidden), np.zeros_like(outputs), np.zeros_like(seen)
    slopes_1, slopes_2 = np.zeros_like(hidden_1), np.zeros_like(hidden_2)
    for tile in range(first, last):
        begin = tile * per_tile
        end = min(begin + per_tile, len(density_slopes))
        hidden_outputs(network, features[tile], hidden, outputs, width)
        seen_colours(network, head, of_rays, samples, begin, end, outputs, width, seen, hidden_1, hidden_2, shown)
        for channel in range(3):
            of_channel = shown[channel]
            for i in range(begin, end):
                value = of_channel[i - begin]
                of_channel[i - begin] = colour_slopes[i, channel] * value * (_ONE - value)
            of_channel[end - begin :] = _ZERO
        add_layer_gradient(hidden_2, shown, by_last, last_bias, width)
        through_layer(head_weights[2], shown, hidden_2, slopes_2, width)
        add_layer_gradient(hidden_1, slopes_2, by_middle, middle_bias, width)
        through_layer(head_weights[1], slopes_2, hidden_1, slopes_1, width)
        add_outer(slopes_1, seen, by_own, width)
        for ray in range(begin // samples, end // samples):
            column = ray * samples - begin
            for row in range(len(slopes_1)):
                ray_slopes[ray, row] = sum_between(slopes_1[row], column, column + samples)
        seen_slopes[:] = _ZERO
        add_layer(head_weights[0], slopes_1, seen_slopes, width, LINEAR)
        log_slopes(network, outputs[0], units[tile], density_slopes, begin, end, output_slopes[0])
        output_slopes[1:] = seen_slopes
        through_network(
            weights, features[tile], hidden, output_slopes, hidden_slopes, feature_slopes[tile], sums, width
        )
