"""TensoRF's densities and colours on ranges of rays, see ``ray_kernels``; here a tile has a sample per row."""

import numpy as np

from s3im_methods.encodings.vm_kernels import add_products, multiply
from s3im_methods.rendering.ray_kernels import rays_in_tile
from s3im_methods.rendering.tile_kernels import (
    LINEAR,
    RECTIFIED,
    add_rows,
    exponential,
    in_box,
    inlined,
    jit,
    layer_of_rows,
    to_colours,
    to_weights,
)

_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
_THIRD, _SMALL, _LARGE = np.float32(1 / 3), np.float32(0.01), np.float32(20)
_PI, _PER_PI = np.float32(np.pi), np.float32(1 / np.pi)
# Pi less its float32, and the sine's Taylor series up to x^11, exact to the last bit but one up to pi / 2.
_PI_LOW = np.float32(np.pi - np.float64(np.float32(np.pi)))
_S3, _S5, _S7 = np.float32(-1 / 6), np.float32(1 / 120), np.float32(-1 / 5040)
_S9, _S11 = np.float32(1 / 362880), np.float32(-1 / 39916800)


@inlined
def sine(x):
    """The sine of a float32, to about a part in five million of 1 for angles up to some thousand."""
    turns = np.floor(x * _PER_PI + _HALF)
    r = x - turns * _PI - turns * _PI_LOW
    s = r * r
    odd = turns - _TWO * np.floor(turns * _HALF)
    value = r + r * s * (_S3 + s * (_S5 + s * (_S7 + s * (_S9 + s * _S11))))
    return value * (_ONE - _TWO * odd)


@inlined
def place_in_grid(grids, x, y, z, points, row):
    """Put a point of the world into a tile of points in the grids' box, from -1 to 1; whether it lies there."""
    x, y, z = in_box(grids, x * grids.per_unit, y * grids.per_unit, z * grids.per_unit)
    inside = x >= _ZERO and x <= _ONE and y >= _ZERO and y <= _ONE and z >= _ZERO and z <= _ONE
    points[row, 0] = x * _TWO - _ONE if inside else _ZERO
    points[row, 1] = y * _TWO - _ONE if inside else _ZERO
    points[row, 2] = z * _TWO - _ONE if inside else _ZERO
    return inside


@jit
def to_densities(sums, shift, rectified, count):
    """Turn sums of features into densities over ``distance_scale``: by ReLU, or a shifted softplus."""
    for i in range(count):
        if rectified:
            sums[i] = max(sums[i], _ZERO)
        else:
            x = sums[i] + shift
            power = exponential(x)
            series = power * (_ONE - power * (_HALF - power * _THIRD))
            sums[i] = x if x > _LARGE else (series if power < _SMALL else np.log(_ONE + power))


@jit
def densities(grids, points, sums, count):
    """Densities ``[rows]``, over ``distance_scale``, at points ``[rows, 3]`` in [-1, 1]."""
    sums[:count] = _ZERO
    for pair in range(3):
        column, row, along = grids.axes[pair]
        add_products(points, column, row, along, grids.planes[pair], grids.lines[pair], sums, 0, count)
    to_densities(sums, grids.shift, grids.rectified, count)


@jit
def grid_weights(grids, origins, directions, edges, weights, depths, first, last):
    """Fill ``weights[first:last]`` (``[R, S]``) and median ``depths`` (``[R]``) by the field's density.

    ``edges`` (``[R, S + 1]``) are distances along the ray between which samples lie.
    """
    samples = edges.shape[1] - 1
    rays = rays_in_tile(samples)
    points, sums = np.zeros((rays * samples, 3), np.float32), np.zeros(rays * samples, np.float32)
    lengths = np.zeros(rays * samples, np.float32)
    for begin in range(first, last, rays):
        end = min(begin + rays, last)
        for ray in range(begin, end):
            origin, direction, own = origins[ray], directions[ray], edges[ray]
            for sample in range(samples):
                middle, row = (own[sample] + own[sample + 1]) * _HALF, (ray - begin) * samples + sample
                inside = place_in_grid(
                    grids,
                    origin[0] + direction[0] * middle,
                    origin[1] + direction[1] * middle,
                    origin[2] + direction[2] * middle,
                    points,
                    row,
                )
                lengths[row] = own[sample + 1] - own[sample] if inside else _ZERO
        count = (end - begin) * samples
        densities(grids, points, sums, count)
        for i in range(count):
            sums[i] = _ONE - exponential(-grids.scale * sums[i] * lengths[i])
        for ray in range(begin, end):
            column = (ray - begin) * samples
            depths[ray] = to_weights(sums, edges[ray], False, column)
            weights[ray] = sums[column : column + samples]


