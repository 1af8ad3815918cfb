"""Raw depth of a trained model in metres, for the cameras that its scene has."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from nerfstudio.cameras.cameras import Cameras
from PIL import Image
from torch import Tensor

from s3im_methods.data.depth.along_ray import distance_to_z
from s3im_methods.errors import InputError
from s3im_methods.outputs import written

_LARGEST_MILLIMETRES = 65535
_EXTENSION = {"npy": ".npy", "png": ".png"}


@dataclass(frozen=True)
class DepthExport:
    """What is written, and how.

    Args:
        output_name: The model's output to take: distance along the ray in scene units.
        measure: "z" for depth along the viewing axis, "distance" for the length of the ray.
        file_format: "npy" for float32 metres, "png" for 16-bit millimetres.
        min_accumulation: Pixels that are less opaque than this, from 0 to 1, are written as 0, which means none.
    """

    output_name: str = "depth"
    measure: Literal["z", "distance"] = "z"
    file_format: Literal["npy", "png"] = "npy"
    min_accumulation: float = 0.5

    def metres(self, outputs: dict[str, Tensor], camera: Cameras, metres_per_unit: float) -> np.ndarray:
        """One view's depth.

        Args:
            outputs: The model's, each ``[H, W, C]``.
            camera: The view, one camera.
            metres_per_unit: Metres per scene unit.

        Returns:
            ``[H, W]``, float32, 0 for none.

        Raises:
            InputError: If the model has no such output.
        """
        if self.output_name not in outputs or outputs[self.output_name].shape[-1] != 1:
            names = ", ".join(sorted(name for name, value in outputs.items() if value.shape[-1] == 1))
            raise InputError(f"The model has no depth output '{self.output_name}': give one of {names}.")
        depth = outputs[self.output_name][..., 0].float().cpu().numpy() * metres_per_unit
        if self.measure == "z":
            depth = distance_to_z(depth, camera)
        clear = np.zeros(depth.shape, dtype=bool)
        if "accumulation" in outputs:
            clear = outputs["accumulation"][..., 0].cpu().numpy() < self.min_accumulation
        return np.where(clear | ~np.isfinite(depth), 0.0, depth).astype(np.float32)

    def write(self, metres: np.ndarray, path: Path) -> int:
        """Write one view.

        Args:
            metres: ``[H, W]``, float32.
            path: The file without its extension; its folder is made.

        Returns:
            How many pixels were too far for the format, and are 0.
        """
        if self.file_format == "npy":
            with written(path.with_name(path.name + ".npy")) as file:
                np.save(file, metres)
            return 0
        millimetres = np.round(metres.astype(np.float64) * 1000)
        too_far = millimetres > _LARGEST_MILLIMETRES
        image = Image.fromarray(np.where(too_far, 0, millimetres).astype(np.uint16))
        with written(path.with_name(path.name + ".png")) as file:
            image.save(file)
        return int(too_far.sum())


def export_depth(
    model: Any,
    cameras: Cameras,
    images: list[Path],
    metres_per_unit: float,
    folder: Path,
    export: DepthExport,
    about: dict[str, Any] | None = None,
) -> Iterator[tuple[Path, int]]:
    """Render and write one view after another, then ``depths.json``, which says what the files hold.

    Args:
        model: Any ray-based model of nerfstudio, in evaluation mode.
        cameras: The views, on the model's device.
        images: Their images, which give the files their names.
        metres_per_unit: Metres per scene unit.
        folder: Where to write.
        export: What to write.
        about: What else depths.json shall say.

    Yields:
        The view's image, and how many of its pixels were too far for the format.

    Raises:
        InputError: If the model has no such output.
    """
    files = dict(zip(images, file_names(images), strict=True))
    for index, image in enumerate(images):
        outputs = model.get_outputs_for_camera(cameras[index : index + 1])
        metres = export.metres(outputs, cameras[index], metres_per_unit)
        yield image, export.write(metres, folder / files[image])
    described = {
        **(about or {}),
        "measures": "depth along the viewing axis" if export.measure == "z" else "distance along the ray",
        "unit": "metre" if export.file_format == "npy" else "millimetre",
        "none": 0,
        "metres_per_scene_unit": metres_per_unit,
        "files": {str(image): files[image] + _EXTENSION[export.file_format] for image in images},
    }
    with written(folder / "depths.json") as path:
        path.write_text(json.dumps(described, indent=1), encoding="utf-8")


def file_names(images: list[Path]) -> list[str]:
    """A name for each image's depth: its own without the extension, and with its folder's where two share one.

    Args:
        images: All different.

    Example:
        >>> file_names([Path("a/left/1.png"), Path("a/right/1.png"), Path("a/left/2.png")])
        ['left_1', 'right_1', 'left_2']
    """
    names = [image.stem for image in images]
    depth = 1
    while len(set(names)) < len(names) and depth < max(len(image.parts) for image in images):
        depth += 1
        names = ["_".join([*image.parts[-depth:-1], image.stem]).strip("/") for image in images]
    return names if len(set(names)) == len(names) else [f"{number}_{name}" for number, name in enumerate(names)]
