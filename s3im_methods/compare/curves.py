"""PSNR over training as an SVG drawing: one line per variant, with the range over seeds around it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from s3im_methods.compare.markup import Node, node
from s3im_methods.compare.report_data import CurvePoint

Axis = Literal["step", "seconds"]
_Scale = Callable[[float], float]

_WIDTH, _HEIGHT = 520, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 16, 12, 44
_COLOURS = 8
"""Of the style sheet: ``s1`` to ``s8``; further lines repeat them, dashed."""


@dataclass(frozen=True)
class CurveMark:
    """All seeds at one moment of training: the mean of where it was, and mean and range of PSNR in dB."""

    step: float
    seconds: float | None
    mean: float
    least: float
    greatest: float


def average(curves: Sequence[Sequence[CurvePoint]]) -> list[CurveMark]:
    """One curve of several seeds' curves.

    Only steps that every seed has are averaged, because a mean whose members change jumps. The seeds' last points are
    averaged with each other even where their steps differ, as they do after equal seconds of training.

    Args:
        curves: One for each seed, in the order of the steps; empty ones are left out.

    Example:
        >>> one = [CurvePoint(10, 20.0, 1.0), CurvePoint(19, 22.0, 2.0)]
        >>> two = [CurvePoint(10, 21.0, 2.0), CurvePoint(15, 21.0, 3.0), CurvePoint(21, 23.0, 4.0)]
        >>> for mark in average([one, two]):
        ...     print(mark)
        CurveMark(step=10.0, seconds=1.5, mean=20.5, least=20.0, greatest=21.0)
        CurveMark(step=20.0, seconds=3.0, mean=22.5, least=22.0, greatest=23.0)
    """
    curves = [curve for curve in curves if curve]
    if not curves:
        return []
    before = [{point.step: point for point in curve[:-1]} for curve in curves]
    shared = sorted(set.intersection(*(set(points) for points in before)))
    moments = [[points[step] for points in before] for step in shared] + [[curve[-1] for curve in curves]]
    return [_mark(points) for points in moments]


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers in ``[low, high]``, about ``count`` of them, as far apart as 1, 2 or 5 times a power of ten.

    Example:
        >>> ticks(0, 1000), ticks(17.2, 19.1)
        ([0.0, 200.0, 400.0, 600.0, 800.0, 1000.0], [17.5, 18.0, 18.5, 19.0])
    """
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * power for factor in (1, 2, 5, 10)), key=lambda each: abs(math.log(each / rough)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step)))
    return [round(index * step, digits) for index in range(first, last + 1)]


def draw_curves(title: str, lines: Sequence[tuple[str, Sequence[CurveMark]]], axis: Axis) -> Node:
    """Draw one diagram.

    Args:
        title: What it shows, for those who cannot see it.
        lines: Name and marks of each line. The n-th has the classes ``s1`` to ``s8`` of the page's style sheet,
            whether lines before it are empty or not, so that a variant has one colour everywhere.
        axis: What the horizontal axis is. Marks without seconds are left out of a diagram over seconds.

    Returns:
        An ``svg`` element, or a ``p`` element that says so where there is nothing to draw.
    """
    drawn = [
        (index, name, [(x, mark) for mark in marks if (x := mark.step if axis == "step" else mark.seconds) is not None])
        for index, (name, marks) in enumerate(lines)
    ]
    everything = [(x, mark) for _, _, marks in drawn for x, mark in marks]
    if not everything:
        return node("p", f"No PSNR over {'steps' if axis == 'step' else 'seconds'} was recorded.", class_="empty")
    right = max(x for x, _ in everything) or 1.0
    low, high = min(mark.least for _, mark in everything), max(mark.greatest for _, mark in everything)
    room = 0.06 * (high - low) or 0.5
    low, high = low - room, high + room

    def across(x: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * x / right, 2)

    def down(y: float) -> float:
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (y - low) / (high - low), 2)

    svg = node(
        "svg",
        node("title", f"{title}, PSNR over {'steps' if axis == 'step' else 'seconds of training'}"),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        class_="curve",
        data_axis=axis,
    )
    svg.extend(_axes(right, low, high, across, down, "steps" if axis == "step" else "seconds of training"))
    for index, name, marks in drawn:
        svg.extend(_line(index, name, marks, across, down, axis))
    svg.append(node("line", class_="cursor", y1=_TOP, y2=_HEIGHT - _BOTTOM, x1=_LEFT, x2=_LEFT))
    return svg


def series_class(index: int) -> str:
    """The classes that give the n-th variant, from 0, its colour, and its dashes once the colours repeat.

    Example:
        >>> series_class(0), series_class(9)
        ('s1', 's2 dashed')
    """
    return f"s{index % _COLOURS + 1}" + (" dashed" if index >= _COLOURS else "")


def _mark(points: Sequence[CurvePoint]) -> CurveMark:
    values = [point.psnr for point in points]
    seconds = [point.seconds for point in points if point.seconds is not None]
    return CurveMark(
        step=fmean(point.step for point in points),
        seconds=fmean(seconds) if len(seconds) == len(points) else None,
        mean=fmean(values),
        least=min(values),
        greatest=max(values),
    )


def _axes(right: float, low: float, high: float, across: _Scale, down: _Scale, label: str) -> list[Node]:
    parts = []
    for value in ticks(low, high):
        y = down(value)
        parts.append(node("line", class_="grid", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y))
        parts.append(node("text", f"{value:g}", class_="tick", x=_LEFT - 7, y=y + 4, text_anchor="end"))
    for value in ticks(0, right):
        x = across(value)
        parts.append(node("line", class_="axis", x1=x, x2=x, y1=_HEIGHT - _BOTTOM, y2=_HEIGHT - _BOTTOM + 4))
        text = f"{value:g}" if value < 1e5 else f"{value / 1000:g}k"
        parts.append(node("text", text, class_="tick", x=x, y=_HEIGHT - _BOTTOM + 18, text_anchor="middle"))
    bottom = _HEIGHT - _BOTTOM
    parts.append(node("line", class_="axis", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=bottom, y2=bottom))
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(node("text", label, class_="label", x=middle, y=_HEIGHT - 6, text_anchor="middle"))
    return parts


def _line(
    index: int, name: str, marks: list[tuple[float, CurveMark]], across: _Scale, down: _Scale, axis: Axis
) -> list[Node]:
    if not marks:
        return []
    upper = [f"{across(x)},{down(mark.greatest)}" for x, mark in marks]
    lower = [f"{across(x)},{down(mark.least)}" for x, mark in reversed(marks)]
    line = " ".join(f"{across(x)},{down(mark.mean)}" for x, mark in marks)
    group = node("g", class_=series_class(index), data_name=name)
    if any(mark.greatest > mark.least for _, mark in marks):
        group.append(node("polygon", points=" ".join(upper + lower), class_="band"))
    group.append(node("polyline", points=line, class_="mean"))
    for x, mark in marks:
        where = f"{x:,.0f} steps" if axis == "step" else f"{x:,.1f} s"
        spread = f" ({mark.least:.2f} to {mark.greatest:.2f})" if mark.greatest > mark.least else ""
        value = f"{mark.mean:.2f}{spread}"
        group.append(node("circle", cx=across(x), cy=down(mark.mean), r=3, data_where=where, data_value=value))
    return [group]
