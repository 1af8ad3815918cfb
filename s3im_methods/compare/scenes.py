"""Scenes that differ from a given one in their training views: fewer of them, or worse images.

A changed scene is a folder of links to the given one, so that anybody can look at it and train on it. Held-out views,
poses and the scene's scale stay: all frames stay listed, since nerfstudio centres and scales a scene by all of them.
"""

import copy
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from nerfstudio.data.dataparsers.blender_dataparser import BlenderDataParserConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from PIL import Image

from s3im_methods.compare.axes import SceneEdit
from s3im_methods.compare.corruption import Corruption, corrupt
from s3im_methods.data.checked_parser import read_again
from s3im_methods.data.few_views import keep_views
from s3im_methods.errors import InputError

_DONE = ".done"


def scene_name(path: Path) -> str:
    """A scene's name: its folder's, and that of the file where another than transforms.json is given.

    Example:
        >>> scene_name(Path("data/fox")), scene_name(Path("data/dtu/transforms_masked.json"))
        ('fox', 'dtu-transforms_masked')
    """
    path = Path(os.path.abspath(path))
    if path.suffix != ".json":
        return path.name
    return path.parent.name if path.name == "transforms.json" else f"{path.parent.name}-{path.stem}"


def source_of(path: Path, images: Sequence[str]) -> str:
    """What a scene is made of, so that another one of the same name is noticed, or a change.

    That is its poses, as its JSON files have them, and the sizes of its images' files.

    Args:
        path: The scene, a folder or its JSON file.
        images: Files of its images; poses in other files than JSON are not looked at.
    """
    poses = [json.loads(file.read_text(encoding="utf-8")) for file in _pose_files(path)]
    for each in poses:
        # nerfstudio writes this into the file when it makes the points.
        each.pop("ply_file_path", None)
    sizes = sorted((Path(image).name, os.stat(image).st_size if os.path.exists(image) else 0) for image in images)
    return hashlib.sha256(json.dumps([poses, sizes], sort_keys=True).encode()).hexdigest()


def _pose_files(path: Path) -> list[Path]:
    if path.suffix == ".json":
        return [path]
    if (path / "transforms.json").exists():
        return [path / "transforms.json"]
    return sorted([*path.glob("transforms_*.json"), *path.glob("meta_data.json"), *path.glob("metadata.json")])


def edited_path(path: Path, edit: SceneEdit, folder: Path) -> Path:
    """Where the changed scene will be.

    Args:
        path: The given scene, a folder or its JSON file.
        edit: What changes.
        folder: The comparison's folder for this scene.
    """
    parts = [] if edit.views is None else [f"views-{edit.views}"]
    parts += [] if edit.corruption is None else [edit.corruption.slug]
    root = folder / "_".join(parts)
    return root / path.name if path.suffix == ".json" else root


def make_edited(dataparser: Any, edit: SceneEdit, target: Path, source: str) -> None:
    """Write the changed scene, unless it is there and of the same source.

    Args:
        dataparser: The data parser's configuration, whose ``data`` is the given scene.
        edit: What changes.
        target: As :func:`edited_path` says.
        source: What the given scene is made of, by :func:`source_of`.

    Raises:
        InputError: If the scene has no more training views than are asked for, its splits cannot be listed, or the
            changed scene would be trained with images that are not the corrupted ones.
    """
    given = Path(dataparser.data)
    is_file = given.suffix == ".json"
    source_root, root = (given.parent, target.parent) if is_file else (given, target)
    done = root / _DONE
    # One that was written before its source was noted is as good.
    if done.exists() and done.read_text(encoding="utf-8") in ("", source):
        # Earlier versions left absolute paths in it, which lead to the given scene's images.
        _check_corrupted(dataparser, edit, target, root)
        return
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    files = {split: [Path(name) for name in images_of(dataparser, split)] for split in ("train", "val", "test")}
    training = files["train"]
    if edit.views is not None:
        if edit.views >= len(training):
            raise InputError(
                f"The scene '{given}' has {len(training)} training views, and the axis views asks for {edit.views}: "
                "give fewer, or all."
            )
        kept = keep_views(
            read_again(dataparser, "train"),
            edit.views,
        )
        training = [Path(name) for name in kept.image_filenames]
    replaced = {} if edit.corruption is None else {_inside(path, source_root): edit.corruption for path in training}
    _link_tree(source_root, root, replaced)
    for file in _pose_files(given):
        _lead_inside(root / file.name, source_root)
    if edit.views is not None:
        _keep_training_views(dataparser, source_root, root, {**files, "train": training})
    _check_corrupted(dataparser, edit, target, root)
    done.write_text(source, encoding="utf-8")


