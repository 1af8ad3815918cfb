"""Kernels on ranges of rays: weights of proposals, samples drawn from them, colours, and slopes of the density.

A range is worked on tile by tile, see ``tile_kernels``: what lies between a ray and its result never leaves the cache.
"""

import numpy as np

from s3im_methods.rendering import LANES
from s3im_methods.rendering.tile_kernels import (
    LINEAR,
    RECTIFIED,
    add_layer,
    encode,
    evaluate,
    jit,
    layer,
    place,
    place_ray,
    to_colours,
    to_opacities,
    to_weights,
)

TILE = 192
"""Samples of a tile, about: with 32 numbers each they fill a cache of 32 KB."""

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
# The sight of a point without width.
_ALL_LEVELS = np.float32(np.inf)
_SMALLEST_SUM = np.float32(1e-5)
# Of samples that weigh less, a ray's all together change no pixel of an 8-bit image by 1.
_LEAST_WEIGHT = np.float32(1e-4)


@jit
def rays_in_tile(samples):
    """How many rays with so many samples make a tile."""
    return max(TILE // samples, 1)


@jit
def columns(count):
    """The least multiple of a vector's lanes that holds so many."""
    return (count + LANES - 1) // LANES * LANES


@jit
def tile_for(network, width):
    """Of ``width`` samples: points, opacities, sights, lengths, and what the network takes, has between and gives."""
    return (
        np.zeros((3, width), np.float32),
        np.zeros(width, np.float32),
        np.zeros(width, np.float32),
        np.zeros(width, np.float32),
        np.zeros((network.first.shape[0], width), np.float32),
        np.zeros((network.first.shape[1], width), np.float32),
        np.zeros((network.second.shape[1], width), np.float32),
    )


@jit
def opacities_in_tile(network, origins, directions, radii, edges, begin, end, tile):
    """Put the samples of rays ``begin`` to ``end`` into a tile, and their opacities; how many columns count."""
    points, opacities, sights, lengths, features, hidden, outputs = tile
    samples = edges.shape[1] - 1
    for ray in range(begin, end):
        column = (ray - begin) * samples
        place_ray(
            network, origins[ray], directions[ray], radii[ray], edges[ray], points, opacities, sights, lengths, column
        )
    count = columns((end - begin) * samples)
    evaluate(network, points, sights, features, hidden, outputs, count)
    to_opacities(outputs[0], lengths, network.scale, opacities, count)
    return count


@jit
def proposal_weights(network, origins, directions, radii, edges, opaque, weights, depths, first, last):
    """Fill ``weights[first:last]`` (``[R, S]``) and median ``depths`` (``[R]``) by a proposal network.

    ``edges`` (``[R, S + 1]``) are distances along the ray between which samples lie, and ``radii`` (``[R]``) how wide
    rays are at distance 1. If ``opaque``, last samples let nothing through.
    """
    samples = edges.shape[1] - 1
    rays = rays_in_tile(samples)
    width = columns(rays * samples)
    tile = tile_for(network, width)
    inside = tile[1]
    for begin in range(first, last, rays):
        end = min(begin + rays, last)
        opacities_in_tile(network, origins, directions, radii, edges, begin, end, tile)
        for ray in range(begin, end):
            column = (ray - begin) * samples
            depths[ray] = to_weights(inside, edges[ray], opaque, column)
            weights[ray] = inside[column : column + samples]


@jit
def resample(weights, bins, start, side, width, padding, anneal, found, first, last):
    """Fill ``found[first:last]`` (``[R, N + 1]``) with bins of equal share of a histogram, as nerfstudio's PDFSampler.

    Rays are those of the pixels of an image ``width`` pixels wide, from pixel ``start`` on. Histograms are those of
    squares of ``side`` x ``side`` pixels, seen from their middles: ``weights`` ``[rows, columns, S]``. A pixel's is
    interpolated between the middles around it. ``bins`` ``[1 or R, S + 1]``; ``padding`` is added to each weight, which
    is raised to the power ``anneal`` first.
    """
    rows, cols, samples = weights.shape
    count = found.shape[1]
    shares = np.empty(samples, np.float32)
    for ray in range(first, last):
        row, column = (ray + start) // width - side // 2, (ray + start) % width - side // 2
        above, left = row // side, column // side
        below, right = above + (row % side > 0), left + (column % side > 0)
        above, below = min(max(above, 0), rows - 1), min(max(below, 0), rows - 1)
        down, across = np.float32(row % side) / np.float32(side), np.float32(column % side) / np.float32(side)
        left, right = min(max(left, 0), cols - 1), min(max(right, 0), cols - 1)
        a, b, c, d = weights[above, left], weights[above, right], weights[below, left], weights[below, right]
        total = _ZERO
        for sample in range(samples):
            upper, lower = a[sample] + (b[sample] - a[sample]) * across, c[sample] + (d[sample] - c[sample]) * across
            shares[sample] = upper + (lower - upper) * down
        if anneal != _ONE:
            shares **= anneal
        shares += padding
        for sample in range(samples):
            total += shares[sample]
        lack = max(_SMALLEST_SUM - total, _ZERO)
        if lack > _ZERO:
            total += lack
            shares += lack / np.float32(samples)
        own, of_ray = bins[min(ray, len(bins) - 1)], found[ray]
        at, before, share = 0, _ZERO, shares[0]
        for place_in in range(count):
            wanted = (np.float32(place_in) + _HALF) / np.float32(count) * total
            while at < samples - 1 and before + share <= wanted:
                before += share
                at += 1
                share = shares[at]
            part = min(max((wanted - before) / share, _ZERO), _ONE) if share > _ZERO else _ZERO
            of_ray[place_in] = own[at] + part * (own[at + 1] - own[at])


@jit
def radiance(
    network,
    head,
    of_rays,
    origins,
    directions,
    radii,
    edges,
    opaque,
    with_last,
    colours,
    last_colours,
    sums,
    first,
    last,
):
    """Fill ``colours[first:last]`` (``[R, 3]``, sums of weighted colours), and what else rays show.

    ``head`` are the colour network's layers: weights of the samples' own inputs ``[features, width]``, then two times
    weights and bias; ``of_rays`` (``[R, width]``) is what a ray's samples share of the first. ``last_colours``
    (``[R, 3]``) are those of the last samples, if ``with_last``; ``sums`` (``[R, 3]``) the rays' opacity, median depth,
    and sum of weighted depths. ``radii`` and ``opaque`` are as above.
    """
    samples = edges.shape[1] - 1
    rays = rays_in_tile(samples)
    width = columns(rays * samples)
    own_weights, second, second_bias, third, third_bias = head
    tile = tile_for(network, width)
    inside, outputs = tile[1], tile[6]
    seen = np.zeros((own_weights.shape[0], width), np.float32)
    hidden_1 = np.zeros((own_weights.shape[1], width), np.float32)
    hidden_2 = np.zeros((second.shape[1], width), np.float32)
    shown = np.zeros((third.shape[1], width), np.float32)
    chosen, bounds = np.zeros(width, np.int64), np.zeros(rays + 1, np.int64)
    for begin in range(first, last, rays):
        end = min(begin + rays, last)
        count = opacities_in_tile(network, origins, directions, radii, edges, begin, end, tile)
        picked = 0
        for ray in range(begin, end):
            column, opacity, depth = (ray - begin) * samples, _ZERO, _ZERO
            own = edges[ray]
            sums[ray, 1] = to_weights(inside, own, opaque, column)
            for sample in range(samples):
                weight = inside[column + sample]
                opacity += weight
                depth += weight * ((own[sample] + own[sample + 1]) * _HALF)
                if weight > _LEAST_WEIGHT or (with_last and sample == samples - 1):
                    chosen[picked] = column + sample
                    picked += 1
            sums[ray, 0], sums[ray, 2] = opacity, depth
            bounds[ray - begin + 1] = picked
        for feature in range(len(seen)):
            source, target = outputs[feature + 1], seen[feature]
            for place_in in range(picked):
                target[place_in] = source[chosen[place_in]]
        count = columns(picked)
        for row in range(len(hidden_1)):
            of_row = hidden_1[row]
            for ray in range(begin, end):
                of_row[bounds[ray - begin] : bounds[ray - begin + 1]] = of_rays[ray, row]
        add_layer(own_weights, seen, hidden_1, count, RECTIFIED)
        layer(second, second_bias, hidden_1, hidden_2, count, RECTIFIED)
        layer(third, third_bias, hidden_2, shown, count, LINEAR)
        to_colours(shown, count)
        for ray in range(begin, end):
            for channel in range(3):
                total, of_channel = _ZERO, shown[channel]
                for place_in in range(bounds[ray - begin], bounds[ray - begin + 1]):
                    total += inside[chosen[place_in]] * of_channel[place_in]
                colours[ray, channel] = total
                if with_last:
                    last_colours[ray, channel] = of_channel[bounds[ray - begin + 1] - 1]


@jit
def feature_slopes(network, first_transposed, points, units, slopes, first, last):
    """Slopes ``[n, 2 * levels]`` of the density's logarithm by the grid's features, at ``points[first:last]``.

    ``units`` (``[n, 3]``) become the points in the unit cube; slopes are 0 outside of it. All levels count in full.
    """
    width = columns(TILE)
    tile, inside, sights = np.zeros((3, width), np.float32), np.zeros(width, np.float32), np.full(width, _ALL_LEVELS)
    features = np.zeros((network.first.shape[0], width), np.float32)
    hidden = np.zeros((network.first.shape[1], width), np.float32)
    found = np.zeros((2 * len(network.scalings), width), np.float32)
    for begin in range(first, last, TILE):
        end = min(begin + TILE, last)
        for i in range(begin, end):
            place(network, points[i, 0], points[i, 1], points[i, 2], tile, inside, i - begin)
        count = columns(end - begin)
        encode(network, tile, sights, features, count)
        layer(network.first, network.first_bias, features, hidden, count, RECTIFIED)
        for row in range(len(hidden)):
            of_row, weight = hidden[row], network.second[row, 0]
            for i in range(count):
                of_row[i] = weight if of_row[i] > _ZERO else _ZERO
        found[:, :count] = _ZERO
        add_layer(first_transposed, hidden, found, count, LINEAR)
        for i in range(begin, end):
            for axis in range(3):
                units[i, axis] = tile[axis, i - begin]
            for row in range(len(found)):
                slopes[i, row] = found[row, i - begin] * inside[i - begin]


@jit
def world_slopes(network, points, slopes, first, last):
    """Turn slopes ``[n, 3]`` by points in the unit cube into those by points ``[n, 3]`` in the world."""
    for i in range(first, last):
        for axis in range(3):
            slopes[i, axis] *= network.per_size[axis] * network.per_radius
        if not network.contracted:
            continue
        largest, norm, dot = 0, _ZERO, _ZERO
        for axis in range(3):
            own = (points[i, axis] - network.center[axis]) * network.per_radius
            dot += slopes[i, axis] * own
            if abs(own) > norm:
                largest, norm = axis, abs(own)
        if norm < _ONE:
            continue
        # The contraction multiplies a point by 2 / norm - 1 / norm^2.
        factor = (_ONE + _ONE - _ONE / norm) / norm
        change = (_ONE / norm - _ONE) * (_ONE + _ONE) / (norm * norm)
        for axis in range(3):
            slopes[i, axis] *= factor
        slopes[i, largest] += dot * change * np.sign(points[i, largest] - network.center[largest])
