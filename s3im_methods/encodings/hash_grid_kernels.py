"""CPU kernels of the multiresolution hash grid (Mueller et al., SIGGRAPH 2022), compiled by Numba on first use.

Naming: point ``i`` of ``n``, a level with resolution ``s`` and its slots ``part``, feature ``f`` of ``width``; ``x0``,
``x1`` are the lower and upper node along x with their part of the hash, ``ox`` the weight of the upper node (its
offset, or smoothstep of that), ``ux = 1 - ox`` the weight of the lower; ``n101`` is the slot of the node that is upper
in x and z. A level's slots begin at ``level * (mask + 1)``, and a node's slot in its level is
``(x ^ y * PRIME_Y ^ z * PRIME_Z) & mask``, for which the lower 32 bits are enough.

The arithmetic and its order are those of nerfstudio's ``HashEncoding.pytorch_fwd``, so that linear interpolation is
equal to it to the last bit. (Plain numbers would turn float32 into float64, hence ``one``.) Features per slot and
interpolation are constants of a kernel, and slots are unsigned: so the compiler works on several points at once, which
takes half the time. Nothing here holds the GIL: callers cut the points (or, where several points write to one slot, the
levels) into one range per thread, and no two threads ever write to the same place.
"""

import functools
from typing import Any

import numpy as np

from s3im_methods.kernels.compiled import compiled

PRIME_X, PRIME_Y, PRIME_Z = np.uint32(1), np.uint32(2654435761), np.uint32(805459861)

jit = compiled()
inlined = compiled(inline="always")


@inlined
def axis(coordinate, scaling, prime):
    """Lower node, upper node (both hashed) and offset along one axis."""
    scaled = coordinate * scaling
    floor = np.floor(scaled)
    return np.uint32(np.int32(floor)) * prime, np.uint32(np.int32(np.ceil(scaled))) * prime, scaled - floor


@inlined
def smoothstep(offset, one):
    """Weight of the upper node, ``3 t^2 - 2 t^3``, whose slope is 0 at both nodes (Mueller et al., appendix A)."""
    return offset * offset * (one + (one - offset) + (one - offset))


@inlined
def cell(points, i, scaling, mask):
    """Offsets of a point in its cell, and its nodes' slots: n000, n100, n010, n110, n001, n101, n011, n111."""
    x0, x1, ox = axis(points[i, 0], scaling, PRIME_X)
    y0, y1, oy = axis(points[i, 1], scaling, PRIME_Y)
    z0, z1, oz = axis(points[i, 2], scaling, PRIME_Z)
    y00, y10, y01, y11 = y0 ^ z0, y1 ^ z0, y0 ^ z1, y1 ^ z1
    lower = (x0 ^ y00) & mask, (x1 ^ y00) & mask, (x0 ^ y10) & mask, (x1 ^ y10) & mask
    return ox, oy, oz, *lower, (x0 ^ y01) & mask, (x1 ^ y01) & mask, (x0 ^ y11) & mask, (x1 ^ y11) & mask


@functools.cache
def encoder(width: int, smooth: bool) -> Any:
    """The kernel that interpolates the table."""

    @jit
    def encode(points, table, scalings, mask, features, first, last):
        """Fill ``features[first:last]`` (``[n, levels * width]``) for ``points`` (``[n, 3]`` in [0, 1])."""
        one, bits = points.dtype.type(1), np.uint32(mask)
        for level in range(scalings.shape[0]):
            s, column = scalings[level], level * width
            part = table[level * (mask + 1) : (level + 1) * (mask + 1)]
            for i in range(first, last):
                ox, oy, oz, n000, n100, n010, n110, n001, n101, n011, n111 = cell(points, i, s, bits)
                if smooth:
                    ox, oy, oz = smoothstep(ox, one), smoothstep(oy, one), smoothstep(oz, one)
                ux, uy, uz = one - ox, one - oy, one - oz
                for f in range(width):
                    upper = (part[n111, f] * ox + part[n011, f] * ux) * oy + (
                        part[n101, f] * ox + part[n001, f] * ux
                    ) * uy
                    lower = (part[n110, f] * ox + part[n010, f] * ux) * oy + (
                        part[n100, f] * ox + part[n000, f] * ux
                    ) * uy
                    features[i, column + f] = upper * oz + lower * uz

    return encode


@functools.cache
def table_differentiator(width: int, smooth: bool) -> Any:
    """The kernel of the gradient with respect to the table."""

    @jit
    def table_gradient(points, gradient, scalings, mask, table_gradient, first_level, last_level):
        """Add the gradient of levels ``first_level:last_level`` to ``table_gradient``, which has the table's shape."""
        one, bits = points.dtype.type(1), np.uint32(mask)
        for level in range(first_level, last_level):
            s, column = scalings[level], level * width
            part = table_gradient[level * (mask + 1) : (level + 1) * (mask + 1)]
            for i in range(points.shape[0]):
                ox, oy, oz, n000, n100, n010, n110, n001, n101, n011, n111 = cell(points, i, s, bits)
                if smooth:
                    ox, oy, oz = smoothstep(ox, one), smoothstep(oy, one), smoothstep(oz, one)
                ux, uy, uz = one - ox, one - oy, one - oz
                for f in range(width):
                    g = gradient[i, column + f]
                    g11, g01, g10, g00 = g * oz * oy, g * oz * uy, g * uz * oy, g * uz * uy
                    part[n111, f] += g11 * ox
                    part[n011, f] += g11 * ux
                    part[n101, f] += g01 * ox
                    part[n001, f] += g01 * ux
                    part[n110, f] += g10 * ox
                    part[n010, f] += g10 * ux
                    part[n100, f] += g00 * ox
                    part[n000, f] += g00 * ux

    return table_gradient


@functools.cache
def point_differentiator(width: int) -> Any:
    """The kernel of the gradient with respect to the points, for linear interpolation."""

    @jit
    def point_gradient(points, table, gradient, scalings, mask, point_gradient, first, last):
        """Fill ``point_gradient[first:last]``."""
        zero, one, bits = points.dtype.type(0), points.dtype.type(1), np.uint32(mask)
        point_gradient[first:last] = zero
        for level in range(scalings.shape[0]):
            s, column = scalings[level], level * width
            part = table[level * (mask + 1) : (level + 1) * (mask + 1)]
            for i in range(first, last):
                ox, oy, oz, n000, n100, n010, n110, n001, n101, n011, n111 = cell(points, i, s, bits)
                ux, uy, uz = one - ox, one - oy, one - oz
                dx, dy, dz = zero, zero, zero
                for f in range(width):
                    v000, v100, v010, v110 = part[n000, f], part[n100, f], part[n010, f], part[n110, f]
                    v001, v101, v011, v111 = part[n001, f], part[n101, f], part[n011, f], part[n111, f]
                    g = gradient[i, column + f] * s
                    along_x1 = (v111 - v011) * oy + (v101 - v001) * uy
                    along_x0 = (v110 - v010) * oy + (v100 - v000) * uy
                    along_y1 = (v111 - v101) * ox + (v011 - v001) * ux
                    along_y0 = (v110 - v100) * ox + (v010 - v000) * ux
                    along_z1 = (v111 - v110) * ox + (v011 - v010) * ux
                    along_z0 = (v101 - v100) * ox + (v001 - v000) * ux
                    dx += g * (along_x1 * oz + along_x0 * uz)
                    dy += g * (along_y1 * oz + along_y0 * uz)
                    dz += g * (along_z1 * oy + along_z0 * uy)
                point_gradient[i, 0] += dx
                point_gradient[i, 1] += dy
                point_gradient[i, 2] += dz

    return point_gradient
