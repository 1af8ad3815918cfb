"""Which stored confidence is full: as set, or told from what a scene's confidence maps hold."""

from collections.abc import Sequence

import numpy as np

from s3im_methods.data.depth.depth_files import StoredMap, default_full

_FLAG = "--pipeline.datamanager.depth.confidence-max"
# The scales in use: yes or no, ARKit's three steps, per cent, a byte, 16 bits.
_SCALES = (1.0, 2.0, 100.0, 255.0, 65535.0)
# A whole capture in which nothing reaches these shares of full confidence is on another scale.
_LOW, _LOW_AS_SET = 0.5, 0.1


def full_confidence(
    maps: Sequence[StoredMap], as_set: float | None, threshold: float = 0.0
) -> tuple[float | None, str | None]:
    """The stored value that means full confidence, and a sentence where the user should know of it.

    Args:
        maps: Some confidence maps of the scene.
        as_set: What the settings say, or None.
        threshold: Confidence, from 0 to 1, below which readings are left out.

    Returns:
        The value, None where each file's type tells it; and the sentence, None where nothing is odd.

    Example:
        >>> arkit = StoredMap(np.array([[0, 1, 2]], dtype=np.float32), 8, 255.0)
        >>> full_confidence([arkit], None)[0]
        2.0
    """
    tops = [stored.values[np.isfinite(stored.values)].max(initial=0.0) for stored in maps]
    if not maps:
        return as_set, None
    top, bits = float(max(tops)), max(stored.bits for stored in maps)
    usual = as_set or default_full(bits)
    if as_set is None and top > 0:
        steps = all(np.array_equal(m.values, np.round(m.values), equal_nan=True) for m in maps)
        found = _scale(top, bits, steps)
        if found is not None and found != usual:
            return found, (
                f"The largest value in the confidence maps is {top:g}, so {found:g} counts as full confidence: if that "
                f"is wrong, set {_FLAG}."
            )
    if top < (_LOW if as_set is None else max(_LOW_AS_SET, threshold)) * usual:
        return as_set, (
            f"The largest value in the confidence maps is {top:g}, and full confidence is {usual:g}, so every reading "
            f"counts as doubtful: set {_FLAG}."
        )
    return as_set, None


def _scale(top: float, bits: int, steps: bool) -> float | None:
    """The scale that a largest value of some type suggests, or None for that of the type."""
    if bits == 0:
        # Interpolation and rounding may pass 1 a little.
        return None if top <= 1.0 or (not steps and top <= 1.5) else next((s for s in _SCALES if top <= s), top)
    if top <= 2:
        return top
    largest = {8: 255.0, 16: 65535.0}.get(bits)
    if largest is None:
        return next((scale for scale in _SCALES if top <= scale), top)
    return 255.0 if bits == 16 and top <= 255 else None
