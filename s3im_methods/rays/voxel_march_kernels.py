"""CPU kernels of marching through a voxel grid, compiled by Numba on first use.

Naming: ray ``r`` starts at ``origins[r]`` and has its step ``k`` from ``nears[r] + edges[k]`` to ``nears[r] +
edges[k + 1]``, with its sample a share ``jitter[r]`` of the step behind the start. ``depths`` (``[rays, steps]``) are
optical depths of samples, ``weights`` what they weigh in their pixel; both are 0 where space is known to be empty,
outside of the grid and of the ray's bounds, and behind what is opaque. A space is ``(centre x, y, z, radius, rim,
maximum)``: see :class:`~s3im_methods.rays.voxel_march.GridSpace`.
"""

import numpy as np

from s3im_methods.encodings.vm_kernels import inlined, jit
from s3im_methods.kernels.compiled import compiled


@inlined
def softplus(x):
    """log(1 + e^x) without overflow."""
    zero = x * 0
    return np.maximum(x, zero) + np.log1p(np.exp(-np.abs(x)))


@compiled()
def march(rays, bounds, edges, space, box, values, cells, cell_box, optics, depths, weights, first, last):
    """Fill ``depths[first:last]`` and ``weights[first:last]``.

    ``rays`` is ``[rays, 6]``, origin and direction; ``bounds`` ``[rays, 3]``, near, far and jitter; ``box`` and
    ``cell_box`` ``[2, 3]`` are the corners of the grid and of ``cells``, which tell how far what is occupied is away
    (see :meth:`~s3im_methods.fields.alpha_mask.AlphaMask.clearances`; empty where nobody knows); ``optics`` is
    ``(shift, interval, least transmittance)``.
    """
    kind = values.dtype.type
    one = kind(1)
    nx, ny, nz, _ = values.shape
    shift, interval, least = kind(optics[0]), kind(optics[1]), kind(optics[2])
    rim, radius = kind(space[4]), kind(space[3])
    # Nodes, and cells of what is occupied, per coordinate.
    fx, fy, fz = (
        (nx - 1) / (box[1, 0] - box[0, 0]),
        (ny - 1) / (box[1, 1] - box[0, 1]),
        (nz - 1) / (box[1, 2] - box[0, 2]),
    )
    known = cells.shape[0] > 0
    mx, my, mz = cells.shape
    cx, cy, cz = fx, fy, fz
    if known:
        cx, cy = mx / (cell_box[1, 0] - cell_box[0, 0]), my / (cell_box[1, 1] - cell_box[0, 1])
        cz = mz / (cell_box[1, 2] - cell_box[0, 2])
    for r in range(first, last):
        seen = one
        ox, oy, oz, dx, dy, dz = rays[r, 0], rays[r, 1], rays[r, 2], rays[r, 3], rays[r, 4], rays[r, 5]
        near, far, jitter = bounds[r, 0], bounds[r, 1], bounds[r, 2]
        # Cells per unit of length along the axis where it is most; a contraction no more than doubles a distance,
        # unless its rim is wide.
        speed = max(abs(dx) * cx, abs(dy) * cy, abs(dz) * cz)
        if rim > 0:
            speed = max(kind(2), rim) * max(cx, cy, cz) / radius
        clear = near
        for k in range(edges.shape[0] - 1):
            t = near + edges[k] + jitter * (edges[k + 1] - edges[k])
            if t >= far:
                break
            if t < clear:
                continue
            x, y, z = ox + t * dx, oy + t * dy, oz + t * dz
            if rim > 0:
                x, y, z = (x - space[0]) / radius, (y - space[1]) / radius, (z - space[2]) / radius
                norm = max(abs(x), abs(y), abs(z)) if space[5] > 0 else np.sqrt(x * x + y * y + z * z)
                if norm > 1:
                    scale = (1 + rim - rim / norm) / norm
                    x, y, z = x * scale, y * scale, z * scale
            gx, gy, gz = (x - box[0, 0]) * fx, (y - box[0, 1]) * fy, (z - box[0, 2]) * fz
            if not (0 <= gx <= nx - 1 and 0 <= gy <= ny - 1 and 0 <= gz <= nz - 1):
                continue
            if known:
                hx, hy, hz = (x - cell_box[0, 0]) * cx, (y - cell_box[0, 1]) * cy, (z - cell_box[0, 2]) * cz
                if not (0 <= hx <= mx and 0 <= hy <= my and 0 <= hz <= mz):
                    continue
                away = cells[min(np.int64(hx), mx - 1), min(np.int64(hy), my - 1), min(np.int64(hz), mz - 1)]
                if away > 0:
                    clear = t + (away - one) / speed
                    continue
            # The last node belongs to the last cell.
            x0, y0, z0 = min(np.int64(gx), nx - 2), min(np.int64(gy), ny - 2), min(np.int64(gz), nz - 2)
            x1, y1, z1 = x0 + 1, y0 + 1, z0 + 1
            a1, b1, c1 = kind(gx - x0), kind(gy - y0), kind(gz - z0)
            a0, b0, c0 = one - a1, one - b1, one - c1
            raw = a0 * (
                b0 * (c0 * values[x0, y0, z0, 0] + c1 * values[x0, y0, z1, 0])
                + b1 * (c0 * values[x0, y1, z0, 0] + c1 * values[x0, y1, z1, 0])
            ) + a1 * (
                b0 * (c0 * values[x1, y0, z0, 0] + c1 * values[x1, y0, z1, 0])
                + b1 * (c0 * values[x1, y1, z0, 0] + c1 * values[x1, y1, z1, 0])
            )
            depth = interval * softplus(raw + shift)
            left = np.exp(-depth)
            depths[r, k] = depth
            weights[r, k] = -seen * np.expm1(-depth)
            seen *= left
            if seen < least:
                break


@jit
def march_backward(depths, weights, gradient, interval, result, first, last):
    """Fill ``result[first:last]``: the gradient of the grid's values at the samples, from that of the weights.

    Of sample i it is interval * sigmoid * (what is seen behind it * g_i - the sum of w_j g_j behind it).
    """
    kind = depths.dtype.type
    one, share = kind(1), kind(interval)
    for r in range(first, last):
        behind = kind(0)
        for k in range(depths.shape[1]):
            behind += weights[r, k] * gradient[r, k]
        seen = one
        for k in range(depths.shape[1]):
            depth = depths[r, k]
            result[r, k] = 0
            if depth > 0:
                behind -= weights[r, k] * gradient[r, k]
                seen *= np.exp(-depth)
                result[r, k] = -share * np.expm1(-depth / share) * (seen * gradient[r, k] - behind)
