"""CPU kernel that walks along rays through an occupancy grid, compiled by Numba on first use."""

import numpy as np

from s3im_methods.kernels.compiled import compiled


@compiled()
def walk(rays, bounds, length, steps, occupied, offsets, counts, first, last):
    """Fill ``offsets[first:last]`` with the starts of the steps in occupied cells, and ``counts`` with their number.

    Args:
        rays: Origin and direction in units of the sphere, ``[R, 6]``, per scene unit of distance.
        bounds: Near, far and jitter, ``[R, 3]``: steps begin at ``near + (k + jitter) * length``.
        length: Of a step, scene units, ``[1]``.
        steps: How many there are at most.
        occupied: ``[n, n, n]``.
        offsets: From near, ``[R, steps]``.
        counts: ``[R]``.
        first: The first ray.
        last: The ray after the last.
    """
    kind = rays.dtype.type
    n, step = occupied.shape[0], length[0]
    half, one, half_step = kind(n / 2), kind(1), step / kind(2)
    for r in range(first, last):
        near, far, jitter = bounds[r, 0], bounds[r, 1], bounds[r, 2]
        count = 0
        for k in range(steps):
            offset = (kind(k) + jitter) * step
            if offset >= far - near:
                break
            if offset <= -step:
                continue
            middle = min(max(near + half_step + offset, near), far)
            x = np.int64((rays[r, 0] + rays[r, 3] * middle + one) * half)
            y = np.int64((rays[r, 1] + rays[r, 4] * middle + one) * half)
            z = np.int64((rays[r, 2] + rays[r, 5] * middle + one) * half)
            if occupied[min(max(x, 0), n - 1), min(max(y, 0), n - 1), min(max(z, 0), n - 1)]:
                offsets[r, count] = offset
                count += 1
        counts[r] = count
