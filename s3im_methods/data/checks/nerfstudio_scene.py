"""Check a scene that ``nerfstudio-data`` reads, by the rules of nerfstudio 1.1.5's parser and datasets."""

import os
from pathlib import Path

import numpy as np
from nerfstudio.data.dataparsers.nerfstudio_dataparser import MAX_AUTO_RESOLUTION, NerfstudioDataParserConfig
from numpy.typing import NDArray

from s3im_methods.data.checks.cameras import check_cameras, downscaled
from s3im_methods.data.checks.depth import depth_fault
from s3im_methods.data.checks.files import Listed, Picture, check_distinct, check_image_modes, read_picture
from s3im_methods.data.checks.folder import find_transforms
from s3im_methods.data.checks.honoured_keys import honoured
from s3im_methods.data.checks.orientation import turned_hint
from s3im_methods.data.checks.poses import check_poses
from s3im_methods.data.checks.rotations import rotation_fault
from s3im_methods.data.checks.splits import chosen_splits, listed_splits
from s3im_methods.data.checks.transforms import finite, named_file, read_frames, read_transforms
from s3im_methods.data.image_sizes import are_near
from s3im_methods.data.wording import are, quote, some
from s3im_methods.errors import InputError


def check_nerfstudio_scene(config: NerfstudioDataParserConfig, with_depth: bool = True) -> None:
    """Refuse a scene that ``nerfstudio-data`` or the datasets behind it could not read.

    Args:
        config: The data parser's configuration, whose ``data`` exists.
        with_depth: Whether to look at the depth maps.

    Raises:
        InputError: See :func:`s3im_methods.data.checks.scene.check_scene`.
    """
    scene = _Scene(config)
    check_poses(scene.frames, scene.path)
    sizes = check_cameras(scene.meta, scene.frames, scene.path)
    _check_extras(scene.meta, scene.path)
    scene.choose_factor()
    images = scene.listed("file_path", "image", "images_")
    check_distinct(scene.frames, images.paths, scene.path, scene.factor)
    splits = listed_splits(scene.meta, images.paths, lambda name: scene.file_of(name, "images_"), scene.path)
    splits = splits or chosen_splits(config, images.paths, scene.path)
    pictures = images.check_pictures()
    _check_sizes(scene, images, pictures, sizes)
    _check_modes(images, pictures, splits)
    if scene.all_have("mask_path"):
        _check_masks(scene, scene.listed("mask_path", "mask", "masks_"), images, pictures)
        _check_mask_colour(config)
    elif config.mask_color is not None:
        raise InputError(
            f"--mask-color is set but {quote(scene.path)} lists no masks: add mask_path or drop that flag."
        )
    if with_depth and scene.all_have("depth_file_path"):
        depths = scene.listed("depth_file_path", "depth map", "depths_")
        depths.check_present()
        depths.check_readable(depth_fault)


class _Scene:
    """The JSON file, its frames, and where nerfstudio looks for their files."""

    def __init__(self, config: NerfstudioDataParserConfig) -> None:
        self.config = config
        self.path = find_transforms(Path(config.data))
        meta = read_transforms(self.path)
        self.meta, _ = honoured(meta, read_frames(meta, self.path), self.path)
        self.frames = self.meta["frames"]
        self.factor = 1
        if len(self.frames) == 1:
            raise InputError(
                f"{quote(self.path)} has one image only, but a radiance field needs at least 2 views to learn depth "
                "from: take more pictures from different places."
            )

    def choose_factor(self) -> None:
        """Choose the downscale factor as nerfstudio does: a set one, else by the first image and its copies."""
        if self.config.downscale_factor is not None:
            if self.config.downscale_factor < 1:
                raise InputError(f"--downscale-factor is {self.config.downscale_factor}: give 1 or more.")
            self.factor = self.config.downscale_factor
            return
        images = self.listed("file_path", "image", "images_")
        name = images.paths[0].name
        first = read_picture(images.paths[0])
        # All images are checked then, so that the sentence counts them.
        width, height = first.size if isinstance(first, Picture) else images.check_pictures()[0].size
        while max(width, height) / self.factor > MAX_AUTO_RESOLUTION:
            if not os.path.exists(self.path.parent / f"images_{2 * self.factor}" / name):
                break
            self.factor *= 2

    def file_of(self, name: str, prefix: str) -> Path:
        """Where nerfstudio looks for a file: downscaled copies lie in one folder, by their names alone."""
        if self.factor > 1:
            return self.path.parent / f"{prefix}{self.factor}" / Path(name).name
        return self.path.parent / name

    def listed(self, key: str, noun: str, prefix: str) -> Listed:
        """The files that all frames name under a key."""
        names = [named_file(frame, key, f"Frame {i}", self.path) for i, frame in enumerate(self.frames, start=1)]
        remedy = (
            "put back what is missing or drop those frames from that list"
            if key == "file_path"
            else f"put back what is missing or drop {key} from every frame"
        )
        if self.factor > 1:
            remedy = (
                f"write the copies downscaled by {self.factor} into {prefix}{self.factor}/, or add "
                "`nerfstudio-data --downscale-factor 1` at the end of the command"
            )
        paths = [self.file_of(name, prefix) for name in names]
        if key != "file_path":
            self._check_copies(noun, names, paths)
        return Listed(noun, paths, self.path, remedy)

    def _check_copies(self, noun: str, names: list[str], paths: list[Path]) -> None:
        """Refuse one downscaled copy for several files, which happens where their folders alone tell them apart."""
        first = dict(zip(reversed(paths), reversed(names), strict=True))
        for name, path in zip(names, paths, strict=True):
            if Path(name) != Path(first[path]):
                raise InputError(
                    f"{quote(path)} would be the {noun} of both {quote(first[path])} and {quote(name)}, because copies "
                    f"downscaled by {self.factor} lie in one folder: rename one, or add `nerfstudio-data "
                    "--downscale-factor 1` at the end of the command."
                )

    def all_have(self, key: str) -> bool:
        """Whether the frames have a key; nerfstudio refuses it in some of them only."""
        without = [frame for frame in self.frames if key not in frame]
        if without and len(without) < len(self.frames):
            raise InputError(
                f"{some(len(without), len(self.frames), 'frame')} in {quote(self.path)} {are(len(without))} without "
                f"{key}, for instance {quote(without[0]['file_path'])}: give it for every frame or for none."
            )
        return not without


