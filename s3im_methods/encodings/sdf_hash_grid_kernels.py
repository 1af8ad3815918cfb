"""CPU kernels of the hash grid that work on features and their Jacobian at once, compiled by Numba on first use.

Naming as in ``hash_grid_kernels``; ``dx`` is the slope of the weight ``ox`` along x in units of the points. A Jacobian
is ``[3, n, levels * F]``: axis first, so that sums over features run along memory.
"""

from s3im_methods.encodings.hash_grid_kernels import PRIME_Y, PRIME_Z, axis, jit, smoothstep


@jit
def encode(points, table, scalings, mask, smooth, features, jacobian, first, last):
    """Fill ``features[first:last]`` and ``jacobian[:, first:last]`` for ``points`` (``[n, 3]`` in [0, 1])."""
    one, six = points.dtype.type(1), points.dtype.type(6)
    width = table.shape[1]
    for level in range(scalings.shape[0]):
        s, base, column = scalings[level], level * (mask + 1), level * width
        for i in range(first, last):
            x0, x1, ox = axis(points[i, 0], s, 1)
            y0, y1, oy = axis(points[i, 1], s, PRIME_Y)
            z0, z1, oz = axis(points[i, 2], s, PRIME_Z)
            dx, dy, dz = s, s, s
            if smooth:
                dx, dy, dz = s * six * ox * (one - ox), s * six * oy * (one - oy), s * six * oz * (one - oz)
                ox, oy, oz = smoothstep(ox, one), smoothstep(oy, one), smoothstep(oz, one)
            ux, uy, uz = one - ox, one - oy, one - oz
            n000, n100 = base + ((x0 ^ y0 ^ z0) & mask), base + ((x1 ^ y0 ^ z0) & mask)
            n010, n110 = base + ((x0 ^ y1 ^ z0) & mask), base + ((x1 ^ y1 ^ z0) & mask)
            n001, n101 = base + ((x0 ^ y0 ^ z1) & mask), base + ((x1 ^ y0 ^ z1) & mask)
            n011, n111 = base + ((x0 ^ y1 ^ z1) & mask), base + ((x1 ^ y1 ^ z1) & mask)
            for f in range(width):
                v000, v100, v010, v110 = table[n000, f], table[n100, f], table[n010, f], table[n110, f]
                v001, v101, v011, v111 = table[n001, f], table[n101, f], table[n011, f], table[n111, f]
                v11, v01 = v111 * ox + v011 * ux, v101 * ox + v001 * ux
                v10, v00 = v110 * ox + v010 * ux, v100 * ox + v000 * ux
                upper, lower = v11 * oy + v01 * uy, v10 * oy + v00 * uy
                along_x1 = (v111 - v011) * oy + (v101 - v001) * uy
                along_x0 = (v110 - v010) * oy + (v100 - v000) * uy
                features[i, column + f] = upper * oz + lower * uz
                jacobian[0, i, column + f] = (along_x1 * oz + along_x0 * uz) * dx
                jacobian[1, i, column + f] = ((v11 - v01) * oz + (v10 - v00) * uz) * dy
                jacobian[2, i, column + f] = (upper - lower) * dz


@jit
def table_gradient(
    points, gradient, jacobian_gradient, scalings, mask, smooth, table_gradient, first_level, last_level
):
    """Add the gradient of levels ``first_level:last_level`` to ``table_gradient`` (``[levels * (mask + 1), F]``).

    ``gradient`` is with respect to the features, ``jacobian_gradient`` with respect to the Jacobian.
    """
    one, six = points.dtype.type(1), points.dtype.type(6)
    width = table_gradient.shape[1]
    for level in range(first_level, last_level):
        s, base, column = scalings[level], level * (mask + 1), level * width
        for i in range(points.shape[0]):
            x0, x1, ox = axis(points[i, 0], s, 1)
            y0, y1, oy = axis(points[i, 1], s, PRIME_Y)
            z0, z1, oz = axis(points[i, 2], s, PRIME_Z)
            dx, dy, dz = s, s, s
            if smooth:
                dx, dy, dz = s * six * ox * (one - ox), s * six * oy * (one - oy), s * six * oz * (one - oz)
                ox, oy, oz = smoothstep(ox, one), smoothstep(oy, one), smoothstep(oz, one)
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
                table_gradient[base + ((x1 ^ y1 ^ z1) & mask), f] += g11 * ox + gx11
                table_gradient[base + ((x0 ^ y1 ^ z1) & mask), f] += g11 * ux - gx11
                table_gradient[base + ((x1 ^ y0 ^ z1) & mask), f] += g01 * ox + gx01
                table_gradient[base + ((x0 ^ y0 ^ z1) & mask), f] += g01 * ux - gx01
                table_gradient[base + ((x1 ^ y1 ^ z0) & mask), f] += g10 * ox + gx10
                table_gradient[base + ((x0 ^ y1 ^ z0) & mask), f] += g10 * ux - gx10
                table_gradient[base + ((x1 ^ y0 ^ z0) & mask), f] += g00 * ox + gx00
                table_gradient[base + ((x0 ^ y0 ^ z0) & mask), f] += g00 * ux - gx00
