"""CPU kernels of Adam over listed rows, compiled by Numba on first use."""

import numpy as np

from s3im_methods.kernels.compiled import compiled


@compiled()
def update(rows, gradient, rates, values, mean, square, rate, root, beta1, beta2, eps, first, last):
    """Adam's update of the listed rows ``first:last``; a row whose gradient is 0 stays as it is.

    ``rows`` (``[n]``) are rows of ``values``, ``mean`` and ``square`` (``[N, C]``); ``gradient`` is ``[n, C]``,
    ``rates`` ``[N]`` or ``[0]``, factors of the learning rate. ``rate`` is the learning rate over 1 - beta1^t, ``root``
    is the root of 1 - beta2^t.
    """
    kind = values.dtype.type
    one, b1, b2, scale, small = kind(1), kind(beta1), kind(beta2), kind(1 / root), kind(eps)
    for i in range(first, last):
        given = gradient[i]
        touched = False
        for k in range(given.shape[0]):
            touched |= given[k] != 0
        if not touched:
            continue
        row = rows[i]
        step = kind(rate)
        if rates.shape[0] > 0:
            step *= rates[row]
        here, m, v = values[row], mean[row], square[row]
        for k in range(given.shape[0]):
            g = given[k]
            m[k] = b1 * m[k] + (one - b1) * g
            v[k] = b2 * v[k] + (one - b2) * g * g
            here[k] -= step * m[k] / (np.sqrt(v[k]) * scale + small)


@compiled()
def any_twice(rows, seen):
    """Whether a row is listed more than once; ``seen`` (``[N]``) is False at first."""
    for i in range(rows.shape[0]):
        if seen[rows[i]]:
            return True
        seen[rows[i]] = True
    return False
