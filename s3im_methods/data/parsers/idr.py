"""``idr-data``: the layout of IDR, NeuS, VolSDF and neurecon, and of MonoSDF's ready scenes.

Images, and where there are any their masks, lie in folders (``image/`` or ``images/``, ``mask/`` or ``masks/``), or
side by side as ``*_rgb.png`` and ``*_mask.npy``. A file ``cameras*.npz`` holds two 4 x 4 matrices per image:
``world_mat_k`` projects the world to pixels, and ``scale_mat_k`` takes the unit sphere, in which these codes look for
the surface, to the world. Scene units here are those of the unit sphere, times a factor that brings the cameras between
-1 and 1; meshes and point clouds come back in the world.

MonoSDF's scenes add ``*_depth.npy`` and ``*_normal.npy`` (or folders ``depths/`` and ``normals/``), which count as
monocular depth and normals. Their images are the middle square of larger ones, whose intrinsics the file still holds.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from nerfstudio.cameras.camera_utils import auto_orient_and_center_poses
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.dataparsers.base_dataparser import DataParser, DataParserConfig, DataparserOutputs
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.plugins.registry_dataparser import DataParserSpecification
from numpy.typing import NDArray
from PIL import Image

from s3im_methods.data.checks.far_away import is_far
from s3im_methods.data.checks.skew import skew_lines
from s3im_methods.data.far_outputs import FarOutputs
from s3im_methods.data.parsers.idr_files import IDRFiles, camera_numbers
from s3im_methods.data.parsers.projection_matrix import Camera, decompose_projection
from s3im_methods.data.scene_facts import add_facts
from s3im_methods.data.scene_sphere import SceneSphere, fit_scene_sphere
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

_CAMERA_FILES = ("cameras_sphere.npz", "cameras_large.npz", "cameras.npz")
_MATRIX = re.compile(r"(world|scale)_mat_\d+")
# By how much the principal point of an uncropped image may lie off its middle, as a share of the side.
_OFF_CENTRE = 0.1
# Of Replica, ScanNet, Tanks and Temples and DTU, and other common ones.
_WHOLE_SIZES = np.array(
    [
        [1200, 680],
        [1296, 968],
        [640, 480],
        [1920, 1080],
        [1600, 1200],
        [1280, 720],
        [1024, 768],
        [768, 576],
        [960, 540],
        [3840, 2160],
    ],
    dtype=np.float64,
)


@dataclass
class IDRDataParserConfig(DataParserConfig):
    """Scenes in the layout of IDR, NeuS, VolSDF and MonoSDF."""

    _target: type = field(default_factory=lambda: IDRDataParser)
    """The class to instantiate."""
    data: Path = Path()
    """Folder with the images and cameras*.npz."""
    cameras_file: str | None = None
    """File with the cameras, in that folder; if not set, cameras_sphere.npz, cameras_large.npz or cameras.npz, the
    first that is there."""
    eval_interval: int = 8
    """Every so many-th image is held out for evaluation; 0 trains on all of them, and evaluates on them too."""
    crop: Literal["auto", "none", "center"] = "auto"
    """Whether the images are the shrunk middle square of larger images to which the cameras belong, as in MonoSDF's
    scenes. auto: square images with a principal point far from the middle are, and others were shrunk as a whole if
    the aspect fits."""
    orientation_method: Literal["up", "none"] = "up"
    """up: turn the scene until z is what most cameras hold upwards. none: leave it."""


class IDRDataParser(DataParser):
    """See the module's docstring.

    Args:
        config: The configuration.

    Attributes:
        lines: What the user should know of the scene, after a split was read.
    """

    config: IDRDataParserConfig
    lines: tuple[str, ...] = ()

    def _generate_dataparser_outputs(self, split: str = "train") -> DataparserOutputs:
        lines: list[str] = []
        files = IDRFiles.of(self.config.data, lines)
        cameras, scale_mat, is_exact = _read_cameras(_camera_file(self.config), files.images, lines)
        if self.config.eval_interval < 0 or self.config.eval_interval == 1:
            raise InputError(f"--eval-interval is {self.config.eval_interval}: give 2 or more, or 0 to hold out none.")
        held_out = np.arange(len(cameras)) % (self.config.eval_interval or len(cameras) + 1) == 0
        if not self.config.eval_interval:
            chosen = np.arange(len(cameras))
        else:
            chosen = np.flatnonzero(~held_out if split == "train" else held_out)

        with Image.open(files.images[0]) as picture:
            size = picture.size
        intrinsics = np.stack([camera.intrinsics for camera in cameras])
        intrinsics = _of_the_images(intrinsics, size, self.config.crop, lines)
        _check_intrinsics(intrinsics, size, self.config.data, lines)

        # OpenCV's axes, in the unit sphere's frame.
        opencv = np.stack([np.column_stack([c.rotation.T, c.center]) for c in cameras])
        opencv = np.concatenate([opencv, np.tile([[[0.0, 0, 0, 1]]], (len(opencv), 1, 1))], axis=1)
        poses = torch.from_numpy(opencv * np.array([1.0, -1, -1, 1])).float()
        poses, turn = auto_orient_and_center_poses(poses, method=self.config.orientation_method, center_method="none")
        enlarge = 1.0 / float(poses[:, :3, 3].abs().max())
        poses = poses[:, :3, :4].clone()
        poses[:, :, 3] *= enlarge
        per_unit = scale_mat[0, 0]
        rotation = turn[:3, :3].double().numpy()
        # Nothing is lost on the way to the unit sphere, which is in float64; the way back is to be exact too.
        keeps_way_back = is_exact and is_far(opencv[:, :3, 3] * per_unit + scale_mat[:3, 3])
        if keeps_way_back:
            left, _, right = np.linalg.svd(rotation)
            rotation = left @ right
        transform = torch.from_numpy(np.column_stack([rotation, -rotation @ scale_mat[:3, 3]]))

        metadata = _priors(files, chosen, torch.from_numpy(opencv[chosen]).float(), transform.float(), lines)
        self.lines = tuple(lines)
        ks = torch.from_numpy(intrinsics).float()
        found = Cameras(
            camera_to_worlds=poses,
            fx=ks[:, 0, 0],
            fy=ks[:, 1, 1],
            # These codes give the top left pixel's centre the coordinates (0, 0), nerfstudio (0.5, 0.5).
            cx=ks[:, 0, 2] + 0.5,
            cy=ks[:, 1, 2] + 0.5,
            width=size[0],
            height=size[1],
            camera_type=CameraType.PERSPECTIVE,
        )
        # Rooms have a unit sphere too.
        kind = fit_scene_sphere(found).kind
        add_facts(metadata, object_sphere=SceneSphere((0.0, 0.0, 0.0), enlarge, "object"), scene_kind=kind)
        kind_of_outputs = FarOutputs if keeps_way_back else DataparserOutputs
        return kind_of_outputs(
            image_filenames=[files.images[k] for k in chosen],
            cameras=found[torch.from_numpy(chosen)],
            scene_box=SceneBox(aabb=torch.tensor([[-1.0] * 3, [1.0] * 3])),
            mask_filenames=[files.masks[k] for k in chosen] if files.masks else None,
            dataparser_transform=transform if keeps_way_back else transform.float(),
            dataparser_scale=enlarge / per_unit,
            metadata=metadata,
        )


def _camera_file(config: IDRDataParserConfig) -> Path:
    names = _CAMERA_FILES if config.cameras_file is None else (config.cameras_file,)
    found = next((config.data / name for name in names if (config.data / name).is_file()), None)
    if found is None:
        raise InputError(
            f"{quote(config.data)} holds no {' or '.join(names)}: give --data the scene's folder, or its file as "
            "--cameras-file."
        )
    return found


def _read_cameras(path: Path, images: list[Path], lines: list[str]) -> tuple[list[Camera], NDArray[np.float64], bool]:
    """Each image's camera in the unit sphere's frame, the matrix from there to the world, and whether the file holds
    them in double precision.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            # What else is there may be of any kind.
            names = [name for name in stored.files if _MATRIX.fullmatch(name)]
            is_exact = all(stored[name].dtype.itemsize == 8 for name in names)
            arrays = {name: stored[name].astype(np.float64) for name in names}
    except Exception as error:  # NumPy's reader raises errors of any kind on bytes that are no archive.
        raise InputError(f"{quote(path)} is not a complete archive of arrays: copy it again.") from error
    numbers = sorted(int(name.rsplit("_", 1)[1]) for name in arrays if name.startswith("world"))
    cameras = []
    first_scale = next((arrays[name] for k in numbers if (name := f"scale_mat_{k}") in arrays), None)
    if first_scale is None:
        first_scale = np.eye(4)
        lines.append(
            f"{quote(path)} holds no scale_mat_0: surfaces are looked for in the sphere of radius 1 around the world's "
            "origin."
        )
    for number in camera_numbers(images, numbers, path):
        world, scale = arrays[f"world_mat_{number}"], arrays.get(f"scale_mat_{number}", first_scale)
        if world.shape not in ((3, 4), (4, 4)) or scale.shape != (4, 4):
            raise InputError(
                f"world_mat_{number} or scale_mat_{number} in {quote(path)} is not a 4 x 4 matrix: correct it."
            )
        if not np.allclose(scale, first_scale, rtol=1e-5, atol=1e-8):
            raise InputError(
                f"scale_mat_{number} in {quote(path)} differs from that of the first image: all cameras must share "
                "one unit sphere."
            )
        try:
            cameras.append(decompose_projection((world @ scale)[:3]))
        except ValueError as error:
            raise InputError(
                f"world_mat_{number} in {quote(path)} is not a projection ({error}): correct it."
            ) from error
    uniform = np.diag(first_scale)[:3]
    off = first_scale[:3, :3] - np.diag(uniform)
    if uniform.min() <= 0 or np.ptp(uniform) > 1e-5 * uniform.max() or np.abs(off).max() > 1e-5 * uniform.max():
        raise InputError(
            f"scale_mat in {quote(path)} is not one scale and a shift: write it as in NeuS's preprocessing."
        )
    return cameras, first_scale, is_exact


