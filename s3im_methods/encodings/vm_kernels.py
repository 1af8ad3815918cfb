"""CPU kernels of one plane and its line of a vector-matrix grid, compiled by Numba on first use.

Naming: point ``i`` of ``n`` in [-1, 1]; a plane is ``[rows, columns, C]`` and a line ``[nodes, C]``, components last,
so that those of a node lie side by side; ``r0``, ``r1`` are the nodes below and above a point's row, ``wr0``, ``wr1``
their weights; ``p01`` is the node below along rows and above along columns. As in ``torch.nn.functional.grid_sample``
with ``align_corners=True`` the outermost nodes lie at -1 and 1, and what is outside counts as 0. No two threads write
to the same place: callers cut the points forward, and backward the nodes, so that the points of each node are summed in
their own order whatever the number of threads. (Cut by components, threads would write to the same cache lines.)
"""

import numpy as np

from s3im_methods.kernels.compiled import compiled

# Sums over components in any order, which lets the processor work on several at once.
_SUMS = {"reassoc", "contract"}
jit = compiled(fastmath=_SUMS)
inlined = compiled(inline="always")


@inlined
def neighbours(coordinate, count):
    """Lower and upper node and their weights; a node outside gets the weight 0."""
    one = coordinate * 0 + 1
    place = (coordinate + one) * (count - 1) / (one + one)
    floor = np.floor(place)
    upper = place - floor
    lower = one - upper
    first = np.int64(floor)
    second = first + 1
    if first < 0 or first >= count:
        lower = coordinate * 0
        first = 0
    if second < 0 or second >= count:
        upper = coordinate * 0
        second = 0
    return first, second, lower, upper


@jit
def multiply(points, column, row, along, plane, line, features, offset, first, last):
    """Fill columns ``offset`` to ``offset + C`` of ``features[first:last]`` with plane times line."""
    for i in range(first, last):
        c0, c1, wc0, wc1 = neighbours(points[i, column], plane.shape[1])
        r0, r1, wr0, wr1 = neighbours(points[i, row], plane.shape[0])
        z0, z1, wz0, wz1 = neighbours(points[i, along], line.shape[0])
        w00, w01, w10, w11 = wr0 * wc0, wr0 * wc1, wr1 * wc0, wr1 * wc1
        p00, p01, p10, p11 = plane[r0, c0], plane[r0, c1], plane[r1, c0], plane[r1, c1]
        v0, v1, found = line[z0], line[z1], features[i, offset : offset + plane.shape[2]]
        for k in range(plane.shape[2]):
            on_plane = p00[k] * w00 + p01[k] * w01 + p10[k] * w10 + p11[k] * w11
            found[k] = on_plane * (v0[k] * wz0 + v1[k] * wz1)


@jit
def add_products(points, column, row, along, plane, line, total, first, last):
    """Add to ``total[first:last]`` the sum over components of plane times line."""
    for i in range(first, last):
        c0, c1, wc0, wc1 = neighbours(points[i, column], plane.shape[1])
        r0, r1, wr0, wr1 = neighbours(points[i, row], plane.shape[0])
        z0, z1, wz0, wz1 = neighbours(points[i, along], line.shape[0])
        w00, w01, w10, w11 = wr0 * wc0, wr0 * wc1, wr1 * wc0, wr1 * wc1
        p00, p01, p10, p11 = plane[r0, c0], plane[r0, c1], plane[r1, c0], plane[r1, c1]
        v0, v1, found = line[z0], line[z1], wz0 * 0
        for k in range(plane.shape[2]):
            on_plane = p00[k] * w00 + p01[k] * w01 + p10[k] * w10 + p11[k] * w11
            found += on_plane * (v0[k] * wz0 + v1[k] * wz1)
        total[i] += found


@inlined
def add_scaled(target, values, weight):
    """Add ``weight * values`` to ``target``."""
    for k in range(values.shape[0]):
        target[k] += values[k] * weight


@jit
def counts_below(points, axis, count):
    """How many points have their lower node along an axis before each of its ``count`` nodes, and the total."""
    below = np.zeros(count + 1, np.int64)
    for i in range(points.shape[0]):
        below[neighbours(points[i, axis], count)[0] + 1] += 1
    return below.cumsum()


@inlined
def within(node, bounds):
    """Whether the node is one of a range."""
    return node >= bounds[0] and node < bounds[1]


@jit
def gradients(
    points, column, row, along, plane, line, gradient, offset, shared, plane_gradient, line_gradient, rows, nodes
):
    """Add to the gradients of a range of the plane's rows and of a range of the line's nodes.

    ``gradient`` is with respect to the features from column ``offset`` on; where ``shared``, column ``offset`` is that
    of them all.
    """
    width = plane.shape[2]
    interpolated, given = np.empty((2, width), points.dtype)
    for i in range(points.shape[0]):
        r0, r1, wr0, wr1 = neighbours(points[i, row], plane.shape[0])
        z0, z1, wz0, wz1 = neighbours(points[i, along], line.shape[0])
        lower, upper, first, second = within(r0, rows), within(r1, rows), within(z0, nodes), within(z1, nodes)
        if not (lower or upper or first or second):
            continue
        c0, c1, wc0, wc1 = neighbours(points[i, column], plane.shape[1])
        if shared:
            given[:] = gradient[i, offset]
        else:
            given[:] = gradient[i, offset : offset + width]
        if lower or upper:
            v0, v1 = line[z0], line[z1]
            for k in range(width):
                interpolated[k] = given[k] * (v0[k] * wz0 + v1[k] * wz1)
            if lower:
                add_scaled(plane_gradient[r0, c0], interpolated, wr0 * wc0)
                add_scaled(plane_gradient[r0, c1], interpolated, wr0 * wc1)
            if upper:
                add_scaled(plane_gradient[r1, c0], interpolated, wr1 * wc0)
                add_scaled(plane_gradient[r1, c1], interpolated, wr1 * wc1)
        if first or second:
            w00, w01, w10, w11 = wr0 * wc0, wr0 * wc1, wr1 * wc0, wr1 * wc1
            p00, p01, p10, p11 = plane[r0, c0], plane[r0, c1], plane[r1, c0], plane[r1, c1]
            for k in range(width):
                on_plane = p00[k] * w00 + p01[k] * w01 + p10[k] * w10 + p11[k] * w11
                interpolated[k] = given[k] * on_plane
            if first:
                add_scaled(line_gradient[z0], interpolated, wz0)
            if second:
                add_scaled(line_gradient[z1], interpolated, wz1)
