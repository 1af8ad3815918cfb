"""Compare two mesh files: what ``s3im eval-mesh`` computes, as one call."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from s3im_methods.errors import InputError, NoSurfaceError
from s3im_methods.metrics.plausibility import hints, residual_hint
from s3im_methods.metrics.surface import OneWay, SurfacePoints, SurfaceScores, one_way, sample_surface, surface_scores
from s3im_methods.metrics.surface_alignment import Alignment, Move, align
from s3im_methods.metrics.surface_file import load_surface

if TYPE_CHECKING:
    from nerfstudio.cameras.cameras import Cameras

    from s3im_methods.metrics.surface_visibility import Occluder

_POINTS_TO_ALIGN, _POINTS_TO_FIND = 20_000, 2000


@dataclass(frozen=True)
class Comparison:
    """How two meshes are compared.

    Args:
        thresholds: Distances at which precision, recall and F-score are taken, in the meshes' units.
        samples: Points on each surface.
        seed: Of the points.
        alignment: What may be moved of the predicted mesh before it is compared.
        scene: Folder with transforms.json, or such a file, in the meshes' coordinates: only points that its training
            cameras see count. None counts all.
        occluder: Which mesh hides points of the prediction from those cameras, the prediction itself or the reference.
    """

    thresholds: tuple[float, ...]
    samples: int
    seed: int
    alignment: Alignment = "none"
    scene: Path | None = None
    occluder: Literal["own", "reference"] = "own"


@dataclass(frozen=True)
class MeshReport:
    """Scores, and what they were computed from.

    Attributes:
        scores: Of the points that count.
        predicted: The prediction's points that count, where they lie after the alignment.
        reference: The reference's points that count.
        from_predicted: Their distances to the whole reference.
        from_reference: Their distances to the whole prediction.
        kept: Share of the prediction's and of the reference's points that count.
        move: What the alignment did to the prediction, and how far apart the surfaces are after it.
        hints: Sentences about what seems wrong with units, place or axes, each with a remedy.
        spacing: Typical distance between neighbouring points of the prediction and of the reference, in the meshes'
            units: about half of it is reported as distance even between equal surfaces.
    """

    scores: SurfaceScores
    predicted: SurfacePoints
    reference: SurfacePoints
    from_predicted: OneWay
    from_reference: OneWay
    kept: tuple[float, float]
    move: Move
    hints: list[str]
    spacing: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """What the JSON file holds."""
        return {
            **asdict(self.scores),
            "kept_share": {"predicted": self.kept[0], "reference": self.kept[1]},
            "sample_spacing": {"predicted": self.spacing[0], "reference": self.spacing[1]},
            "alignment": self.move.transform.tolist(),
            "alignment_residual": self.move.residual,
            "hints": self.hints,
        }

    def picture(self, title: str, largest: float, unit: str) -> Image.Image:
        """Both surfaces with their errors as colours; the parameters are those of ``draw_errors``."""
        from s3im_methods.metrics.surface_picture import ColouredSurface, draw_errors

        rows = [
            ColouredSurface("predicted, coloured by its distance to the reference", self.predicted, self.accuracies),
            ColouredSurface("reference, coloured by its distance to the prediction", self.reference, self.gaps),
        ]
        return draw_errors(title, rows, largest, unit)

    @property
    def accuracies(self) -> np.ndarray:
        """Distance of each predicted point to the reference."""
        return self.from_predicted.distance

    @property
    def gaps(self) -> np.ndarray:
        """Distance of each reference point to the prediction."""
        return self.from_reference.distance


def check_reference(path: Path, settings: Comparison) -> None:
    """Refuse a reference mesh that :func:`compare_meshes` could not use.

    Args:
        path: The mesh.
        settings: How meshes will be compared with it.

    Raises:
        InputError: If it is no mesh that can be measured, or no camera sees any of it.
    """
    views, mesh = None if settings.scene is None else _views(settings.scene), load_surface(path)
    if views is None:
        return
    hides = _occluder(mesh, views)
    # Of a mesh that cameras see they nearly always see one of a few points.
    for samples in (min(_POINTS_TO_FIND, settings.samples), settings.samples):
        points = sample_surface(mesh.vertices, mesh.faces, samples, _seeds(settings)[1])
        seen = _seen_of(points, views, hides, settings)
        if len(seen.points) > 0:
            return
    _refuse_unseen(seen, path, settings, InputError)


def compare_meshes(predicted_path: Path, reference_path: Path, settings: Comparison) -> MeshReport:
    """Compare two mesh files.

    Culling leaves out points that would be measured, not what they are measured against.

    Args:
        predicted_path: The mesh to judge.
        reference_path: The mesh that is taken to be true.
        settings: How.

    Raises:
        InputError: If a file is no mesh that can be measured, or no camera sees any of the reference.
        NoSurfaceError: If no camera sees any of the predicted mesh.
    """
    # A scene that cannot be used is refused before points are drawn and aligned, which takes minutes.
    views = None if settings.scene is None else _views(settings.scene)
    predicted_mesh, reference_mesh = load_surface(predicted_path), load_surface(reference_path)
    seeds = _seeds(settings)
    reference = sample_surface(reference_mesh.vertices, reference_mesh.faces, settings.samples, seeds[1])
    some = sample_surface(predicted_mesh.vertices, predicted_mesh.faces, _POINTS_TO_ALIGN, seeds[0])
    move = align(some.points, reference.points[:_POINTS_TO_ALIGN], settings.alignment)
    if settings.alignment != "none":
        predicted_mesh.apply_transform(move.transform)
    predicted = sample_surface(predicted_mesh.vertices, predicted_mesh.faces, settings.samples, seeds[0])
    seems_wrong = hints(predicted.points, reference.points)
    if settings.alignment != "none" and not seems_wrong:
        left = residual_hint(move.residual, reference.points, settings.alignment)
        seems_wrong = [] if left is None else [left]
    spacing = tuple(float(np.sqrt(mesh.area / settings.samples)) for mesh in (predicted_mesh, reference_mesh))
    measured_predicted, measured_reference = predicted, reference
    if views is not None:
        measured_predicted, measured_reference = _seen(
            settings, views, predicted_mesh, predicted, reference_mesh, reference
        )
        _refuse_unseen(measured_predicted, predicted_path, settings, NoSurfaceError)
        _refuse_unseen(measured_reference, reference_path, settings, InputError)
    from_predicted, from_reference = one_way(measured_predicted, reference), one_way(measured_reference, predicted)
    return MeshReport(
        scores=surface_scores(from_predicted, from_reference, settings.thresholds),
        predicted=measured_predicted,
        reference=measured_reference,
        from_predicted=from_predicted,
        from_reference=from_reference,
        kept=(len(measured_predicted.points) / settings.samples, len(measured_reference.points) / settings.samples),
        move=move,
        hints=seems_wrong,
        spacing=(spacing[0], spacing[1]),
    )


def _seeds(settings: Comparison) -> list[int]:
    # Different ones: with one, equal meshes would be given equal points, and no distance at all.
    return np.random.SeedSequence(settings.seed).generate_state(2).tolist()


def _refuse_unseen(seen: SurfacePoints, path: Path, settings: Comparison, error: type[InputError]) -> None:
    if len(seen.points) == 0:
        raise error(
            f"No training camera of '{settings.scene}' sees any of '{path}': give a mesh in the coordinates of that "
            "scene's transforms.json, or leave out --scene."
        )


def _views(scene: Path) -> tuple["Cameras", NDArray[np.float64]]:
    """The cameras whose sight counts, and what is to be added to their places."""
    from s3im_methods.data.training_cameras import training_cameras
    from s3im_methods.metrics.surface_visibility import check_perspective

    cameras, far = training_cameras(scene)
    check_perspective(cameras)
    return cameras, far


def _seen(
    settings: Comparison,
    views: tuple["Cameras", NDArray[np.float64]],
    predicted_mesh: trimesh.Trimesh,
    predicted: SurfacePoints,
    reference_mesh: trimesh.Trimesh,
    reference: SurfacePoints,
) -> tuple[SurfacePoints, SurfacePoints]:
    """The points of both meshes that cameras see."""
    before_reference = _occluder(reference_mesh, views)
    before_predicted = _occluder(predicted_mesh, views) if settings.occluder == "own" else before_reference
    return (
        _seen_of(predicted, views, before_predicted, settings),
        _seen_of(reference, views, before_reference, settings),
    )


def _occluder(mesh: trimesh.Trimesh, views: tuple["Cameras", NDArray[np.float64]]) -> "Occluder":
    from s3im_methods.metrics.surface_visibility import Occluder

    return Occluder(mesh.vertices - views[1], mesh.faces)


def _seen_of(
    surface: SurfacePoints,
    views: tuple["Cameras", NDArray[np.float64]],
    hides: "Occluder",
    settings: Comparison,
) -> SurfacePoints:
    """What the cameras see, with the normals towards the camera that sees the point."""
    from s3im_methods.metrics.surface_visibility import seen_by

    cameras, far = views
    camera = seen_by(surface.points - far, cameras, hides, max(settings.thresholds))
    origins = cameras.camera_to_worlds[:, :3, 3].double().numpy()
    counts = surface.where(camera >= 0)
    away = ((origins[camera[camera >= 0]] + far - counts.points) * counts.normals).sum(axis=1) < 0
    return SurfacePoints(counts.points, np.where(away[:, None], -counts.normals, counts.normals))