def _of_the_images(
    intrinsics: NDArray, size: tuple[int, int], crop: Literal["auto", "none", "center"], lines: list[str]
) -> NDArray:
    """Intrinsics of images that are the middle square of larger ones, shrunk to ``size``, or larger ones shrunk as they
    are; unchanged where the principal point is near the middle.
    """
    width, height = size
    if crop == "center" and width != height:
        raise InputError(
            f"--crop center is for square images, and these have {width} x {height} pixels: set --crop none."
        )
    # From the top left corner of the image.
    principal = intrinsics[:, :2, 2].mean(0) + 0.5
    off = np.abs(principal / (np.array(size) / 2) - 1).max()
    if crop == "none" or (crop == "auto" and off < _OFF_CENTRE):
        return intrinsics
    distance = np.abs(principal / (_WHOLE_SIZES / 2) - 1).max(-1)
    is_common = distance.min() < _OFF_CENTRE / 2
    whole = _WHOLE_SIZES[distance.argmin()] if is_common else np.round(2 * principal)
    is_square = width == height
    if not is_square and not is_common:
        # The aspect is known, so that both axes tell the size; most images are shrunk by a whole number.
        factor = (principal / (np.array(size) / 2)).mean()
        whole_factor = max(np.round(factor), 1)
        is_whole = abs(factor / whole_factor - 1) < _OFF_CENTRE / 2
        whole = np.round(np.array(size) * (whole_factor if is_whole else factor))
    if not is_square and abs(principal[0] * height / (principal[1] * width) - 1) > _OFF_CENTRE:
        return intrinsics
    found = intrinsics.copy()
    # Pixels' corners, not their middles, lie where they did.
    found[:, :2, 2] += 0.5
    if is_square:
        found[:, :2, 2] -= (whole - whole.min()) / 2
        found[:, :2] *= width / whole.min()
    else:
        found[:, :2] *= (np.array(size) / whole)[:, None]
    found[:, :2, 2] -= 0.5
    lines.append(
        f"The cameras belong to images of {whole[0]:g} x {whole[1]:g} pixels, judged by their principal point"
        f"{'' if is_common else ', and that is not a common size'}. These show "
        f"{'the middle square' if is_square else 'all'} of them at {width} x {height}, and intrinsics are changed to "
        "match (--crop none leaves them)."
    )
    return found


