"""Which pictures of a comparison are shown together: of each kept view the truth, and each variant's first seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from s3im_methods.compare.pictures import Picture, differing_window, read_picture
from s3im_methods.compare.report_data import Results, Run, View

Kept = list[tuple[Run, View]]
"""The runs that have a picture of one view."""


@dataclass(frozen=True)
class Shown:
    """One run's picture of a view."""

    run: Run
    view: View
    pixels: Picture

    @property
    def numbers(self) -> str:
        """Its PSNR and SSIM, where they were measured, and its seed."""
        numbers = [f"{self.view.psnr:.2f} dB"] if self.view.psnr is not None else []
        numbers += [f"SSIM {self.view.ssim:.3f}"] if self.view.ssim is not None else []
        return ", ".join([*numbers, f"seed {self.run.seed}"])


@dataclass(frozen=True)
class ShownView:
    """A view, read.

    Attributes:
        name: The view's.
        truth: None where it cannot be read.
        shown: At least one picture, of equal size, the truth's where there is one.
        unusable: Runs whose picture cannot be read or has another size.
        window: Where the pictures differ most, as rows and columns.
    """

    name: str
    truth: Picture | None
    shown: list[Shown]
    unusable: list[Run]
    window: tuple[slice, slice]


def kept_views(results: Results) -> dict[str, list[tuple[str, Kept]]]:
    """By scene, in the order in which views were kept, each view's name and the runs that have a picture of it.

    Args:
        results: What was read; of each variant the first seed with a picture counts.
    """
    by_scene: dict[str, dict[tuple[int, str], Kept]] = {}
    for run in results.runs:
        for place, view in enumerate(run.views):
            kept = by_scene.setdefault(run.scene, {}).setdefault((place, view.name), [])
            if view.picture is not None and run.group not in [other.group for other, _ in kept]:
                kept.append((run, view))
    return {scene: [(key[1], kept) for key, kept in views.items() if kept] for scene, views in by_scene.items()}


def read_view(name: str, kept: Sequence[tuple[Run, View]]) -> ShownView | None:
    """Read the pictures of a view.

    Args:
        name: The view's.
        kept: The runs that have a picture of it.

    Returns:
        None where no picture can be read.
    """
    truth = next((picture for _, view in kept if (picture := _read(view.truth)) is not None), None)
    read = [Shown(run, view, pixels) for run, view in kept if (pixels := _read(view.picture)) is not None]
    if not read:
        return None
    shape = (read[0].pixels if truth is None else truth).shape
    shown = [each for each in read if each.pixels.shape == shape]
    if not shown:
        return None
    unusable = [run for run, view in kept if all(view is not each.view for each in shown)]
    return ShownView(name, truth, shown, unusable, differing_window([each.pixels for each in shown], truth))


def _read(path: Path | None) -> Picture | None:
    return None if path is None else read_picture(path)
