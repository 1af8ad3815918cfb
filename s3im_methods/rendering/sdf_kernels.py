"""Kernels of a signed distance field's network: distances alone, and distances, features and gradients to learn from.

A network is an ``SDFNetwork`` of ``fields.sdf_network``. A tile has a sample per column. ``inputs`` are coordinates in
the unit sphere and the grid's features. Naming in backward passes: a layer gives ``softplus(z)``, ``steepness`` is the
derivative of that, and ``falls`` are the distance's derivatives by a layer's outputs; ``slopes`` are those of the loss.
"""

import numpy as np

from s3im_methods.rendering.gradient_kernels import add_layer_gradient, add_outer, sum_between
from s3im_methods.rendering.lanes import interpolate, interpolate_smoothly
from s3im_methods.rendering.tile_kernels import LINEAR, add_layer, exponential, in_box, inlined, jit, layer

COLUMNS = 192
"""Of a tile: sums over columns begin and end less often in a wide one, and this one fits a core's cache."""

_ZERO, _ONE, _TWO = np.float32(0), np.float32(1), np.float32(2)
# Of the inverse hyperbolic tangent.
_S3, _S5, _S7, _S9, _S11 = (np.float32(1 / n) for n in (3, 5, 7, 9, 11))


@jit
def to_softplus(values, steepness, beta):
    """``log(1 + exp(beta x)) / beta`` of each number ``x`` of a tile, and its derivative, of the same shape."""
    for row in range(len(values)):
        of_row, slopes = values[row], steepness[row]
        for i in range(len(of_row)):
            x = beta * of_row[i]
            small = exponential(-abs(x))
            # The logarithm of 1 + small is twice the inverse hyperbolic tangent of s, which is at most a third.
            s = small / (small + _TWO)
            square = s * s
            series = _ONE + square * (_S3 + square * (_S5 + square * (_S7 + square * (_S9 + square * _S11))))
            of_row[i] = (max(x, _ZERO) + _TWO * s * series) / beta
            slopes[i] = (_ONE if x > _ZERO else small) / (_ONE + small)


@inlined
def to_unit(network, x, y, z):
    """A point of the world in units of the sphere."""
    center, per_radius = network.center, network.per_radius
    return (x - center[0]) * per_radius, (y - center[1]) * per_radius, (z - center[2]) * per_radius


@inlined
def to_cube(network, x, y, z):
    """A point in units of the sphere in the cube of the grid, from 0 to 1."""
    x, y, z = in_box(network, x, y, z)
    return min(max(x, _ZERO), _ONE), min(max(y, _ZERO), _ONE), min(max(z, _ZERO), _ONE)


@jit
def signed_distances(network, points, distances, first, last):
    """Fill ``distances[first:last]``, scene units, of points ``[n, 3]`` in the world."""
    levels, slots = len(network.scalings), network.mask + 1
    units = np.zeros((3, COLUMNS), np.float32)
    inputs = np.zeros((3 + 2 * levels, COLUMNS), np.float32)
    hidden = np.zeros((2, network.last.shape[0], COLUMNS), np.float32)
    found, unused = np.zeros((1, COLUMNS), np.float32), np.zeros_like(hidden[0])
    for begin in range(first, last, COLUMNS):
        count = min(COLUMNS, last - begin)
        for i in range(count):
            x, y, z = to_unit(network, points[begin + i, 0], points[begin + i, 1], points[begin + i, 2])
            inputs[0, i], inputs[1, i], inputs[2, i] = x, y, z
            units[0, i], units[1, i], units[2, i] = to_cube(network, x, y, z)
        for level in range(levels):
            part, row = network.table[level * slots : (level + 1) * slots], 3 + 2 * level
            scaling, mask = network.scalings[level], np.uint32(network.mask)
            if network.smooth:
                interpolate_smoothly(part, units, scaling, mask, inputs, row, COLUMNS)
            else:
                interpolate(part, units, scaling, mask, inputs, row, COLUMNS)
        layer(network.weights[0], network.biases[0], inputs, hidden[0], COLUMNS, LINEAR)
        to_softplus(hidden[0], unused, network.beta)
        for k in range(1, len(network.biases)):
            layer(network.weights[k], network.biases[k], hidden[1 - k % 2], hidden[k % 2], COLUMNS, LINEAR)
            to_softplus(hidden[k % 2], unused, network.beta)
        layer(network.distance, network.last_bias[:1], hidden[1 - len(network.biases) % 2], found, COLUMNS, LINEAR)
        for i in range(count):
            distances[begin + i] = found[0, i] / network.per_radius


@jit
def grid_positions(network, points, positions, first, last):
    """Fill ``positions[first:last]``, in the grid's cube, of points ``[n, 3]`` in the world."""
    for i in range(first, last):
        x, y, z = to_unit(network, points[i, 0], points[i, 1], points[i, 2])
        positions[i, 0], positions[i, 1], positions[i, 2] = to_cube(network, x, y, z)


