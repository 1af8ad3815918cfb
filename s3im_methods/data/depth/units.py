"""What the stored numbers of sensor depth mean, as the settings, the data parser and the scene's file say."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from s3im_methods.data.checks.transforms import finite
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

PARSER_DEFAULT = 1e-3
_UNIT_FLAG = "--pipeline.datamanager.depth.unit"
_PARSER_FLAG = "--depth-unit-scale-factor"
# For all files; for whole numbers only; and for whole numbers, often given as values per metre.
_FACTOR_KEY, _WHOLE_KEY = "depth_unit_scale_factor", "integer_depth_scale"
_SCALE_KEYS = ("depth_scale", "png_depth_scale")
_TEXT_KEYS = ("depth_unit", "depth_units")
_DISTANCE_KEYS = ("depth_is_euclidean", "is_euclidean_depth")
_WORDS = {r"(mm|milli(met\w*)?)": 1e-3, r"(cm|centi(met\w*)?)": 1e-2, r"(m|met(er|re)s?)": 1.0}
KEYS = (_FACTOR_KEY, _WHOLE_KEY, *_SCALE_KEYS, *_TEXT_KEYS, *_DISTANCE_KEYS)


@dataclass(frozen=True)
class DepthUnit:
    """Metres per stored value, and what each value measures.

    Args:
        whole: Metres per stored whole number.
        floating: Metres per stored floating-point number.
        source: Where ``whole`` is from, in words; nothing where it is nerfstudio's default.
        floating_source: The same for ``floating``.
        is_distance: Whether the values are lengths of rays instead of depth along the viewing axis.
        distance_source: Where that is from, in words; nothing where it is the default.
        remarks: What in the file is contradicted or not understood, one sentence each.
        by_user: Whether the unit is the setting of the depth sources itself.
        from_file: Whether it is the scene's file that says it.
    """

    whole: float = PARSER_DEFAULT
    floating: float = 1.0
    source: str = ""
    floating_source: str = ""
    is_distance: bool = False
    distance_source: str = ""
    remarks: tuple[str, ...] = ()
    by_user: bool = False
    from_file: bool = False


def unit_of(config: DepthSourceConfig, parser_factor: float, said: Mapping[str, Any]) -> DepthUnit:
    """The unit, by the first of: the setting, the parser's flag where it is not its default, the file, the default.

    Args:
        config: The settings.
        parser_factor: The data parser's ``depth_unit_scale_factor``, metres per stored whole number.
        said: What the scene's file says for all its frames, and over it what a frame says for itself.

    Raises:
        InputError: If the parser's flag is no positive number.

    Example:
        >>> unit = unit_of(DepthSourceConfig(), 1e-3, {"depth_unit": "1/5000 world unit, z-depth"})
        >>> unit.whole, unit.floating, unit.source
        (0.0002, 0.0002, 'depth_unit of the scene')
    """
    unit, remarks = _from_file(said)
    is_distance, where = _measure(said)
    unit = replace(unit, is_distance=is_distance, distance_source=where)
    if config.convention == "distance":
        unit = replace(unit, is_distance=True, distance_source="--pipeline.datamanager.depth.convention")
    stated, factor, flag = unit, config.unit, _UNIT_FLAG
    if factor is None and parser_factor != PARSER_DEFAULT:
        factor, flag = parser_factor, _PARSER_FLAG
    if factor is not None:
        if not 0 < factor < float("inf"):
            raise InputError(f"{flag} is {factor:g}: give metres per stored value, above 0.")
        unit = replace(
            unit, whole=factor, floating=factor, source=flag, floating_source=flag, by_user=config.unit is not None
        )
        if stated.source and abs(stated.whole / factor - 1) > 1e-6:
            remarks.append(f"{stated.source} means {stated.whole:g} metres per stored value, and {flag} wins over it.")
    return replace(unit, remarks=tuple(remarks), from_file=bool(unit.source) and factor is None)


def _from_file(said: Mapping[str, Any]) -> tuple[DepthUnit, list[str]]:
    remarks: list[str] = []
    found: list[tuple[str, DepthUnit]] = []
    for key in (_FACTOR_KEY, *_TEXT_KEYS, _WHOLE_KEY, *_SCALE_KEYS):
        value = said.get(key)
        if value is None:
            continue
        where = f"{key} of the scene"
        factor = _in_words(value) if isinstance(value, str) else finite(value)
        if isinstance(value, int | float) and factor is not None:
            factor = float(value)
            if key in _SCALE_KEYS and factor > 1:
                factor, where = 1 / factor, f"{where}, read as values per metre"
        if factor is None or not factor > 0:
            remarks.append(f"{key} is {quote(value)}, which says no unit: give metres per stored value above 0.")
        elif key in (_FACTOR_KEY, *_TEXT_KEYS):
            found.append((key, DepthUnit(factor, factor, where, where)))
        else:
            found.append((key, DepthUnit(factor, source=where)))
    if not found:
        return DepthUnit(), remarks
    counts, unit = found[0]
    for key, other in found[1:]:
        if abs(other.whole / unit.whole - 1) > 1e-6:
            remarks.append(
                f"{counts} of the scene means {unit.whole:g} metres per stored value and {key} {other.whole:g}: "
                f"{counts} counts, so drop the one that is wrong."
            )
    return unit, remarks


def _in_words(text: str) -> float | None:
    text = text.strip().lower()
    found = re.match(r"1\s*/\s*(\d+)", text)
    if found:
        return 1 / int(found[1]) if int(found[1]) else None
    try:
        return float(text)
    except ValueError:
        return next((factor for word, factor in _WORDS.items() if re.match(rf"{word}\b", text)), None)


def _measure(said: Mapping[str, Any]) -> tuple[bool, str]:
    for key in _DISTANCE_KEYS:
        if isinstance(said.get(key), bool):
            return said[key], f"{key} of the scene"
    for key in _TEXT_KEYS:
        text = said.get(key)
        if isinstance(text, str) and re.search(r"euclid|along (the|its) ray|ray (length|distance|depth)", text.lower()):
            return True, f"{key} of the scene"
        if isinstance(text, str) and re.search(r"z[- ]?depth|viewing axis|optical axis", text.lower()):
            return False, f"{key} of the scene"
    return False, ""
