"""Compare two mesh files: what ``s3im eval-mesh`` computes, as one call."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import trimesh
from PIL import Image

from s3im_methods.errors import InputError, NoSurfaceError
from s3im_methods.metrics.plausibility import hints, residual_hint
from s3im_methods.metrics.surface import OneWay, SurfacePoints, SurfaceScores, one_way, sample_surface, surface_scores
from s3im_methods.metrics.surface_alignment import Alignment, Move, align
from s3im_methods.metrics.surface_file import load_surface

_POINTS_TO_ALIGN = 20_000


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
    predicted_mesh, reference_mesh = load_surface(predicted_path), load_surface(reference_path)
    # Different seeds: with one, equal meshes would be given equal points, and no distance at all.
    seeds = np.random.SeedSequence(settings.seed).generate_state(2).tolist()
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
    if settings.scene is not None:
        measured_predicted, measured_reference = _seen(settings, predicted_mesh, predicted, reference_mesh, reference)
        for some, path, error in (
            (measured_predicted, predicted_path, NoSurfaceError),
            (measured_reference, reference_path, InputError),
        ):
            if len(some.points) == 0:
                raise error(
                    f"No training camera of '{settings.scene}' sees any of '{path}': give a mesh in the coordinates of "
                    "that scene's transforms.json, or leave out --scene."
                )
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


def _seen(
    settings: Comparison,
    predicted_mesh: trimesh.Trimesh,
    predicted: SurfacePoints,
    reference_mesh: trimesh.Trimesh,
    reference: SurfacePoints,
) -> tuple[SurfacePoints, SurfacePoints]:
    """What counts of both, with the normals towards the camera that sees the point."""
    from s3im_methods.data.training_cameras import training_cameras
    from s3im_methods.metrics.surface_visibility import Occluder, seen_by

    assert settings.scene is not None
    cameras, tolerance = training_cameras(settings.scene), max(settings.thresholds)
    before_reference = Occluder(reference_mesh.vertices, reference_mesh.faces)
    before_predicted = before_reference
    if settings.occluder == "own":
        before_predicted = Occluder(predicted_mesh.vertices, predicted_mesh.faces)
    origins = cameras.camera_to_worlds[:, :3, 3].double().numpy()
    found = []
    for surface, occluder in ((predicted, before_predicted), (reference, before_reference)):
        camera = seen_by(surface.points, cameras, occluder, tolerance)
        counts = surface.where(camera >= 0)
        away = ((origins[camera[camera >= 0]] - counts.points) * counts.normals).sum(axis=1) < 0
        found.append(SurfacePoints(counts.points, np.where(away[:, None], -counts.normals, counts.normals)))
    return found[0], found[1]
