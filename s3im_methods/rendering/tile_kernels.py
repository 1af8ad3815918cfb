"""Kernels on a tile: the samples of a few rays, a sample per column, small enough to stay in a core's cache.

A network is a :class:`~s3im_methods.rendering.networks.DensityNetwork`.
"""

import numpy as np

from s3im_methods.kernels.compiled import compiled
from s3im_methods.rendering.lanes import add_4_rows, add_product_of_1, add_product_of_4, interpolate

jit = compiled(fastmath={"contract", "nsz"})
inlined = compiled(fastmath={"contract", "nsz"}, inline="always")

RECTIFIED, LINEAR = np.float32(0), np.float32(-np.inf)
"""The least output of layers with and without a ReLU."""

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_LARGEST, _LEAST, _LOG2_E = np.float32(88), np.float32(-87), np.float32(1.44269504)
# The logarithm of 2 in two parts, of which the first is exact, and a polynomial: expf of the Cephes library.
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_P0, _P1, _P2 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
_P3, _P4, _P5 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
_BIAS, _MANTISSA = np.int32(127), np.int32(23)
# The error function as x p(x^2) / q(x^2), by Eigen, from where on it is 1 in float32.
_A0, _A1, _A2 = np.float32(-2.72614225801306e-10), np.float32(2.77068142495902e-8), np.float32(-2.10102402082508e-6)
_A3, _A4, _A5 = np.float32(-5.69250639462346e-5), np.float32(-7.34990630326855e-4), np.float32(-2.95459980854025e-3)
_B0, _B1, _B2 = np.float32(-1.45660718464996e-5), np.float32(-2.13374055278905e-4), np.float32(-1.68282697438203e-3)
_A6, _B3, _B4 = np.float32(-1.60960333262415e-2), np.float32(-7.37332916720468e-3), np.float32(-1.42647390514189e-2)
_FLAT, _TWO_THIRDS = np.float32(4), np.float32(2 / 3)


@inlined
def exponential(x):
    """e^x of a float32, to its last bit but one, in operations that vectors have."""
    x = min(max(x, _LEAST), _LARGEST)
    whole = np.floor(x * _LOG2_E + _HALF)
    r = x - whole * _LN2_HIGH - whole * _LN2_LOW
    p = ((((_P0 * r + _P1) * r + _P2) * r + _P3) * r + _P4) * r + _P5
    return (p * r * r + r + _ONE) * np.int32((np.int32(whole) + _BIAS) << _MANTISSA).view(np.float32)


@inlined
def error_function(x):
    """Of a float32 of 0 or above, to 5e-7 of itself, in operations that vectors have."""
    x = min(x, _FLAT)
    q = x * x
    upper = (((((_A0 * q + _A1) * q + _A2) * q + _A3) * q + _A4) * q + _A5) * q + _A6
    lower = (((_B0 * q + _B1) * q + _B2) * q + _B3) * q + _B4
    return min(x * upper / lower, _ONE)


@jit
def add_layer(weights, inputs, outputs, count, least):
    """``outputs += weights.T @ inputs`` in a tile's first ``count`` columns, then at ``least`` that."""
    rows = weights.shape[1]
    fours = rows - rows % 4
    for row in range(0, fours, 4):
        add_product_of_4(weights, inputs, outputs, row, count, least)
    for row in range(fours, rows):
        add_product_of_1(weights, inputs, outputs, row, count, least)


@jit
def layer(weights, bias, inputs, outputs, count, least):
    """A layer with ``weights`` ``[inputs, outputs]`` and ``bias`` ``[outputs]``; outputs are at ``least`` that."""
    for row in range(len(bias)):
        outputs[row, :count] = bias[row]
    add_layer(weights, inputs, outputs, count, least)


@jit
def add_rows(inputs, weights, outputs, count, least):
    """``outputs += inputs @ weights``, where tiles have a sample per row, then at ``least`` that.

    There are a multiple of 16 outputs, and ``count`` is one of 4.
    """
    for row in range(0, count, 4):
        add_4_rows(inputs, weights, outputs, row, outputs.shape[1], least)


@jit
def layer_of_rows(inputs, weights, bias, outputs, count, least):
    """A layer with ``weights`` ``[inputs, outputs]`` and ``bias`` ``[outputs]``, as :func:`add_rows` has it."""
    for row in range(count):
        outputs[row] = bias
    add_rows(inputs, weights, outputs, count, least)


@jit
def encode(network, points, sights, features, count):
    """What a network takes, of points ``[3, columns]`` in the unit cube: ``features`` ``[inputs, columns]``.

    ``sights`` (``[columns]``) count where levels have weights, see :func:`sight`.
    """
    slots, levels = network.mask + 1, len(network.scalings)
    for level in range(levels):
        part = network.table[level * slots : (level + 1) * slots]
        interpolate(part, points, network.scalings[level], np.uint32(network.mask), features, 2 * level, count)
        if network.sight > _ZERO:
            weigh(sights, _ONE / network.scalings[level], features[2 * levels + level], count)
            scale(features[2 * level], features[2 * levels + level], count)
            scale(features[2 * level + 1], features[2 * levels + level], count)


