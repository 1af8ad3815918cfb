"""``s3im eval-mesh PREDICTED REFERENCE``: how close a mesh is to the true one."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import tyro

if TYPE_CHECKING:
    from s3im_methods.metrics.mesh_report import MeshReport


@dataclass(frozen=True)
class EvalMeshCommand:
    """Measure how close a mesh is to the true one: Chamfer-L1, F-score, normals.

    Also writes a picture of where the two differ. Nothing is moved or cut unless asked: both meshes must be in
    the same coordinates and units.
    """

    example: ClassVar[str] = "s3im eval-mesh mesh.ply true-mesh.ply --unit m --thresholds 0.01 0.05"

    predicted: tyro.conf.Positional[Path]
    """The mesh to measure: PLY, OBJ, GLB, STL or OFF."""
    reference: tyro.conf.Positional[Path]
    """The mesh that is taken to be true."""
    thresholds: tuple[float, ...] = (0.01, 0.02, 0.05)
    """Distances at which precision, recall and F-score are taken, in the meshes' units."""
    unit: str = "units"
    """Name of the meshes' unit of length, for the table and the picture, for instance m."""
    samples: int = 1_000_000
    """Points that are drawn on each surface, uniformly by area."""
    seed: int = 0
    """Seed of the points."""
    align: Literal["none", "translation", "rigid", "similarity"] = "none"
    """Move the prediction onto the reference first, by iterated closest points from many orientations: its place, also
    its orientation, also its size."""
    scene: Path | None = None
    """Count only what the training cameras of this scene see (folder with transforms.json, or such a file); the meshes
    must be in its coordinates."""
    occluder: Literal["own", "reference"] = "own"
    """With --scene, what hides points of the prediction: the prediction itself, or the reference, which also leaves out
    surfaces that are too deep by more than the largest threshold."""
    output_path: Path = Path("eval_mesh.json")
    """The JSON file to write."""
    picture_path: Path = Path("eval_mesh.png")
    """The picture to write."""

    def run(self) -> None:
        """Print the table, and write the JSON file and the picture."""
        import json

        from s3im_methods.metrics.mesh_report import Comparison, compare_meshes
        from s3im_methods.outputs import check_output_file, check_picture_file, written
        from s3im_methods.remedies import of_transforms_only, remedies_in

        self._check()
        output_path = check_output_file(self.output_path, "--output-path")
        picture_path = check_picture_file(self.picture_path, "--picture-path")
        settings = Comparison(self.thresholds, self.samples, self.seed, self.align, self.scene, self.occluder)
        with remedies_in(lambda message: of_transforms_only(message, self.scene or Path())):
            report = compare_meshes(self.predicted, self.reference, settings)
        self._print(report)
        about = {
            "predicted": str(self.predicted),
            "reference": str(self.reference),
            "unit": self.unit,
            "samples": self.samples,
            "seed": self.seed,
            "align": self.align,
            "scene": None if self.scene is None else str(self.scene),
            "occluder": None if self.scene is None else self.occluder,
        }
        with written(output_path) as path:
            path.write_text(json.dumps({**about, **report.as_dict()}, indent=1), encoding="utf-8")
        title = f"{self.predicted.name} against {self.reference.name}: Chamfer-L1 {report.scores.chamfer_l1:.4g}"
        with written(picture_path) as path:
            report.picture(f"{title} {self.unit}", max(self.thresholds), self.unit).save(path)
        print(f"Wrote {output_path} and {picture_path}. Look at the picture first: red is where the surfaces differ.")

    def _check(self) -> None:
        import math

        from s3im_methods.errors import InputError

        if not self.thresholds or not all(0 < value < math.inf for value in self.thresholds):
            given = " ".join(f"{value:g}" for value in self.thresholds)
            raise InputError(f"--thresholds is '{given}': give one or more distances above 0.")
        if self.samples < 1000:
            raise InputError(f"--samples is {self.samples}: give 1000 or more.")
        if self.seed < 0:
            raise InputError(f"--seed is {self.seed}: give 0 or more.")
        if self.occluder != "own" and self.scene is None:
            raise InputError(
                f"--occluder {self.occluder} has no effect without --scene: give the scene whose cameras count, or "
                "leave it out."
            )

    def _print(self, report: "MeshReport") -> None:
        from rich.console import Console
        from rich.table import Table

        from s3im_methods.console import warn

        scores, unit = report.scores, self.unit
        both = Table("", "predicted to reference", "reference to predicted", "both")
        both.add_row(
            f"mean distance ({unit})",
            f"{scores.accuracy:.5g} (accuracy)",
            f"{scores.completeness:.5g} (completeness)",
            f"{scores.chamfer_l1:.5g} (Chamfer-L1, their mean)",
        )
        both.add_row(
            f"median distance ({unit})", f"{scores.accuracy_median:.5g}", f"{scores.completeness_median:.5g}", ""
        )
        for at in scores.at:
            both.add_row(
                f"within {at.threshold:g} {unit}",
                f"{at.precision:.4f} (precision)",
                f"{at.recall:.4f} (recall)",
                f"{at.f_score:.4f} (F-score)",
            )
        both.add_row(
            "normal consistency",
            f"{scores.normals_predicted:.4f}",
            f"{scores.normals_reference:.4f}",
            f"{scores.normal_consistency:.4f} (mean)",
        )
        if self.scene is not None:
            both.add_row("share that counts", f"{report.kept[0]:.4f}", f"{report.kept[1]:.4f}", "")
        # Where the output is no terminal, nothing is cut off to fit one.
        Console(width=None if sys.stdout.isatty() else 160, markup=False).print(both)
        print(
            f"Points lie {report.spacing[0]:.2g} {unit} apart on the prediction and {report.spacing[1]:.2g} {unit} on "
            "the reference; equal surfaces would show about half of that as their distance."
        )
        if self.align != "none":
            move = ", ".join(f"{value:.4g}" for value in report.move.transform[:3, 3])
            print(
                f"The prediction was aligned ({self.align}): moved by {move} {unit} after a scaling by "
                f"{report.move.scale:.5g} and a turn of {report.move.angle:.2f} degrees about the origin. The surfaces "
                f"are {report.move.residual:.4g} {unit} apart after it."
            )
        for hint in report.hints:
            warn(hint)
