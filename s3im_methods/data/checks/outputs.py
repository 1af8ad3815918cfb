"""Is what a data parser made fit for training? The same questions to every parser, ours or not."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from numpy.typing import NDArray

from s3im_methods.data.checks.far_away import is_far, is_too_far, lost_share, place
from s3im_methods.data.checks.files import Listed, Picture, check_image_modes
from s3im_methods.data.checks.odd_cameras import odd_lenses, odd_places
from s3im_methods.data.checks.orientation import turned_hint
from s3im_methods.data.checks.rotations import rotation_fault, to_rotations
from s3im_methods.data.checks.splits import FEWEST_TRAINING_VIEWS
from s3im_methods.data.depth.listing import METADATA_KEY
from s3im_methods.data.image_sizes import are_near
from s3im_methods.data.masks import load_mask
from s3im_methods.data.wording import are, has, quote, some, which
from s3im_methods.errors import InputError

# Coordinates of a map, in whose float32 a camera may well stand at its neighbour's place.
_MAP = 1e4
_ABOVE_ZERO = ("fx", "fy", "width", "height")
_MEANING = {"fx": "focal lengths", "fy": "focal lengths", "cx": "principal points", "cy": "principal points"}


def check_cameras(outputs: DataparserOutputs, split: str, source: Path) -> list[str]:
    """Refuse views that are too few or whose cameras cannot be, and make rotations of their poses.

    Args:
        outputs: The split; its cameras' rotations are mended in place.
        split: "train", "val" or "test".
        source: The scene, for the sentences.

    Returns:
        What to tell the user.

    Raises:
        InputError: If there are too few views, intrinsics are not finite and positive, poses are no poses, all cameras
            stand at the same place, or they are so far from the origin that float32 loses where.
    """
    cameras, count = outputs.cameras, len(outputs.image_filenames)
    _check_count(outputs, split, source)
    _check_intrinsics(cameras, outputs.image_filenames, source)
    if np.isnan(float(outputs.dataparser_scale)):
        # Parsers centre all cameras by the mean of their positions, so that none tells whose it was.
        raise InputError(f"A camera position of {quote(source)} holds NaN or infinity: correct or drop it.")
    if not np.isfinite(float(outputs.dataparser_scale)):
        # They divide by the cameras' extent.
        raise InputError(_one_place(count, source, None))
    lines = [*_mend_poses(outputs, source), *odd_lenses(cameras, outputs.image_filenames, source)]
    if split != "train" or cameras.times is not None:
        # One view is enough to evaluate, and a camera that stands still to film what moves.
        return lines
    origins = cameras.camera_to_worlds[:, :3, 3].double().cpu().numpy()
    world, spread = _in_the_world(outputs, origins), float(np.abs(origins - origins.mean(axis=0)).max())
    far = world if is_far(world) else None
    if spread <= (1e-6 if far is None else 0.0) * float(np.abs(origins).max()):
        raise InputError(_one_place(count, source, world))
    lines += odd_places(world, outputs.image_filenames, source)
    if far is None:
        return lines
    remedy = f"subtract {place(np.round(far.mean(axis=0)))} from all positions in its files"
    if is_too_far(far):
        raise InputError(
            f"The cameras of {quote(source)} are so far from the origin that float32 loses "
            f"{100 * lost_share(far):.2g} % of their extent: {remedy}."
        )
    return [
        *lines,
        f"The cameras of {quote(source)} are far from the origin, where float32 loses {100 * lost_share(far):.2g} % of "
        f"their extent: {remedy}.",
    ]


def check_files(outputs: DataparserOutputs, source: Path, downscaled: bool) -> None:
    """Refuse images, masks and monocular priors that are missing, cut off, or not of their cameras' size, and images
    that several views share.

    Args:
        outputs: The split.
        source: The scene, for the sentences.
        downscaled: Whether the images are downscaled copies, whose sizes tools round in different ways.

    Raises:
        InputError: If there are any; the sentence counts them and names the first.
    """
    images = _listed("image", outputs.image_filenames, source)
    _check_distinct(images.paths, outputs.cameras.times, source)
    pictures = images.check_pictures()
    check_image_modes(images, pictures)
    cameras = outputs.cameras
    sizes = list(zip(cameras.width.flatten().tolist(), cameras.height.flatten().tolist(), strict=True))
    _check_sizes(images, pictures, sizes, downscaled, "its camera has")
    if outputs.mask_filenames is not None:
        masks = _listed("mask", outputs.mask_filenames, source)
        own = [picture.size for picture in pictures]
        _check_sizes(masks, _mask_pictures(masks), own, downscaled, "its image has")
    if outputs.metadata.get("include_mono_prior"):
        for key, noun in (("depth_filenames", "monocular depth map"), ("normal_filenames", "normal map")):
            found = outputs.metadata.get(key) or []
            if len(found) != len(images.paths):
                raise InputError(
                    f"{quote(source)} lists {some(len(found), len(images.paths), noun)}: give both priors for every "
                    "image, or drop --include-mono-prior."
                )
            _listed(noun, found, source).check_present()


def _check_distinct(images: list[Path], times: torch.Tensor | None, source: Path) -> None:
    """Refuse one image for several views, unless their times differ: a moving scene may look the same twice."""
    seen: set[tuple[str, float]] = set()
    for path, time in zip(images, [0.0] * len(images) if times is None else times.flatten().tolist(), strict=True):
        view = os.path.normpath(path), time
        if view in seen:
            raise InputError(
                f"Two views of {quote(source)} have the same image, {quote(path)}: drop one of them, or give each its "
                "own image."
            )
        seen.add(view)


def _one_place(count: int, source: Path, world: NDArray | None) -> str:
    sentence = f"All {count} cameras of {quote(source)} stand at the same place"
    if world is not None and np.abs(world).max() >= _MAP:
        return (
            f"{sentence}, {place(world[0])}, as far as float32 can tell: subtract that from all positions in its files."
        )
    return (
        f"{sentence}, as far as float32 can tell, which leaves no depth to learn from: give real camera positions near "
        "the origin, for instance from ns-process-data."
    )


def _listed(noun: str, paths: list[Path], source: Path) -> Listed:
    return Listed(noun, [Path(path) for path in paths], source, "put back what is missing, or correct the list")


def _check_count(outputs: DataparserOutputs, split: str, source: Path) -> None:
    count, cameras = len(outputs.image_filenames), len(outputs.cameras)
    fewest = FEWEST_TRAINING_VIEWS if split == "train" else 1
    if count < fewest:
        use = "training" if split == "train" else "evaluation"
        raise InputError(
            f"{quote(source)} has {count or 'no'} image{'' if count == 1 else 's'} for {use}, but at least {fewest} "
            f"{'is' if fewest == 1 else 'are'} needed: add views, or split them in another way."
        )
    for noun, found in (("cameras", cameras), ("masks", len(outputs.mask_filenames or []) or count)):
        if found != count:
            raise InputError(
                f"{quote(source)} has {found} {noun} for {count} images: give one for every image"
                + (", or no mask at all." if noun == "masks" else ".")
            )


def _check_intrinsics(cameras: Cameras, images: list[Path], source: Path) -> None:
    for name in ("fx", "fy", "cx", "cy", "width", "height"):
        values = getattr(cameras, name).double().flatten()
        fine = torch.isfinite(values) & (values > 0 if name in _ABOVE_ZERO else True)
        bad = (~fine).nonzero().flatten().tolist()
        if bad:
            wanted = "finite and above 0" if name in _ABOVE_ZERO else "finite"
            raise InputError(
                f"{some(len(bad), len(values), 'camera')} of {quote(source)} {has(len(bad))} {name} that "
                f"{are(len(bad))} not {wanted}, {which(len(bad))} that of {quote(images[bad[0]])} with "
                f"{values[bad[0]]:g}: correct its {_MEANING.get(name, 'sizes')}."
            )
    lens = cameras.distortion_params
    if lens is not None and not bool(torch.isfinite(lens).all()):
        raise InputError(f"The lens distortion of {quote(source)} holds NaN or infinity: give numbers, 0 for none.")


def _mend_poses(outputs: DataparserOutputs, source: Path) -> list[str]:
    poses = outputs.cameras.camera_to_worlds
    numbers = poses.double().cpu().numpy()
    faults = [(index, fault) for index, pose in enumerate(numbers) if (fault := _pose_fault(pose))]
    if faults:
        index, fault = faults[0]
        raise InputError(
            f"{some(len(faults), len(numbers), 'pose')} of {quote(source)} {are(len(faults))} unusable, "
            f"{which(len(faults))} that of {quote(outputs.image_filenames[index])}, which {fault}: correct it or drop "
            "such views."
        )
    rotations, lines = to_rotations(numbers[:, :3, :3], quote(source))
    if not np.array_equal(rotations, numbers[:, :3, :3]):
        poses[:, :3, :3] = torch.from_numpy(rotations).to(poses)
    priors = outputs.metadata.get("camera_to_worlds")
    if isinstance(priors, torch.Tensor):
        # By these, sdfstudio's normals are turned.
        turned, _ = to_rotations(priors[:, :3, :3].double().cpu().numpy(), quote(source))
        priors[:, :3, :3] = torch.from_numpy(turned).to(priors)
    return lines


def _pose_fault(pose: NDArray) -> str | None:
    return rotation_fault(pose[:3, :3]) if np.isfinite(pose).all() else "holds NaN or infinity"


def _in_the_world(outputs: DataparserOutputs, origins: NDArray) -> NDArray[np.float64]:
    """Where the cameras were when float32 was made of them, ``[N, 3]``, as far as the parser tells."""
    transform = outputs.dataparser_transform.double().cpu().numpy()
    if outputs.dataparser_transform.dtype == torch.float64:
        # Of a parser that has kept the way back.
        return origins
    scale = float(outputs.dataparser_scale)
    frames: Any = outputs.metadata.get(METADATA_KEY)
    if frames is not None:
        # Where nerfstudio's own numbers lead, before applied_transform and applied_scale, nobody has read positions.
        transform, scale = frames.points_to_scene, scale / float(frames.header.get("applied_scale", 1.0))
    if not np.isfinite(transform).all() or not scale > 0 or abs(np.linalg.det(transform[:, :3])) < 1e-12:
        return origins
    return (origins / scale - transform[:, 3]) @ np.linalg.inv(transform[:, :3]).T


def _check_sizes(
    files: Listed, pictures: list[Picture], wanted: list[tuple[int, int]], downscaled: bool, whose: str
) -> None:
    bad = [
        index
        for index, (picture, size) in enumerate(zip(pictures, wanted, strict=True))
        if not are_near(picture.size, size, 2 if downscaled else 1)
    ]
    if bad:
        found, expected = pictures[bad[0]].size, wanted[bad[0]]
        remedy = ": correct width, height and intrinsics, or write the files in that size"
        files.refuse(
            bad,
            f"not of the size that {whose}",
            f" with {found[0]} x {found[1]} instead of {expected[0]} x {expected[1]} pixels"
            + (turned_hint(files.paths[bad[0]], found, expected) or remedy),
        )


def _mask_pictures(masks: Listed) -> list[Picture]:
    if not all(path.suffix.lower() == ".npy" for path in masks.paths):
        return masks.check_pictures()
    masks.check_present()
    height_and_width = [load_mask(path)[0].shape for path in masks.paths]
    return [Picture((width, height), "L", True) for height, width in height_and_width]
