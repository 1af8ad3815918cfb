"""Reading what ``s3im compare`` wrote, however far it came."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s3im_methods.compare.statistics import Group, Variant, is_number
from s3im_methods.errors import InputError


@dataclass(frozen=True)
class CurvePoint:
    """PSNR on a few held-out views, in dB, after some steps and seconds of training."""

    step: int
    psnr: float
    seconds: float | None


@dataclass(frozen=True)
class View:
    """One held-out view of one run: its name, numbers where they were measured, and pictures where they were kept."""

    name: str
    psnr: float | None
    ssim: float | None
    picture: Path | None
    truth: Path | None


@dataclass(frozen=True)
class Run:
    """A finished run; what was not measured is None, empty or missing."""

    id: str
    method: str
    scene: str
    seed: int
    variant: Variant
    command: str
    steps: int | None
    train_seconds: float | None
    peak_memory_mb: float | None
    peak_gpu_memory_mb: float | None
    device: str
    versions: dict[str, str]
    metrics: dict[str, float]
    views: list[View]
    curve: list[CurvePoint]
    no_mesh: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def software(self) -> str:
        """The versions that made it, in one line."""
        return ", ".join(f"{name} {version}" for name, version in self.versions.items())

    @property
    def group(self) -> Group:
        """The runs that it shares everything with but the seed."""
        return Group(self.scene, self.method, self.variant)


@dataclass(frozen=True)
class Results:
    """What a comparison was asked to do, the runs that are done, and for the others why they are not counted."""

    command: str
    axes: dict[str, list[str]]
    methods: list[str]
    scenes: list[str]
    seeds: list[int]
    steps: int | None
    seconds: float | None
    runs: list[Run] = field(default_factory=list)
    not_counted: dict[str, str] = field(default_factory=dict)
    trained_on: dict[str, int] = field(default_factory=dict)

    @property
    def variants(self) -> list[Variant]:
        """Those that have a run, in the order of the axes' values."""
        return sorted({run.variant for run in self.runs}, key=lambda variant: _variant_position(variant, self.axes))


def read_results(folder: Path) -> Results:
    """Read a comparison's folder.

    Args:
        folder: It holds ``compare.json``, and for each run that is done ``runs/<id>/run.json``.

    Returns:
        The runs in the order of the comparison's scenes, methods, axes and seeds. A run without a readable
        ``run.json`` is not counted and is named with the last line of its log.

    Raises:
        InputError: If there is no readable ``compare.json``.
    """
    asked = _json(folder / "compare.json")
    if not isinstance(asked, dict):
        raise InputError(f"No readable compare.json in '{folder}': give the folder that s3im compare wrote.")
    axes = {str(name): [str(value) for value in values] for name, values in (asked.get("axes") or {}).items()}
    results = Results(
        command=str(asked.get("command") or ""),
        axes=axes,
        methods=[str(name) for name in asked.get("methods") or []],
        scenes=[str(name) for name in asked.get("scenes") or []],
        seeds=[int(seed) for seed in asked.get("seeds") or []],
        steps=_integer(asked.get("steps")),
        seconds=_number(asked.get("seconds")),
        trained_on={str(name): int(count) for name, count in (asked.get("trained_on") or {}).items()},
    )
    for place in sorted((folder / "runs").glob("*/")):
        raw = _json(place / "run.json")
        try:
            results.runs.append(_run(raw, place, folder))
        except (KeyError, TypeError, ValueError, AttributeError):
            results.not_counted[place.name] = _why_not(place)
    results.runs.sort(key=lambda run: _position(run, results))
    return results


def _run(raw: Any, place: Path, folder: Path) -> Run:
    return Run(
        id=str(raw.get("id") or place.name),
        method=str(raw["method"]),
        scene=str(raw["scene"]),
        seed=int(raw["seed"]),
        variant=tuple((str(name), str(value)) for name, value in (raw.get("variant") or {}).items()),
        command=str(raw.get("command") or ""),
        steps=_integer(raw.get("steps")),
        train_seconds=_number(raw.get("train_seconds")),
        peak_memory_mb=_number(raw.get("peak_memory_mb")),
        peak_gpu_memory_mb=_number(raw.get("peak_gpu_memory_mb")),
        device=str(raw.get("device") or ""),
        versions={str(name): str(value) for name, value in (raw.get("versions") or {}).items()},
        metrics={str(name): float(value) for name, value in (raw.get("metrics") or {}).items() if is_number(value)},
        views=[
            View(
                name=str(view.get("name") or ""),
                psnr=_number(view.get("psnr")),
                ssim=_number(view.get("ssim")),
                picture=_file(place, view.get("picture")),
                truth=_file(folder, view.get("truth")),
            )
            for view in raw.get("views") or []
        ],
        curve=[
            CurvePoint(int(point["step"]), float(point["psnr"]), _number(point.get("seconds")))
            for point in raw.get("curve") or []
            if is_number(point.get("step")) and is_number(point.get("psnr"))
        ],
        no_mesh=raw.get("no_mesh"),
        settings=dict(raw.get("settings") or {}),
    )


def _position(run: Run, results: Results) -> tuple[Any, ...]:
    scene, method = _rank(run.scene, results.scenes), _rank(run.method, results.methods)
    return scene, method, _variant_position(run.variant, results.axes), run.seed


def _variant_position(variant: Variant, axes: dict[str, list[str]]) -> list[tuple[int, str]]:
    return [_rank(value, axes.get(name, [])) for name, value in variant]


def _rank(value: str, known: list[str]) -> tuple[int, str]:
    return known.index(value) if value in known else len(known), value


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _number(value: Any) -> float | None:
    return float(value) if is_number(value) else None


def _integer(value: Any) -> int | None:
    return int(value) if is_number(value) else None


def _file(folder: Path, name: Any) -> Path | None:
    path = folder / str(name)
    return path if name and path.is_file() else None


def _why_not(place: Path) -> str:
    if (place / "run.json").exists():
        return "its run.json cannot be read"
    try:
        lines = (place / "log.txt").read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return "it is not finished and has no log"
    said = [line.strip() for line in lines if line.strip()]
    return (
        f"it is not finished; its log ends with: {said[-1][:300]}" if said else "it is not finished; its log is empty"
    )