def _check_extras(meta: dict, path: Path) -> None:
    orientation = meta.get("orientation_override", "up")
    if orientation not in ("pca", "up", "vertical", "none"):
        raise InputError(
            f"orientation_override in {quote(path)} is {quote(orientation)}: give pca, up, vertical or none or drop it."
        )
    scale = finite(meta.get("applied_scale", 1.0))
    if scale is None or scale <= 0:
        raise InputError(
            f"applied_scale in {quote(path)} is {quote(meta['applied_scale'])}: give a number above 0 or drop it."
        )
    radius = meta.get("fisheye_crop_radius")
    if radius is not None and not (finite(radius) or 0.0) > 0.0:
        raise InputError(f"fisheye_crop_radius in {quote(path)} is {quote(radius)}: give pixels above 0 or drop it.")
    rows = meta.get("applied_transform", [[0] * 4] * 3)
    whole = isinstance(rows, list) and len(rows) == 3 and all(isinstance(row, list) and len(row) == 4 for row in rows)
    if not whole or any(finite(value) is None for row in rows for value in row):
        raise InputError(f"applied_transform in {quote(path)} is not 3 rows of 4 numbers: correct or drop it.")
    if "applied_transform" in meta and (fault := _transform_fault(np.array(rows, dtype=np.float64)[:, :3])):
        raise InputError(f"applied_transform in {quote(path)} {fault}: correct or drop it.")


def _transform_fault(turn: NDArray[np.float64]) -> str | None:
    """A world may be turned, mirrored and scaled as a whole; from anything else there is no way back for its meshes."""
    fault = rotation_fault(turn if np.linalg.det(turn) >= 0 else -turn)
    lengths = np.linalg.norm(turn, axis=0)
    if fault is None and lengths.max() > (1 + 1e-2) * lengths.min():
        return f"scales the axes by {lengths.min():.4g} to {lengths.max():.4g}"
    return fault


def _check_sizes(scene: _Scene, images: Listed, pictures: list[Picture], sizes: list[tuple[int, int]]) -> None:
    # Training would read past the image's border, or evaluation compare images of two sizes.
    wanted = [downscaled(size, scene.factor) for size in sizes]
    bad = [i for i, picture in enumerate(pictures) if not are_near(picture.size, wanted[i], scene.factor)]
    if bad:
        remedy = ": put the original back, or correct w, h, fl_x, fl_y, cx and cy"
        if scene.factor > 1:
            remedy = f" (w x h divided by {scene.factor}): write the downscaled copies again, in that size"
        first = bad[0]
        images.refuse(
            bad,
            f"not of the size that {quote(scene.path)} gives",
            f" with {_pixels(pictures[first].size)} instead of {_pixels(wanted[first])} pixels"
            + (turned_hint(images.paths[first], pictures[first].size, wanted[first]) or remedy),
        )


def _check_modes(images: Listed, pictures: list[Picture], splits: list[list[int]]) -> None:
    check_image_modes(images, pictures)
    for split in splits:
        opaque = [i for i in split if pictures[i].mode != "RGBA"]
        if opaque and len(opaque) < len(split):
            clear = next(i for i in split if pictures[i].mode == "RGBA")
            raise InputError(
                f"{quote(images.paths[clear])} has an alpha channel but {quote(images.paths[opaque[0]])} has none: "
                "save all images of the scene with one, or all without."
            )


def _check_masks(scene: _Scene, masks: Listed, images: Listed, pictures: list[Picture]) -> None:
    found = masks.check_pictures()
    bad = [i for i, mask in enumerate(found) if not are_near(mask.size, pictures[i].size, scene.factor)]
    if bad:
        mask, image = found[bad[0]].size, pictures[bad[0]].size
        # The image may be what is to be turned, with a mask drawn in a viewer.
        hint = turned_hint(images.paths[bad[0]], image, mask) or turned_hint(masks.paths[bad[0]], mask, image)
        masks.refuse(
            bad,
            "not of its image's size",
            f" with {_pixels(mask)} where {quote(images.paths[bad[0]])} has {_pixels(image)} pixels"
            + (": save it in the image's size" if hint is None else hint),
        )


def _check_mask_colour(config: NerfstudioDataParserConfig) -> None:
    colour = config.mask_color
    if colour is not None and not all(0 <= value <= 1 for value in colour):
        given = " ".join(f"{value:g}" for value in colour)
        raise InputError(f"--mask-color is {given}: give red, green and blue from 0 to 1, 1 1 1 for white.")


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