@jit
def through_space(network, point, vector, towards_grid):
    """Replace a vector by its product with the derivative of the grid's coordinates by unit coordinates at a point.

    With ``towards_grid`` it is that matrix times the vector, else the vector times the matrix.
    """
    x, y, z = to_unit(network, point[0], point[1], point[2])
    unit = (x, y, z)
    largest, norm = 0, _ZERO
    for axis in range(3):
        if abs(unit[axis]) > norm:
            largest, norm = axis, abs(unit[axis])
    if network.contracted and norm >= _ONE:
        factor = (_ONE + _ONE - _ONE / norm) / norm
        change = (_ONE / norm - _ONE) * (_ONE + _ONE) / (norm * norm)
        if unit[largest] < _ZERO:
            change = -change
        dot = vector[0] * x + vector[1] * y + vector[2] * z
        of_largest = vector[largest]
        for axis in range(3):
            vector[axis] *= factor
            if towards_grid:
                vector[axis] += unit[axis] * change * of_largest
        if not towards_grid:
            vector[largest] += dot * change
    for axis in range(3):
        # Beyond a bounded cube nothing changes.
        outside = not network.contracted and abs(unit[axis]) > _ONE
        vector[axis] *= _ZERO if outside else network.per_size[axis]


@jit
def forward(network, inputs, hidden, steepness, outputs):
    """Fill a tile's ``hidden`` and ``steepness`` (``[layers, width, columns]``) and ``outputs``."""
    layers = len(network.biases)
    layer(network.weights[0], network.biases[0], inputs, hidden[0], COLUMNS, LINEAR)
    to_softplus(hidden[0], steepness[0], network.beta)
    for k in range(1, layers):
        layer(network.weights[k], network.biases[k], hidden[k - 1], hidden[k], COLUMNS, LINEAR)
        to_softplus(hidden[k], steepness[k], network.beta)
    layer(network.last, network.last_bias, hidden[layers - 1], outputs, COLUMNS, LINEAR)


@jit
def fall_through(network, steepness, falls, steep_falls, input_falls):
    """Fill ``falls`` and ``steep_falls`` (their products with ``steepness``), and the derivatives by the inputs."""
    layers = len(network.biases)
    for row in range(falls.shape[1]):
        falls[layers - 1, row] = network.distance[row, 0]
    for k in range(layers - 1, -1, -1):
        for row in range(falls.shape[1]):
            own, fall, found = steepness[k, row], falls[k, row], steep_falls[k, row]
            for i in range(COLUMNS):
                found[i] = own[i] * fall[i]
        below = input_falls if k == 0 else falls[k - 1]
        below[:] = _ZERO
        add_layer(network.transposed[k], steep_falls[k], below, COLUMNS, LINEAR)


@jit
def geometry(network, points, features, jacobian, inputs, distances, geometries, gradients, first, last):
    """Fill ``inputs`` (``[tiles, inputs, columns]``) and the rest for the points ``[n, 3]`` of some tiles.

    Args:
        network: The network.
        points: In the world.
        features: Of the grid, ``[n, 2 * levels]``.
        jacobian: Theirs by the grid's coordinates, ``[3, n, 2 * levels]``.
        inputs: Kept for the backward pass.
        distances: ``[n]``, scene units.
        geometries: The other outputs, ``[n, outputs - 1]``.
        gradients: Of the distances by points, ``[n, 3]``.
        first: The first tile.
        last: The tile after the last.
    """
    layers, width, rows = len(network.biases), network.last.shape[0], inputs.shape[1]
    hidden = np.zeros((layers, width, COLUMNS), np.float32)
    steepness, falls, steep_falls = np.zeros_like(hidden), np.zeros_like(hidden), np.zeros_like(hidden)
    outputs = np.zeros((network.last.shape[1], COLUMNS), np.float32)
    input_falls, vector = np.zeros((rows, COLUMNS), np.float32), np.zeros(3, np.float32)
    for tile in range(first, last):
        begin, own = tile * COLUMNS, inputs[tile]
        count = min(COLUMNS, len(points) - begin)
        own[:, count:] = _ZERO
        for i in range(count):
            own[0, i], own[1, i], own[2, i] = to_unit(
                network, points[begin + i, 0], points[begin + i, 1], points[begin + i, 2]
            )
            for f in range(rows - 3):
                own[3 + f, i] = features[begin + i, f]
        forward(network, own, hidden, steepness, outputs)
        fall_through(network, steepness, falls, steep_falls, input_falls)
        for i in range(count):
            distances[begin + i] = outputs[0, i] / network.per_radius
            for f in range(len(outputs) - 1):
                geometries[begin + i, f] = outputs[1 + f, i]
            for axis in range(3):
                vector[axis] = _ZERO
                for f in range(rows - 3):
                    vector[axis] += input_falls[3 + f, i] * jacobian[axis, begin + i, f]
            through_space(network, points[begin + i], vector, False)
            for axis in range(3):
                gradients[begin + i, axis] = input_falls[axis, i] + vector[axis]


