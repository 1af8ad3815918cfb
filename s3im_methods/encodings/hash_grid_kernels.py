"""CPU kernels of the multiresolution hash grid (Mueller et al., SIGGRAPH 2022), compiled by Numba on first use.

Naming: point ``i`` of ``n``, a level with resolution ``s``, feature ``f``; ``x0``, ``x1`` are the lower and upper
node along x with their part of the hash, ``ox`` the weight of the upper node (its offset, or smoothstep of that),
``ux = 1 - ox`` the weight of the lower; ``n101`` is the slot of the node that is upper in x and z. A level's slots
begin at ``level * (mask + 1)``, and a node's slot in its level is ``(x ^ y * PRIME_Y ^ z * PRIME_Z) & mask``.

The arithmetic and its order are those of nerfstudio's ``HashEncoding.pytorch_fwd``, so that linear interpolation is
equal to it to the last bit. (Plain numbers would turn float32 into float64, hence ``one``.) Nothing here holds the
GIL: callers cut the points (or, where several points write to one slot, the levels) into one range per thread, and no
two threads ever write to the same place.
"""

import numba
import numpy as np

PRIME_Y = 2654435761
PRIME_Z = 805459861

jit = numba.njit(nogil=True, cache=True, error_model="numpy")


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def axis(coordinate, scaling, prime):
    """Lower node, upper node (both hashed) and offset along one axis."""
    scaled = coordinate * scaling
    floor = np.floor(scaled)
    return np.int64(floor) * prime, np.int64(np.ceil(scaled)) * prime, scaled - floor


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def smoothstep(offset, one):
    """Weight of the upper node, ``3 t^2 - 2 t^3``, whose slope is 0 at both nodes (Mueller et al., appendix A)."""
    return offset * offset * (one + (one - offset) + (one - offset))


@jit
def encode(points, table, scalings, mask, smooth, features, first, last):
    """Fill ``features[first:last]`` (``[n, levels * F]``) for ``points`` (``[n, 3]`` in [0, 1])."""
    one = points.dtype.type(1)
    width = table.shape[1]
    for level in range(scalings.shape[0]):
        s, base, column = scalings[level], level * (mask + 1), level * width
        for i in range(first, last):
            x0, x1, ox = axis(points[i, 0], s, 1)
            y0, y1, oy = axis(points[i, 1], s, PRIME_Y)
            z0, z1, oz = axis(points[i, 2], s, PRIME_Z)
            if smooth:
                ox, oy, oz = smoothstep(ox, one), smoothstep(oy, one), smoothstep(oz, one)
            ux, uy, uz = one - ox, one - oy, one - oz
            n000, n100 = base + ((x0 ^ y0 ^ z0) & mask), base + ((x1 ^ y0 ^ z0) & mask)
            n010, n110 = base + ((x0 ^ y1 ^ z0) & mask), base + ((x1 ^ y1 ^ z0) & mask)
            n001, n101 = base + ((x0 ^ y0 ^ z1) & mask), base + ((x1 ^ y0 ^ z1) & mask)
            n011, n111 = base + ((x0 ^ y1 ^ z1) & mask), base + ((x1 ^ y1 ^ z1) & mask)
            for f in range(width):
                upper = (table[n111, f] * ox + table[n011, f] * ux) * oy + (
                    table[n101, f] * ox + table[n001, f] * ux
                ) * uy
                lower = (table[n110, f] * ox + table[n010, f] * ux) * oy + (
                    table[n100, f] * ox + table[n000, f] * ux
                ) * uy
                features[i, column + f] = upper * oz + lower * uz


@jit
def table_gradient(points, gradient, scalings, mask, smooth, table_gradient, first_level, last_level):
    """Add the gradient of levels ``first_level:last_level`` to ``table_gradient`` (``[levels * (mask + 1), F]``)."""
    one = points.dtype.type(1)
    width = table_gradient.shape[1]
    for level in range(first_level, last_level):
        s, base, column = scalings[level], level * (mask + 1), level * width
        for i in range(points.shape[0]):
            x0, x1, ox = axis(points[i, 0], s, 1)
            y0, y1, oy = axis(points[i, 1], s, PRIME_Y)
            z0, z1, oz = axis(points[i, 2], s, PRIME_Z)
            if smooth:
                ox, oy, oz = smoothstep(ox, one), smoothstep(oy, one), smoothstep(oz, one)
            ux, uy, uz = one - ox, one - oy, one - oz
            for f in range(width):
                g = gradient[i, column + f]
                g11, g01, g10, g00 = g * oz * oy, g * oz * uy, g * uz * oy, g * uz * uy
                table_gradient[base + ((x1 ^ y1 ^ z1) & mask), f] += g11 * ox
                table_gradient[base + ((x0 ^ y1 ^ z1) & mask), f] += g11 * ux
                table_gradient[base + ((x1 ^ y0 ^ z1) & mask), f] += g01 * ox
                table_gradient[base + ((x0 ^ y0 ^ z1) & mask), f] += g01 * ux
                table_gradient[base + ((x1 ^ y1 ^ z0) & mask), f] += g10 * ox
                table_gradient[base + ((x0 ^ y1 ^ z0) & mask), f] += g10 * ux
                table_gradient[base + ((x1 ^ y0 ^ z0) & mask), f] += g00 * ox
                table_gradient[base + ((x0 ^ y0 ^ z0) & mask), f] += g00 * ux


@jit
def point_gradient(points, table, gradient, scalings, mask, point_gradient, first, last):
    """Fill ``point_gradient[first:last]`` (``[n, 3]``) for linear interpolation."""
    one = points.dtype.type(1)
    width = table.shape[1]
    for i in range(first, last):
        dx, dy, dz = one * 0, one * 0, one * 0
        for level in range(scalings.shape[0]):
            s, base, column = scalings[level], level * (mask + 1), level * width
            x0, x1, ox = axis(points[i, 0], s, 1)
            y0, y1, oy = axis(points[i, 1], s, PRIME_Y)
            z0, z1, oz = axis(points[i, 2], s, PRIME_Z)
            ux, uy, uz = one - ox, one - oy, one - oz
            for f in range(width):
                v000, v100 = table[base + ((x0 ^ y0 ^ z0) & mask), f], table[base + ((x1 ^ y0 ^ z0) & mask), f]
                v010, v110 = table[base + ((x0 ^ y1 ^ z0) & mask), f], table[base + ((x1 ^ y1 ^ z0) & mask), f]
                v001, v101 = table[base + ((x0 ^ y0 ^ z1) & mask), f], table[base + ((x1 ^ y0 ^ z1) & mask), f]
                v011, v111 = table[base + ((x0 ^ y1 ^ z1) & mask), f], table[base + ((x1 ^ y1 ^ z1) & mask), f]
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
        point_gradient[i, 0], point_gradient[i, 1], point_gradient[i, 2] = dx, dy, dz