def images_of(dataparser: Any, split: str) -> list[str]:
    """The image files of a split.

    Args:
        dataparser: The data parser's configuration, with its scene.
        split: Such as "train".
    """
    outputs = read_again(dataparser, split)
    return [str(name) for name in outputs.image_filenames]


def _inside(path: Path, root: Path) -> Path:
    relative = Path(os.path.relpath(path, root))
    if relative.parts[0] == "..":
        raise InputError(f"The image '{path}' is not in the scene's folder '{root}': put it there to corrupt it.")
    return relative


def _link_tree(source: Path, target: Path, replaced: dict[Path, Corruption]) -> None:
    """Link each file and folder; folders in which a file is replaced are made again."""
    made_anew = {parent for path in replaced for parent in path.parents}

    def fill(folder: Path) -> None:
        (target / folder).mkdir(exist_ok=True)
        for entry in sorted((source / folder).iterdir()):
            inside = folder / entry.name
            if inside in replaced:
                _write_corrupted(entry, target / inside, replaced[inside])
            elif inside in made_anew:
                fill(inside)
            else:
                (target / inside).symlink_to(entry.resolve())

    fill(Path())


def _write_corrupted(source: Path, target: Path, corruption: Corruption) -> None:
    with Image.open(source) as picture:
        image = picture if picture.mode in ("RGB", "RGBA", "L", "LA") else picture.convert("RGB")
        result = Image.fromarray(corrupt(np.asarray(image), corruption, source.name))
        # A PNG under any name: nerfstudio reads images by what they hold, and the names in the scene's file stay right.
        result.save(target, format="PNG")


def _lead_inside(file: Path, source_root: Path) -> None:
    """Write a changed scene's JSON file again if it has absolute paths, which would lead back to the given scene."""

    def inside(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: inside(item) for key, item in value.items()}
        if isinstance(value, list):
            return [inside(item) for item in value]
        if isinstance(value, str) and os.path.isabs(value):
            relative = os.path.relpath(value, source_root)
            return value if relative.startswith("..") else relative
        return value

    before = json.loads(file.read_text(encoding="utf-8"))
    after = inside(before)
    if after != before:
        _write_again(file, after)


def _write_again(file: Path, content: Any) -> None:
    # It may be a link, whose target is the user's.
    file.unlink()
    file.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _check_corrupted(dataparser: Any, edit: SceneEdit, target: Path, root: Path) -> None:
    """Refuse a changed scene whose training images are not its own, and so are not corrupted."""
    if edit.corruption is None:
        return
    changed = copy.copy(dataparser)
    changed.data = target
    for name in images_of(changed, "train"):
        if not Path(name).resolve().is_relative_to(root.resolve()):
            raise InputError(
                f"The axis corruption cannot change the training image '{name}', because its path in "
                f"'{dataparser.data}' leads out of '{root}': give paths relative to the scene's folder, and another "
                "--output-dir."
            )


def _keep_training_views(dataparser: Any, source_root: Path, root: Path, files: dict[str, list[Path]]) -> None:
    """Write the scene's JSON file again, with only some of its frames for training."""
    source = Path(dataparser.data)
    if isinstance(dataparser, BlenderDataParserConfig):
        name = "transforms_train.json"
        meta = json.loads((root / name).read_text(encoding="utf-8"))
        kept = {os.path.abspath(path.with_suffix("")) for path in files["train"]}
        meta["frames"] = [
            frame for frame in meta["frames"] if os.path.abspath(source_root / frame["file_path"]) in kept
        ]
    elif isinstance(dataparser, NerfstudioDataParserConfig):
        name = source.name if source.suffix == ".json" else "transforms.json"
        meta = json.loads((root / name).read_text(encoding="utf-8"))
        listed = [Path(frame["file_path"]) for frame in meta["frames"]]
        # Downscaled copies lie in one folder, by their names alone.
        by_name = {path.name: path for path in listed}
        by_path = {os.path.abspath(source_root / path): path for path in listed}
        for split, paths in files.items():
            found = [by_path.get(os.path.abspath(path), by_name[path.name]) for path in paths]
            meta[f"{split}_filenames"] = [str(path) for path in found]
    else:
        raise InputError(
            "The axis views needs a scene for nerfstudio-data or blender-data: use one, or leave that axis out."
        )
    _write_again(root / name, meta)
