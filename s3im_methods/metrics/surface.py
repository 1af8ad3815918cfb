"""How close two surfaces are: accuracy, completeness, Chamfer-L1, precision, recall, F-score, normal consistency.

Definitions follow Tanks and Temples (Knapitsch et al., 2017: precision, recall, F-score), DTU (Jensen et al., 2014:
accuracy, completeness) and Occupancy Networks (Mescheder et al., 2019: normal consistency, with the sign ignored).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from s3im_methods.progress import track

_POINTS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class SurfacePoints:
    """Points on a surface.

    Attributes:
        points: ``[N, 3]``, float64, in the mesh's units.
        normals: ``[N, 3]``, unit normals of the triangles that they lie on.
    """

    points: NDArray[np.float64]
    normals: NDArray[np.float64]

    def where(self, kept: NDArray[np.bool_]) -> "SurfacePoints":
        """The points that ``kept``, ``[N]``, marks."""
        return SurfacePoints(self.points[kept], self.normals[kept])


@dataclass(frozen=True)
class OneWay:
    """From each point of one surface to the nearest of another.

    Attributes:
        distance: ``[N]``, in the mesh's units.
        agreement: ``[N]``, absolute cosine between the two normals, 0 to 1.
    """

    distance: NDArray[np.float64]
    agreement: NDArray[np.float64]


@dataclass(frozen=True)
class AtThreshold:
    """Shares, 0 to 1, at one distance: of the prediction near the reference, of the reference near the prediction."""

    threshold: float
    precision: float
    recall: float
    f_score: float


@dataclass(frozen=True)
class SurfaceScores:
    """All that ``s3im eval-mesh`` reports; distances in the meshes' units.

    Attributes:
        accuracy: Mean distance from the prediction to the reference.
        accuracy_median: Its median.
        completeness: Mean distance from the reference to the prediction.
        completeness_median: Its median.
        chamfer_l1: Mean of accuracy and completeness.
        normals_predicted: Mean absolute cosine from the prediction to the reference, 0 to 1.
        normals_reference: The same from the reference to the prediction.
        normal_consistency: Mean of the two.
        at: Precision, recall and F-score, one entry per threshold.
    """

    accuracy: float
    accuracy_median: float
    completeness: float
    completeness_median: float
    chamfer_l1: float
    normals_predicted: float
    normals_reference: float
    normal_consistency: float
    at: list[AtThreshold]


def triangle_areas(vertices: NDArray, faces: NDArray) -> NDArray[np.float64]:
    """Area of each triangle, ``[F]``, of vertices ``[V, 3]`` and faces ``[F, 3]``."""
    return 0.5 * np.linalg.norm(_crosses(vertices, faces), axis=-1)


def sample_surface(vertices: NDArray, faces: NDArray, count: int, seed: int) -> SurfacePoints:
    """Points spread uniformly by area.

    Args:
        vertices: ``[V, 3]``, finite.
        faces: ``[F, 3]``, indices into the vertices; some must have an area.
        count: How many points.
        seed: The same seed gives the same points.

    Returns:
        ``count`` points.
    """
    rng = np.random.default_rng(seed)
    cross = _crosses(vertices, faces)
    double_area = np.linalg.norm(cross, axis=-1)
    upto = np.cumsum(double_area)
    # Below the total in spite of rounding, so that no triangle without area is drawn at the end.
    drawn = np.minimum(rng.random(count) * upto[-1], np.nextafter(upto[-1], 0))
    chosen = np.searchsorted(upto, drawn, side="right")
    root, share = np.sqrt(rng.random(count))[:, None], rng.random(count)[:, None]
    a, b, c = (np.asarray(vertices, dtype=np.float64)[faces[chosen, corner]] for corner in range(3))
    points = (1 - root) * a + root * (1 - share) * b + root * share * c
    return SurfacePoints(points, cross[chosen] / double_area[chosen, None])


def one_way(source: SurfacePoints, target: SurfacePoints) -> OneWay:
    """The distance of each source point to its nearest target point, and how the normals agree there.

    Args:
        source: ``N`` points.
        target: At least one point.
    """
    # Sliding midpoints build in half the time and answer as fast for points spread over surfaces.
    tree = KDTree(target.points, balanced_tree=False, compact_nodes=False)
    parts = np.array_split(source.points, -(-len(source.points) // _POINTS_AT_ONCE) or 1)
    found = [tree.query(part, workers=-1) for part in track(parts, "Measuring distances")]
    distance, nearest = (np.concatenate(column) for column in zip(*found, strict=True))
    cosine = np.einsum("ij,ij->i", source.normals, target.normals[nearest])
    return OneWay(distance, np.abs(cosine))


def surface_scores(from_predicted: OneWay, from_reference: OneWay, thresholds: Sequence[float]) -> SurfaceScores:
    """Sum the two directions up.

    Args:
        from_predicted: From the prediction to the reference; at least one point.
        from_reference: From the reference to the prediction; at least one point.
        thresholds: Distances in the meshes' units.
    """
    accuracy, completeness = float(from_predicted.distance.mean()), float(from_reference.distance.mean())
    normals = float(from_predicted.agreement.mean()), float(from_reference.agreement.mean())
    at = []
    for threshold in thresholds:
        precision = float((from_predicted.distance <= threshold).mean())
        recall = float((from_reference.distance <= threshold).mean())
        both = precision + recall
        at.append(AtThreshold(threshold, precision, recall, 2 * precision * recall / both if both else 0.0))
    return SurfaceScores(
        accuracy=accuracy,
        accuracy_median=float(np.median(from_predicted.distance)),
        completeness=completeness,
        completeness_median=float(np.median(from_reference.distance)),
        chamfer_l1=(accuracy + completeness) / 2,
        normals_predicted=normals[0],
        normals_reference=normals[1],
        normal_consistency=sum(normals) / 2,
        at=at,
    )


def _crosses(vertices: NDArray, faces: NDArray) -> NDArray[np.float64]:
    """Twice the area of each triangle along its normal, ``[F, 3]``."""
    corners = np.asarray(vertices, dtype=np.float64)
    first = corners[faces[:, 0]]
    return np.cross(corners[faces[:, 1]] - first, corners[faces[:, 2]] - first)
