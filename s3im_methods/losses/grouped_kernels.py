"""CPU kernel of S3IM over groups, compiled by Numba on first use: value and gradient in one pass.

Naming as in ``ssim``: of a group and channel, ``mx``, ``my``, ``me`` are the weighted means of prediction, target and
error, ``v`` the sum of both variances, ``ve`` the error's variance.

With ``n`` a group's share in the mean over groups and channels, ``e = x - y`` and ``w`` a ray's weight in its group,
the gradient is

    dL/dx = w n [ 2 (1 - structure) (me - bias mx) / (mx^2 + my^2 + C1)
                  + 2 (1 - bias) / (v + C2) * ((e - me) - structure (x - mx)) ].

Its terms with ``mx`` and ``x - mx`` come from the denominators; they are left out where those are held.

Sums are in float64 whatever the colours are, which costs nothing beside fetching the rays. One thread does it all: a
training batch takes a fraction of a millisecond, less than starting others. The GIL is free.
"""

from s3im_methods.kernels.compiled import compiled
from s3im_methods.losses.ssim import C1, C2


@compiled()
def grouped_value_and_gradient(x, y, permutations, weights, groups, held, gradient):
    """Return the loss of ``x`` against ``y`` (``[B, C]``), and add its gradient to ``gradient`` (``[B, C]``).

    Of every row of ``permutations`` (``[M, B]``) the first ``groups * P`` rays count; ``weights`` is ``[P]``,
    and ``held`` a bool.
    """
    size, channels = weights.shape[0], x.shape[1]
    share = 1 / max(1, permutations.shape[0] * groups * channels)
    total = 0.0
    flow = 0.0 if held else 1.0
    for m in range(permutations.shape[0]):
        for first in range(0, groups * size, size):
            members = permutations[m, first : first + size]
            for c in range(channels):
                mx = my = me = 0.0
                for j in range(size):
                    a, b = x[members[j], c], y[members[j], c]
                    mx += weights[j] * a
                    my += weights[j] * b
                    me += weights[j] * (a - b)
                # Centred, because the mean of the squares minus the square of the mean loses a small variance's digits.
                v = ve = 0.0
                for j in range(size):
                    a, b = x[members[j], c], y[members[j], c]
                    v += weights[j] * ((a - mx) * (a - mx) + (b - my) * (b - my))
                    ve += weights[j] * ((a - b - me) * (a - b - me))
                energy, contrast = mx * mx + my * my + C1, v + C2
                bias, structure = me * me / energy, ve / contrast
                total += bias + structure - bias * structure
                of_error = 2 * share * (1 - bias) / contrast
                of_mean = 2 * share * (1 - structure) * (me - flow * bias * mx) / energy
                for j in range(size):
                    a, b = x[members[j], c], y[members[j], c]
                    slope = of_mean + of_error * ((a - b - me) - flow * structure * (a - mx))
                    gradient[members[j], c] += weights[j] * slope
    return total * share
