"""Scale and shift that turn a monocular depth map into metric depth, in spite of many wrong pixels."""

from dataclasses import dataclass

import numpy as np

FEWEST_PAIRS = 12
_HYPOTHESES = 256
_PAIRS_TO_SCORE = 2048
_HUBER = 1.345
_MAD_TO_SIGMA = 1.4826
# A fit is never taken to be better than this share of the depth, so that exact data do not make every pixel an outlier.
_FINEST = 1e-6


class AlignmentError(ValueError):
    """No positive scale and shift can be told from the data; the message says why, without naming the image."""


class ConstantDepthError(AlignmentError):
    """The prediction is the same everywhere, so that it says nothing about the scene."""


@dataclass(frozen=True)
class Alignment:
    """A per-image fit ``metric = scale * predicted + shift``, of depth in metres or of disparity in 1/metres.

    Args:
        scale: Positive.
        shift: In metres, or in 1/metres for disparity.
        disparity: Whether both sides are inverse depth.
        pairs: How many pixels had both values.
        inliers: Share of them that the fit explains, from 0 to 1.
        residual: Median over all pairs of the error relative to the reference, for instance 0.02 for 2 %.
    """

    scale: float
    shift: float
    disparity: bool
    pairs: int
    inliers: float
    residual: float

    def apply(self, predicted: np.ndarray) -> np.ndarray:
        """Metric depth.

        Args:
            predicted: Any shape; depth or disparity, as the fit was made.

        Returns:
            The same shape, float32, metres; 0 where the prediction is not finite, or lies behind the camera.
        """
        with np.errstate(all="ignore"):
            value = self.scale * predicted.astype(np.float64) + self.shift
            depth = 1.0 / value if self.disparity else value
        return np.where(np.isfinite(depth) & (value > 0), depth, 0.0).astype(np.float32)


def align(predicted: np.ndarray, reference: np.ndarray, disparity: bool = False, seed: int = 0) -> Alignment:
    """Fit a positive scale and a shift by least median of squares, then refine them by Huber's estimator.

    Candidate lines through two random pairs are judged by their median error, so that up to half of the pairs may be
    arbitrarily wrong. Errors are relative to the reference, because those of depth grow with it.

    Args:
        predicted: ``[N]``, the network's depth, or its disparity.
        reference: ``[N]``, metric depth in metres, positive.
        disparity: Whether ``predicted`` is disparity, to be fitted to ``1 / reference``.
        seed: Of the random pairs; the same input gives the same fit.

    Raises:
        ConstantDepthError: If the prediction is constant.
        AlignmentError: If there are fewer than 12 pairs, the reference is constant, or what fits is no positive scale.
    """
    usable = np.isfinite(predicted) & np.isfinite(reference) & (reference > 0)
    x = predicted[usable].astype(np.float64)
    y = reference[usable].astype(np.float64)
    if len(x) < FEWEST_PAIRS:
        raise AlignmentError(f"only {len(x)} pixels have both values, where {FEWEST_PAIRS} are the least")
    if np.ptp(x) <= 1e-6 * np.abs(x).max():
        raise ConstantDepthError(f"it is constant at {x[0]:g}")
    if np.ptp(y) <= 1e-6 * y.max():
        raise AlignmentError(f"what it is fitted to is constant at {y[0]:g} metres")
    y = 1.0 / y if disparity else y
    line = _least_median(x, y, np.random.default_rng(seed))
    scale, shift = _refine(x, y, line)
    if not scale > 0:
        raise AlignmentError("it decreases where the reference increases")
    error = np.abs(scale * x + shift - y) / y
    inliers = float((error <= 2.5 * _spread(error)).mean())
    return Alignment(float(scale), float(shift), disparity, len(x), inliers, float(np.median(error)))


def _least_median(x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> tuple[float, float]:
    if len(x) > _PAIRS_TO_SCORE:
        chosen = generator.choice(len(x), size=_PAIRS_TO_SCORE, replace=False)
        x, y = x[chosen], y[chosen]
    # One end in the lower and one in the upper half: two pairs close together would make a line out of their noise.
    order = np.argsort(x, kind="stable")
    half = len(x) // 2
    low = order[generator.integers(0, half, _HYPOTHESES)]
    high = order[generator.integers(half, len(x), _HYPOTHESES)]
    with np.errstate(all="ignore"):
        slopes = (y[high] - y[low]) / (x[high] - x[low])
    kept = np.isfinite(slopes) & (slopes > 0)
    if not kept.any():
        raise AlignmentError("it decreases where the reference increases")
    slopes, shifts = slopes[kept], y[low][kept] - slopes[kept] * x[low][kept]
    errors = np.median(np.abs(slopes[:, None] * x + shifts[:, None] - y) / y, axis=1)
    best = int(np.argmin(errors))
    return float(slopes[best]), float(shifts[best])


def _refine(x: np.ndarray, y: np.ndarray, line: tuple[float, float]) -> tuple[float, float]:
    scale, shift = line
    for _ in range(20):
        error = (scale * x + shift - y) / y
        spread = _spread(np.abs(error))
        huber = np.minimum(1.0, _HUBER * spread / np.maximum(np.abs(error), 1e-300))
        # Beyond three spreads a pair says nothing, or two fifths of wrong pairs would still pull at the line.
        weight = np.where(np.abs(error) <= 3.0 * spread, huber, 0.0) / y**2
        total = weight.sum()
        mean_x, mean_y = (weight * x).sum() / total, (weight * y).sum() / total
        variance = (weight * (x - mean_x) ** 2).sum()
        if not variance > 0:
            break
        new = (weight * (x - mean_x) * (y - mean_y)).sum() / variance
        moved = abs(new - scale)
        scale, shift = new, mean_y - new * mean_x
        if moved <= 1e-12 * abs(scale):
            break
    return scale, shift


def _spread(error: np.ndarray) -> float:
    return max(_MAD_TO_SIGMA * float(np.median(error)), _FINEST)
