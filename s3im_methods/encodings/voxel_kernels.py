"""CPU kernels of dense voxel grids, compiled by Numba on first use.

Naming: ``values`` is ``[X, Y, Z, C]``, the components of a node side by side; point ``i`` of ``n`` in [-1, 1], where
the outermost nodes lie at -1 and 1 as in ``torch.nn.functional.grid_sample`` with ``align_corners=True``, and what is
outside counts as 0. ``slots`` (``[X * Y * Z]``, 0 between calls) says which row of a compact gradient a node has, plus
1. Callers cut points forward, and backward the nodes along x, so that no two threads write to the same place and the
points of each node are summed in their own order whatever the number of threads.
"""

from s3im_methods.encodings.vm_kernels import jit, neighbours
from s3im_methods.kernels.compiled import compiled


@jit
def gather(points, values, found, first, last):
    """Fill ``found[first:last]`` (``[n, C]``) with the values at the points."""
    nx, ny, nz, width = values.shape
    for i in range(first, last):
        x0, x1, a0, a1 = neighbours(points[i, 0], nx)
        y0, y1, b0, b1 = neighbours(points[i, 1], ny)
        z0, z1, c0, c1 = neighbours(points[i, 2], nz)
        here = found[i]
        here[:] = 0
        for x, a in ((x0, a0), (x1, a1)):
            for y, b in ((y0, b0), (y1, b1)):
                low, high, w0, w1 = values[x, y, z0], values[x, y, z1], a * b * c0, a * b * c1
                for k in range(width):
                    here[k] += low[k] * w0 + high[k] * w1


@compiled()
def assign(points, shape, slots, nodes, first, last):
    """Give each node with an x in ``first:last`` that a point touches a slot, and list it; return how many there are.

    ``nodes`` is ``[3, capacity]`` and gets their x, y and z.
    """
    nx, ny, nz = shape
    count = 0
    for i in range(points.shape[0]):
        x0, x1, a0, a1 = neighbours(points[i, 0], nx)
        y0, y1, b0, b1 = neighbours(points[i, 1], ny)
        z0, z1, c0, c1 = neighbours(points[i, 2], nz)
        for x, a in ((x0, a0), (x1, a1)):
            if a == 0 or x < first or x >= last:
                continue
            for y, b in ((y0, b0), (y1, b1)):
                for z, c in ((z0, c0), (z1, c1)):
                    node = (x * ny + y) * nz + z
                    if b != 0 and c != 0 and slots[node] == 0:
                        nodes[0, count], nodes[1, count], nodes[2, count] = x, y, z
                        count += 1
                        slots[node] = count
    return count


@jit
def accumulate(points, gradient, shape, slots, sums, first, last):
    """Add ``gradient`` (``[n, C]``), weighted, to the rows of ``sums`` of the nodes with an x in ``first:last``."""
    nx, ny, nz = shape
    width = gradient.shape[1]
    for i in range(points.shape[0]):
        x0, x1, a0, a1 = neighbours(points[i, 0], nx)
        y0, y1, b0, b1 = neighbours(points[i, 1], ny)
        z0, z1, c0, c1 = neighbours(points[i, 2], nz)
        given = gradient[i]
        for x, a in ((x0, a0), (x1, a1)):
            if a == 0 or x < first or x >= last:
                continue
            for y, b in ((y0, b0), (y1, b1)):
                for z, c in ((z0, c0), (z1, c1)):
                    weight = a * b * c
                    if weight != 0:
                        row = sums[slots[(x * ny + y) * nz + z] - 1]
                        for k in range(width):
                            row[k] += weight * given[k]


@compiled()
def release(shape, slots, nodes, count):
    """Set the slots of the first ``count`` listed nodes back to 0."""
    for k in range(count):
        slots[(nodes[0, k] * shape[1] + nodes[1, k]) * shape[2] + nodes[2, k]] = 0