@jit
def geometry_gradient(
    network,
    points,
    jacobian,
    inputs,
    distance_slopes,
    geometry_slopes,
    gradient_slopes,
    feature_slopes,
    jacobian_slopes,
    weight_sums,
    bias_sums,
    first,
    last,
):
    """Fill ``feature_slopes`` and ``jacobian_slopes``, and add the gradients of the network's layers to the sums.

    Args:
        network: The network.
        points: In the world, ``[n, 3]``.
        jacobian: The features' by the grid's coordinates, ``[3, n, 2 * levels]``.
        inputs: From :func:`geometry`.
        distance_slopes: Of the loss by the distances, ``[n]``.
        geometry_slopes: By the other outputs, ``[n, outputs - 1]``.
        gradient_slopes: By the gradients, ``[n, 3]``.
        feature_slopes: By the features.
        jacobian_slopes: By the Jacobian.
        weight_sums: By the weights of each layer, ``[outputs, inputs]``.
        bias_sums: By its bias.
        first: The first tile.
        last: The tile after the last.
    """
    layers, width, rows = len(network.biases), network.last.shape[0], inputs.shape[1]
    hidden = np.zeros((layers, width, COLUMNS), np.float32)
    steepness, falls, steep_falls = np.zeros_like(hidden), np.zeros_like(hidden), np.zeros_like(hidden)
    by_steepness, slopes, below = np.zeros_like(hidden), np.zeros_like(hidden[0]), np.zeros_like(hidden[0])
    outputs = np.zeros((network.last.shape[1], COLUMNS), np.float32)
    output_slopes = np.zeros_like(outputs)
    input_falls = np.zeros((rows, COLUMNS), np.float32)
    input_slopes = np.zeros_like(input_falls)
    vector = np.zeros(3, np.float32)
    for tile in range(first, last):
        begin, own = tile * COLUMNS, inputs[tile]
        count = min(COLUMNS, len(points) - begin)
        forward(network, own, hidden, steepness, outputs)
        fall_through(network, steepness, falls, steep_falls, input_falls)
        input_slopes[:] = _ZERO
        output_slopes[:] = _ZERO
        for i in range(count):
            output_slopes[0, i] = distance_slopes[begin + i] / network.per_radius
            for f in range(len(outputs) - 1):
                output_slopes[1 + f, i] = geometry_slopes[begin + i, f]
            for axis in range(3):
                vector[axis] = input_slopes[axis, i] = gradient_slopes[begin + i, axis]
            through_space(network, points[begin + i], vector, True)
            for axis in range(3):
                for f in range(rows - 3):
                    input_slopes[3 + f, i] += vector[axis] * jacobian[axis, begin + i, f]
                    jacobian_slopes[axis, begin + i, f] = vector[axis] * input_falls[3 + f, i]
        # Along the derivatives, from the inputs up to the distance.
        for k in range(layers):
            above = input_slopes if k == 0 else below
            add_outer(steep_falls[k], above, weight_sums[k], COLUMNS)
            slopes[:] = _ZERO
            add_layer(network.weights[k], above, slopes, COLUMNS, LINEAR)
            for row in range(width):
                of_row, steep, fall, found, kept = (
                    slopes[row],
                    steepness[k, row],
                    falls[k, row],
                    below[row],
                    by_steepness[k, row],
                )
                for i in range(COLUMNS):
                    kept[i] = of_row[i] * fall[i] * network.beta * steep[i] * (_ONE - steep[i])
                    found[i] = of_row[i] * steep[i]
        for row in range(width):
            weight_sums[layers][0, row] += sum_between(below[row], 0, COLUMNS)
        # Along the values, from the outputs down to the features.
        add_layer_gradient(hidden[layers - 1], output_slopes, weight_sums[layers], bias_sums[layers], COLUMNS)
        slopes[:] = _ZERO
        add_layer(network.last_transposed, output_slopes, slopes, COLUMNS, LINEAR)
        for k in range(layers - 1, -1, -1):
            for row in range(width):
                of_row, steep, kept = slopes[row], steepness[k, row], by_steepness[k, row]
                for i in range(COLUMNS):
                    of_row[i] = of_row[i] * steep[i] + kept[i]
            given = own if k == 0 else hidden[k - 1]
            add_layer_gradient(given, slopes, weight_sums[k], bias_sums[k], COLUMNS)
            if k > 0:
                below[:] = slopes
                slopes[:] = _ZERO
                add_layer(network.transposed[k], below, slopes, COLUMNS, LINEAR)
        input_slopes[:] = _ZERO
        add_layer(network.transposed[0], slopes, input_slopes, COLUMNS, LINEAR)
        for i in range(count):
            for f in range(rows - 3):
                feature_slopes[begin + i, f] = input_slopes[3 + f, i]