def _check_intrinsics(intrinsics: NDArray, size: tuple[int, int], folder: Path, lines: list[str]) -> None:
    lines += skew_lines(intrinsics, folder)
    outside = (intrinsics[:, :2, 2] < 0) | (intrinsics[:, :2, 2] > np.array(size))
    if outside.any():
        k = int(np.flatnonzero(outside.any(-1))[0])
        raise InputError(
            f"The principal point of camera {k} of {quote(folder)} is ({intrinsics[k, 0, 2]:.0f}, "
            f"{intrinsics[k, 1, 2]:.0f}), outside its image of {size[0]} x {size[1]} pixels: these images are not "
            "those that the cameras belong to, or set --crop center if they are their middle squares."
        )


def _priors(files: IDRFiles, chosen: NDArray, opencv: torch.Tensor, transform: torch.Tensor, lines: list[str]) -> dict:
    """What nerfstudio's dataset of sdfstudio's scenes reads: monocular depth and normals."""
    if not (files.depths and files.normals):
        if files.depths or files.normals:
            have, lack = ("depth", "normals") if files.depths else ("normals", "depth")
            lines.append(f"The scene has monocular {have} without {lack}: neither is used.")
        return {}
    return {
        "depth_filenames": [files.depths[k] for k in chosen],
        "normal_filenames": [files.normals[k] for k in chosen],
        "camera_to_worlds": opencv,
        "transform": transform,
        "include_mono_prior": True,
    }


idr_data = DataParserSpecification(
    config=IDRDataParserConfig(), description="Scenes in the layout of IDR, NeuS, VolSDF and MonoSDF (cameras*.npz)."
)
