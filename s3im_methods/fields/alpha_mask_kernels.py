"""CPU kernel of distances to what is occupied, compiled by Numba on first use."""

import numpy as np

from s3im_methods.kernels.compiled import compiled


@compiled()
def clearances(cells):
    """Distance to the next occupied cell in the maximum norm, up to 255, ``[X, Y, Z]``.

    Two sweeps, forwards and backwards, are exact in this norm.
    """
    nx, ny, nz = cells.shape
    found = np.empty((nx, ny, nz), dtype=np.uint8)
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                least = 0 if cells[x, y, z] else 255
                for dx in range(-1, 1):
                    for dy in range(-1, 2 if dx < 0 else 1):
                        for dz in range(-1, 2 if dx < 0 or dy < 0 else 0):
                            i, j, k = x + dx, y + dy, z + dz
                            if i >= 0 and 0 <= j < ny and 0 <= k < nz:
                                least = min(least, found[i, j, k] + 1)
                found[x, y, z] = least
    for x in range(nx - 1, -1, -1):
        for y in range(ny - 1, -1, -1):
            for z in range(nz - 1, -1, -1):
                least = np.int64(found[x, y, z])
                for dx in range(2):
                    for dy in range(-1 if dx > 0 else 0, 2):
                        for dz in range(-1 if dx > 0 or dy > 0 else 1, 2):
                            i, j, k = x + dx, y + dy, z + dz
                            if i < nx and 0 <= j < ny and 0 <= k < nz:
                                least = min(least, found[i, j, k] + 1)
                found[x, y, z] = least
    return found
