"""CPU kernels of the hash grid that work on features and their Jacobian at once, compiled by Numba on first use.

Naming as in ``hash_grid_kernels``; ``dx`` is the slope of the weight ``ox`` along x in units of the points. A Jacobian
is ``[3, n, levels * width]``: axis first, so that sums over features run along memory.
"""

import functools
from typing import Any

import numpy as np

from s3im_methods.encodings.hash_grid_kernels import cell, inlined, jit, smoothstep


@inlined
def smoothed(offset, scaling, one):
    """Smoothstep of an offset and its slope in units of the points."""
    three = one + one + one
    return smoothstep(offset, one), scaling * (three + three) * offset * (one - offset)


@functools.cache
def encoder(width: int, smooth: bool) -> Any:
    """The kernel that interpolates the table and differentiates by the points."""

    @jit
    def encode(points, table, scalings, mask, features, jacobian, first, last):
        """Fill ``features[first:last]`` and ``jacobian[:, first:last]`` for ``points`` (``[n, 3]`` in [0, 1])."""
        one, bits = points.dtype.type(1), np.uint32(mask)
        for level in range(scalings.shape[0]):
            s, column = scalings[level], level * width
            part = table[level * (mask + 1) : (level + 1) * (mask + 1)]
            for i in range(first, last):
                ox, oy, oz, n000, n100, n010, n110, n001, n101, n011, n111 = cell(points, i, s, bits)
                dx, dy, dz = s, s, s
                if smooth:
                    ox, dx = smoothed(ox, s, one)
                    oy, dy = smoothed(oy, s, one)
                    oz, dz = smoothed(oz, s, one)
                ux, uy, uz = one - ox, one - oy, one - oz
                for f in range(width):
                    v000, v100, v010, v110 = part[n000, f], part[n100, f], part[n010, f], part[n110, f]
                    v001, v101, v011, v111 = part[n001, f], part[n101, f], part[n011, f], part[n111, f]
                    v11, v01 = v111 * ox + v011 * ux, v101 * ox + v001 * ux
                    v10, v00 = v110 * ox + v010 * ux, v100 * ox + v000 * ux
                    upper, lower = v11 * oy + v01 * uy, v10 * oy + v00 * uy
                    along_x1 = (v111 - v011) * oy + (v101 - v001) * uy
                    along_x0 = (v110 - v010) * oy + (v100 - v000) * uy
                    features[i, column + f] = upper * oz + lower * uz
                    jacobian[0, i, column + f] = (along_x1 * oz + along_x0 * uz) * dx
                    jacobian[1, i, column + f] = ((v11 - v01) * oz + (v10 - v00) * uz) * dy
                    jacobian[2, i, column + f] = (upper - lower) * dz

    return encode


@functools.cache
def table_differentiator(width: int, smooth: bool) -> Any:
    """The kernel of the gradient with respect to the table."""

    @jit
    def table_gradient(points, gradient, jacobian_gradient, scalings, mask, table_gradient, first_level, last_level):
        """Add the gradient of levels ``first_level:last_level`` to ``table_gradient``, which has the table's shape.

        ``gradient`` is with respect to the features, ``jacobian_gradient`` with respect to the Jacobian.
        """
        one, bits = points.dtype.type(1), np.uint32(mask)
        for level in range(first_level, last_level):
            s, column = scalings[level], level * width
            part = table_gradient[level * (mask + 1) : (level + 1) * (mask + 1)]
            for i in range(points.shape[0]):
                ox, oy, oz, n000, n100, n010, n110, n001, n101, n011, n111 = cell(points, i, s, bits)
                dx, dy, dz = s, s, s
                if smooth:
                    ox, dx = smoothed(ox, s, one)
                    oy, dy = smoothed(oy, s, one)
                    oz, dz = smoothed(oz, s, one)
                ux, uy, uz = one - ox, one - oy, one - oz
                for f in range(width):
                    g = gradient[i, column + f]
                    gx = jacobian_gradient[0, i, column + f] * dx
                    gy = jacobian_gradient[1, i, column + f] * dy
                    gz = jacobian_gradient[2, i, column + f] * dz
                    upper, lower = g * oz + gz, g * uz - gz
                    g11, g01 = upper * oy + gy * oz, upper * uy - gy * oz
                    g10, g00 = lower * oy + gy * uz, lower * uy - gy * uz
                    gx11, gx01, gx10, gx00 = gx * oz * oy, gx * oz * uy, gx * uz * oy, gx * uz * uy
                    part[n111, f] += g11 * ox + gx11
                    part[n011, f] += g11 * ux - gx11
                    part[n101, f] += g01 * ox + gx01
                    part[n001, f] += g01 * ux - gx01
                    part[n110, f] += g10 * ox + gx10
                    part[n010, f] += g10 * ux - gx10
                    part[n100, f] += g00 * ox + gx00
                    part[n000, f] += g00 * ux - gx00

    return table_gradient
