"""Judge the surface of a trained pipeline by the scene's true mesh."""

from pathlib import Path
from typing import Any

from s3im_methods.exporters.mesh.extraction import MeshSettings, extract_mesh
from s3im_methods.exporters.mesh.mesh_files import write_mesh
from s3im_methods.exporters.mesh.outline_level import surface_level
from s3im_methods.exporters.mesh.training_split import training_split
from s3im_methods.exporters.mesh.world_frame import world_frame
from s3im_methods.metrics.mesh_report import Comparison, check_reference, compare_meshes
from s3im_methods.remedies import of_a_trained_run, remedies_in, without_meshes

_SAMPLES = 200_000


def true_mesh(scene: Path) -> Path | None:
    """The scene's ``mesh.ply``, or None where it has none."""
    path = (scene if scene.is_dir() else scene.parent) / "mesh.ply"
    return path if path.is_file() else None


def check_true_mesh(scene: Path, thresholds: tuple[float, ...]) -> None:
    """Refuse a true mesh by which no surface can be judged, before anything is trained.

    Args:
        scene: The scene as it was given; one without a true mesh passes.
        thresholds: Distances of the F-scores, in units of the data.

    Raises:
        InputError: If the file is no usable mesh, or the scene's training cameras cannot say what of it they see.
    """
    reference = true_mesh(scene)
    if reference is not None:
        with remedies_in(without_meshes):
            check_reference(reference, _comparison(scene, thresholds))


def mesh_metrics(
    pipeline: Any, scene: Path, folder: Path, resolution: int, thresholds: tuple[float, ...]
) -> dict[str, float]:
    """Make the mesh as ``s3im export-mesh`` does and judge it as ``s3im eval-mesh`` does.

    Args:
        pipeline: In evaluation mode.
        scene: The scene as it was given: what its training cameras see is what counts, for every variant.
        folder: Where ``mesh.ply`` is written.
        resolution: Cells along the longest side of its box.
        thresholds: Distances of the F-scores, in units of the data.

    Returns:
        Nothing where the model has no signed distance or the scene no true mesh.

    Raises:
        NoSurfaceError: If there is no surface, or no camera sees it.
        InputError: If the true mesh cannot be read, or the mesh does not fit into the memory.
    """
    reference = true_mesh(scene)
    if reference is None or not hasattr(pipeline.model, "surface_value"):
        return {}
    outputs = training_split(pipeline.datamanager)
    path = folder / "mesh.ply"
    with remedies_in(of_a_trained_run):
        settings = MeshSettings(resolution=resolution, level=surface_level(pipeline))
        mesh = extract_mesh(pipeline.model, outputs.cameras.to(pipeline.device), world_frame(outputs), settings)
        write_mesh(path, mesh.surface, mesh.normals, mesh.colours)
        scores = compare_meshes(path, reference, _comparison(scene, thresholds)).scores
    return {
        "chamfer": scores.chamfer_l1,
        **{f"f_score@{at.threshold:g}": at.f_score for at in scores.at},
        "normal_consistency": scores.normal_consistency,
    }


def _comparison(scene: Path, thresholds: tuple[float, ...]) -> Comparison:
    listed = scene if scene.is_file() else scene / "transforms.json"
    return Comparison(thresholds, _SAMPLES, seed=0, scene=listed if listed.is_file() else None)