@jit
def octaves(features, sines, cosines, double_sines, double_cosines, count):
    """Sines and cosines of ``count`` features and of their doubles."""
    for i in range(count):
        s, c = sine(features[i]), sine(features[i] + _PI * _HALF)
        sines[i], cosines[i] = s, c
        double_sines[i], double_cosines[i] = _TWO * s * c, _ONE - _TWO * s * s


@jit
def grid_colours(
    grids, head, of_rays, origins, directions, edges, weights, threshold, with_last, colours, lasts, first, last
):
    """Fill ``colours[first:last]`` (``[R, 3]``, sums of weighted colours) of rays whose samples weigh ``weights``.

    Only samples that weigh more than ``threshold`` have one, and the last if ``with_last``, which goes into ``lasts``
    (``[R, 3]``) too. ``head``: the matrix that makes appearance of features ``[features, 16 k]``; weights for
    appearance, its sines, cosines, and those of its double ``[5, appearance, width]``, and two times weights and bias;
    ``of_rays`` (``[R, width]``) is what rays share of the first layer.
    """
    samples = edges.shape[1] - 1
    rays = rays_in_tile(samples)
    basis, own_weights, second, second_bias, third, third_bias = head
    # Layers work on four rows at a time.
    rows = (rays * samples + 3) // 4 * 4
    points = np.zeros((rows, 3), np.float32)
    features = np.zeros((rows, basis.shape[0]), np.float32)
    # Appearance, and its sines and cosines.
    encoded = np.zeros((5, rows, basis.shape[1]), np.float32)
    flat = encoded.reshape(5, -1)
    hidden_1, hidden_2 = np.zeros((rows, second.shape[0]), np.float32), np.zeros((rows, second.shape[1]), np.float32)
    shown, nothing = np.zeros((rows, third.shape[1]), np.float32), np.zeros(basis.shape[1], np.float32)
    ray_of, sample_of = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    components = grids.planes[0].shape[2]
    for begin in range(first, last, rays):
        end, picked = min(begin + rays, last), 0
        for ray in range(begin, end):
            origin, direction, own = origins[ray], directions[ray], edges[ray]
            for sample in range(samples):
                if not (weights[ray, sample] > threshold or (with_last and sample == samples - 1)):
                    continue
                middle = (own[sample] + own[sample + 1]) * _HALF
                place_in_grid(
                    grids,
                    origin[0] + direction[0] * middle,
                    origin[1] + direction[1] * middle,
                    origin[2] + direction[2] * middle,
                    points,
                    picked,
                )
                ray_of[picked], sample_of[picked] = ray, sample
                picked += 1
        for pair in range(3):
            column, row, along = grids.axes[pair]
            plane, line = grids.planes[pair], grids.lines[pair]
            multiply(points, column, row, along, plane, line, features, pair * components, 0, picked)
        count = (picked + 3) // 4 * 4
        layer_of_rows(features, basis, nothing, encoded[0], count, LINEAR)
        octaves(flat[0], flat[1], flat[2], flat[3], flat[4], count * basis.shape[1])
        for row in range(picked):
            hidden_1[row] = of_rays[ray_of[row]]
        for part in range(5):
            add_rows(encoded[part], own_weights[part], hidden_1, count, RECTIFIED if part == 4 else LINEAR)
        layer_of_rows(hidden_1, second, second_bias, hidden_2, count, RECTIFIED)
        layer_of_rows(hidden_2, third, third_bias, shown, count, LINEAR)
        to_colours(shown[:count], shown.shape[1])
        colours[begin:end] = _ZERO
        for row in range(picked):
            ray, of_row = ray_of[row], shown[row]
            weight = weights[ray, sample_of[row]]
            for channel in range(3):
                colours[ray, channel] += weight * of_row[channel]
            if with_last and sample_of[row] == samples - 1:
                for channel in range(3):
                    lasts[ray, channel] = of_row[channel]


@jit
def density_falls(grids, points, step, falls, first, last):
    """Fill ``falls[first:last]`` (``[n, 3]``): density a ``step`` before points, less that a step behind, by axis."""
    around, sums, inside = np.zeros((6, 3), np.float32), np.zeros(6, np.float32), np.zeros(6, np.bool_)
    for i in range(first, last):
        for k in range(6):
            x, y, z = points[i, 0], points[i, 1], points[i, 2]
            move = step if k < 3 else -step
            if k % 3 == 0:
                x += move
            elif k % 3 == 1:
                y += move
            else:
                z += move
            inside[k] = place_in_grid(grids, x, y, z, around, k)
        densities(grids, around, sums, 6)
        for axis in range(3):
            ahead = sums[axis] if inside[axis] else _ZERO
            behind = sums[axis + 3] if inside[axis + 3] else _ZERO
            falls[i, axis] = behind - ahead
