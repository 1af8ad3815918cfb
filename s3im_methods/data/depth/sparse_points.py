"""The points of a reconstruction, in scene units: a COLMAP model beside transforms.json, or the cloud that it names."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s3im_methods.data.depth.listing import FrameList
from s3im_methods.data.depth.look_up import names_among, pair_by_path
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

# Bundle adjustment and rounding move cameras by less.
_APART = 0.05
_FEWEST_CAMERAS = 2


@dataclass(frozen=True)
class SparsePoints:
    """Points, and which image saw which of them where the reconstruction says so.

    Args:
        xyz: ``[P, 3]``, float64, scene units.
        seen: Image, as its frame names it, to indices into ``xyz``; None where only the cloud is known.
    """

    xyz: np.ndarray
    seen: dict[str, np.ndarray] | None

    def visible_in(self, image: str) -> tuple[np.ndarray, bool]:
        """The points to project into an image.

        Args:
            image: The image, as its frame names it.

        Returns:
            ``[Q, 3]``, and whether they are known to be visible.
        """
        if self.seen is None:
            return self.xyz, False
        return self.xyz[self.seen.get(image, np.zeros(0, dtype=np.int64))], True


def load_points(frames: FrameList, dataparser_transform: np.ndarray, scale: float) -> SparsePoints:
    """Read the points, and bring them into the scene's coordinates.

    The COLMAP model comes first, because it knows which image saw which point; but only if it knows the images by name.

    Args:
        frames: Where they are.
        dataparser_transform: ``[3, 4]``, from COLMAP's coordinates to the scene's, without the scale.
        scale: Scene units per metre.

    Raises:
        InputError: If there are no points or they cannot be read.
    """
    if frames.colmap is not None:
        points = _from_colmap(frames, frames.colmap, dataparser_transform, scale)
        known = points is not None and any(frame["file_path"] in (points.seen or {}) for frame in frames.frames)
        if points is not None and (frames.points is None or known):
            return points
    if frames.points is None:
        raise InputError(
            f"{quote(frames.source)} names no point cloud that exists, and no COLMAP model with points lies in "
            "colmap/sparse/0 beside it: run ns-process-data with COLMAP, or add ply_file_path."
        )
    return SparsePoints(_moved(_read_cloud(frames.points), frames.points_to_scene, scale), None)


def _moved(xyz: np.ndarray, transform: np.ndarray, scale: float) -> np.ndarray:
    return (xyz @ transform[:3, :3].T + transform[:3, 3]) * scale


def _read_cloud(path: Path) -> np.ndarray:
    import open3d as o3d

    points = np.asarray(o3d.io.read_point_cloud(str(path)).points)  # pyright: ignore[reportArgumentType]
    points = points[np.isfinite(points).all(axis=1)] if len(points) else points
    if len(points) == 0:
        raise InputError(f"{quote(path)} holds no points: write it again, or drop ply_file_path.")
    return points


def _from_colmap(frames: FrameList, folder: Path, transform: np.ndarray, scale: float) -> SparsePoints | None:
    from nerfstudio.data.utils import colmap_parsing_utils as colmap

    readers = {
        ".bin": (colmap.read_points3D_binary, colmap.read_images_binary),
        ".txt": (colmap.read_points3D_text, colmap.read_images_text),
    }
    for ending, (read_points, read_images) in readers.items():
        if not (folder / f"points3D{ending}").is_file() or not (folder / f"images{ending}").is_file():
            continue
        try:
            points, images = read_points(folder / f"points3D{ending}"), read_images(folder / f"images{ending}")
        except Exception as error:  # nerfstudio's readers raise errors of any kind on a damaged file.
            raise InputError(f"The COLMAP model in {quote(folder)} is damaged: write it again.") from error
        if not points:
            continue
        index = {number: row for row, number in enumerate(points)}
        by_name = {image.name: image.point3D_ids.tolist() for image in images.values()}
        listed = [frame["file_path"] for frame in frames.all_frames]
        remedy = f"name the images in {quote(folder)} by their folders too, as in {quote(frames.source)}"
        pairs = pair_by_path(listed, names_among(list(by_name)), "COLMAP image", remedy)
        seen = {
            name: np.array(sorted({index[number] for number in by_name[known] if number in index}), dtype=np.int64)
            for name, known in pairs.items()
        }
        stand = {image.name: -image.qvec2rotmat().T @ image.tvec for image in images.values()}
        transform = _right_transform(frames, {name: stand[known] for name, known in pairs.items()}, transform, folder)
        return SparsePoints(_moved(np.array([point.xyz for point in points.values()]), transform, scale), seen)
    return None


def _right_transform(frames: FrameList, stand: dict[str, np.ndarray], assumed: np.ndarray, folder: Path) -> np.ndarray:
    """From COLMAP's coordinates to the scene's: the one by which its cameras stand where the frames have them.

    Where transforms.json has no applied_transform, nerfstudio assumes that ns-process-data turned its axes; other tools
    leave the poses in COLMAP's own.
    """
    poses = {frame["file_path"]: np.array(frame["transform_matrix"], dtype=np.float64) for frame in frames.all_frames}
    names = [name for name in stand if name in poses]
    if len(names) < _FEWEST_CAMERAS:
        return assumed
    theirs = np.array([stand[name] for name in names])
    ours = _moved(np.array([poses[name][:3, 3] for name in names]), frames.points_to_scene, 1.0)
    extent = float(np.ptp(ours, axis=0).max())
    for transform in (assumed, frames.points_to_scene):
        if np.median(np.linalg.norm(_moved(theirs, transform, 1.0) - ours, axis=1)) <= _APART * extent:
            return transform
    raise InputError(
        f"The COLMAP model in {quote(folder)} has its cameras elsewhere than {quote(frames.source)}, which leaves its "
        "points without a place: give the applied_transform that leads from its coordinates to those of the file, or "
        "remove the model."
    )