@jit
def weigh(sights, cell, weights, count):
    """Weights of a level whose cells have the side ``cell``, less 1; ``encodings.level_weights`` has the formula."""
    for i in range(count):
        weights[i] = error_function(sights[i] * cell) - _ONE


@jit
def scale(values, weights, count):
    """Multiply values with weights, of which 1 was taken away."""
    for i in range(count):
        values[i] *= weights[i] + _ONE


@jit
def evaluate(network, points, sights, features, hidden, outputs, count):
    """A network's outputs ``[outputs, columns]`` at points ``[3, columns]`` in the unit cube, by way of the others."""
    encode(network, points, sights, features, count)
    layer(network.first, network.first_bias, features, hidden, count, RECTIFIED)
    layer(network.second, network.second_bias, hidden, outputs, count, LINEAR)


@inlined
def in_box(space, x, y, z):
    """A point of the world with its coordinates in the box of a grid, from 0 to 1; others lie outside of it.

    ``space`` says whether space is ``contracted`` first, where the box begins (``low``), and one over its sides.
    """
    if space.contracted:
        norm = max(abs(x), abs(y), abs(z))
        if norm >= _ONE:
            factor = (_ONE + _ONE - _ONE / norm) / norm
            x, y, z = x * factor, y * factor, z * factor
    low, per_size = space.low, space.per_size
    return (x - low[0]) * per_size[0], (y - low[1]) * per_size[1], (z - low[2]) * per_size[2]


@inlined
def sight(network, x, y, z, deviation):
    """``1 / (sqrt(8) sigma)`` of a point of the world that is ``deviation`` wide, where sigma is that in the unit cube.

    The error function of this times a cell's side is how much a level counts.
    """
    center, per_radius = network.center, network.per_radius
    x, y, z = (x - center[0]) * per_radius, (y - center[1]) * per_radius, (z - center[2]) * per_radius
    deviation *= per_radius
    if network.contracted:
        norm = max(abs(x), abs(y), abs(z))
        if norm > _ONE:
            deviation *= (norm + norm - _ONE) ** _TWO_THIRDS / (norm * norm)
    return network.sight / deviation


@inlined
def place(network, x, y, z, points, inside, column):
    """Put a point of the world into a tile of points in the unit cube; what lies outside counts as 0."""
    center, per_radius = network.center, network.per_radius
    x, y, z = (x - center[0]) * per_radius, (y - center[1]) * per_radius, (z - center[2]) * per_radius
    x, y, z = in_box(network, x, y, z)
    within = x > _ZERO and x < _ONE and y > _ZERO and y < _ONE and z > _ZERO and z < _ONE
    points[0, column] = x if within else _ZERO
    points[1, column] = y if within else _ZERO
    points[2, column] = z if within else _ZERO
    inside[column] = _ONE if within else _ZERO


@jit
def place_ray(network, origin, direction, radius, edges, points, inside, sights, lengths, column):
    """Put a ray's samples, which lie amid ``edges`` (``[S + 1]``), into a tile from a column on.

    ``radius`` is how wide the ray is at distance 1; ``sights`` are filled where levels have weights.
    """
    for sample in range(len(edges) - 1):
        middle = (edges[sample] + edges[sample + 1]) * _HALF
        place(
            network,
            origin[0] + direction[0] * middle,
            origin[1] + direction[1] * middle,
            origin[2] + direction[2] * middle,
            points,
            inside,
            column + sample,
        )
        lengths[column + sample] = edges[sample + 1] - edges[sample]
    # A loop of its own: beside it the one above would not become vectors, also where no level has a weight.
    if network.sight > _ZERO:
        for sample in range(len(edges) - 1):
            middle = (edges[sample] + edges[sample + 1]) * _HALF
            sights[column + sample] = sight(
                network,
                origin[0] + direction[0] * middle,
                origin[1] + direction[1] * middle,
                origin[2] + direction[2] * middle,
                radius * middle,
            )


@jit
def to_opacities(logarithms, lengths, scale, inside, count):
    """Turn ``inside`` into samples' opacities; ``logarithms`` are those of the density over ``scale``."""
    for i in range(count):
        inside[i] = _ONE - exponential(-scale * exponential(logarithms[i]) * inside[i] * lengths[i])


@jit
def to_colours(values, count):
    """The logistic function of each number of a tile."""
    for row in range(len(values)):
        of_row = values[row]
        for i in range(count):
            of_row[i] = _ONE / (_ONE + exponential(-of_row[i]))


@jit
def to_weights(opacities, edges, opaque, column):
    """Turn a ray's opacities in a tile, from a column on, into weights; if ``opaque``, the last is 1.

    Returns:
        The ray's median depth, as nerfstudio has it: the middle of the sample at which the weights' sum reaches a half,
        else of the last.
    """
    samples = len(edges) - 1
    through, total, median = _ONE, _ZERO, samples - 1
    if opaque:
        opacities[column + samples - 1] = _ONE
    for sample in range(samples):
        weight = through * opacities[column + sample]
        opacities[column + sample] = weight
        through -= weight
        if total < _HALF and total + weight >= _HALF:
            median = sample
        total += weight
    return (edges[median] + edges[median + 1]) * _HALF
