"""Whether two meshes look as if they were in the same units, place and axes; what does not is said with a remedy."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from s3im_methods.exporters.mesh.precision import place
from s3im_methods.metrics.surface_alignment import axis_turns

# Ends of a surface that count as its box: a few floaters do not.
_OUTLIERS = 0.01
# A prediction may be a small part of the reference, or have much around it.
_OTHER_SIZE = 8.0
_SOME, _FEW = 100_000, 2000
# Surfaces this far apart, as a share of the reference's diagonal, are looked at in other axes too ...
_APART = 0.03
# ... and are said to be turned where that brings them nearer by this factor.
_NEARER = 3.0
_AS_NEAR = 1.5
_RESIDUAL = 0.02


def hints(predicted: NDArray, reference: NDArray) -> list[str]:
    """Sentences about what seems wrong, none where all looks right.

    Args:
        predicted: Points of the prediction as it is compared, ``[N, 3]``, in random order.
        reference: Points of the reference, ``[M, 3]``.
    """
    boxes = [np.quantile(points[:_SOME], [_OUTLIERS, 1 - _OUTLIERS], axis=0) for points in (predicted, reference)]
    sizes = [float(np.linalg.norm(high - low)) for low, high in boxes]
    ratio = sizes[0] / sizes[1]
    if not 1 / _OTHER_SIZE < ratio < _OTHER_SIZE:
        larger, factor = ("larger", ratio) if ratio > 1 else ("smaller", 1 / ratio)
        return [
            f"The prediction is about {_rounded(factor)} times {larger} than the reference (diagonals of "
            f"{sizes[0]:.4g} and {sizes[1]:.4g}), so they seem to be in different units"
            f"{_unit(factor)}. Scale one of them, or give --align similarity."
        ]
    turned = _turned(predicted[:_FEW], reference[:_FEW], sizes[1])
    if turned is not None:
        return [turned]
    (low, high), (other_low, other_high) = boxes
    if ((low > other_high) | (other_low > high)).any():
        return [
            f"The boxes of the meshes do not overlap: the prediction lies from {place(low)} to {place(high)} and the "
            f"reference from {place(other_low)} to {place(other_high)}, so they seem to be in different coordinates. "
            "Export the prediction in those of the reference, or give --align rigid."
        ]
    return []


def residual_hint(residual: float, reference: NDArray, freedom: str) -> str | None:
    """A sentence where an alignment has not brought the surfaces together, else None.

    Args:
        residual: Mean distance afterwards.
        reference: Points of the reference, ``[M, 3]``.
        freedom: What the alignment could change.
    """
    low, high = np.quantile(reference[:_SOME], [_OUTLIERS, 1 - _OUTLIERS], axis=0)
    share = residual / float(np.linalg.norm(high - low))
    if share <= _RESIDUAL:
        return None
    more = {"translation": ", or give --align rigid", "rigid": ", or give --align similarity"}.get(freedom, "")
    return (
        f"After the alignment the surfaces are still {residual:.4g} apart, {share:.1%} of the reference's diagonal, so "
        f"it may be a wrong one. Look at the picture before you trust the numbers{more}."
    )


def _turned(predicted: NDArray, reference: NDArray, size: float) -> str | None:
    tree = KDTree(reference)
    turns = axis_turns()

    def apart(turn: NDArray) -> float:
        moved = predicted @ turn.T
        return float(tree.query(moved)[0].mean() + KDTree(moved).query(reference)[0].mean()) / 2

    now = apart(np.eye(3))
    if now <= _APART * size:
        return None
    mirrors = [turn * [-1, 1, 1] for turn in turns]
    best, mirror = min(turns, key=apart), min(mirrors, key=apart)
    # A mirrored copy of what is nearly symmetric lies near it too.
    if apart(best) < _AS_NEAR * apart(mirror) and apart(best) * _NEARER < now:
        return (
            f"With its axes turned ({_axes(best)}) the prediction would lie {now / apart(best):.0f} times nearer to "
            "the reference, so one of them seems to have another axis up. Give --align rigid, or turn it."
        )
    if apart(mirror) * _NEARER < now:
        return (
            f"Mirrored ({_axes(mirror)}) the prediction would lie {now / apart(mirror):.0f} times nearer to the "
            "reference, so one of them seems to have left-handed axes. Export it with right-handed ones, as no "
            "alignment mirrors."
        )
    return None


def _axes(turn: NDArray) -> str:
    """Where x, y and z of a turned surface come from.

    Example:
        >>> _axes(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))
        'x, y, z = x, -z, y'
    """
    names = ["xyz"[int(np.abs(row).argmax())] for row in turn]
    signs = ["-" if row.sum() < 0 else "" for row in turn]
    return "x, y, z = " + ", ".join(sign + name for sign, name in zip(signs, names, strict=True))


def _unit(factor: float) -> str:
    known = {1000.0: "millimetres and metres", 100.0: "centimetres and metres", 10.0: "millimetres and centimetres"}
    known |= {39.37: "inches and metres", 25.4: "millimetres and inches"}
    return next((f", as {words} are" for value, words in known.items() if abs(factor / value - 1) < 0.1), "")


def _rounded(factor: float) -> str:
    """Two digits that count.

    Example:
        >>> _rounded(996.0), _rounded(17.4), _rounded(8.04)
        ('1,000', '17', '8')
    """
    return f"{float(f'{factor:.2g}'):,g}"
