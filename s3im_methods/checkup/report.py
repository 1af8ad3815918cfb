"""What training would make of a scene: its views, cameras, masks and depth, what the method decides, and a verdict."""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.engine.trainer import TrainerConfig
from PIL import Image

from s3im_methods.checkup.memory import bytes_per_pixel, estimate_memory
from s3im_methods.checkup.picture import SAMPLES, Sample, draw_scene
from s3im_methods.checkup.pixels import check_pixels
from s3im_methods.checkup.placement import Placement
from s3im_methods.data.advice import Advice, advise, depth_advice
from s3im_methods.data.checks.files import Picture, read_picture
from s3im_methods.data.cut_out import add_cut_out_facts
from s3im_methods.data.depth_datamanager import DepthDataManagerConfig
from s3im_methods.data.depth_dataset import DepthDataset
from s3im_methods.data.few_views import spread_evenly
from s3im_methods.data.read_scene import ReadScene, read_scene
from s3im_methods.data.scene_facts import SceneFacts, add_facts
from s3im_methods.data.scene_images import SceneImages
from s3im_methods.data.scene_sphere import look_away
from s3im_methods.data.surface_datamanager import SurfaceDataManagerConfig
from s3im_methods.engine.odd_settings import idle_settings
from s3im_methods.engine.pipeline import check_batch, warnings_of
from s3im_methods.exporters.mesh.world_frame import world_frame
from s3im_methods.samplers import PatchAwarePixelSamplerConfig

_LOOKED_AT = 8


@dataclass(frozen=True)
class SceneReport:
    """A scene that training accepts.

    Args:
        rows: What was found, by subject.
        warnings: What training would say.
        advice: Which methods suit the scene.
        read: The scene.
        placement: Where its cameras stand.
    """

    rows: dict[str, str]
    warnings: tuple[str, ...]
    advice: Advice
    read: ReadScene
    placement: Placement

    def picture(self, title: str) -> Image.Image:
        """Cameras in 3D, and sample images with mask and depth.

        Args:
            title: First line of the picture.
        """
        return draw_scene(title, self.placement, list(_samples(self.read)))


def report_scene(config: TrainerConfig) -> SceneReport:
    """Look at a scene as training would, and build the model that would be trained.

    Args:
        config: Of a method, with its scene in the data manager's configuration.

    Raises:
        InputError: Where training would refuse the scene or a setting.
    """
    pipeline: Any = config.pipeline
    manager = pipeline.datamanager
    ours = hasattr(pipeline.model, "s3im")
    if ours:
        check_batch(pipeline)
    depth = manager.depth if isinstance(manager, DepthDataManagerConfig) else None
    surface = isinstance(manager, SurfaceDataManagerConfig)
    # Methods that render whole images, such as splatfacto, have no pixel sampler.
    pixels = getattr(manager, "pixel_sampler", None)
    factor, ignores_masks = manager.camera_res_scale_factor, bool(getattr(pixels, "ignore_mask", False))
    read = read_scene(
        manager.dataparser,
        depth,
        manager.use_masks if surface else False,
        factor,
        ignores_masks,
        getattr(manager, "train_views", None),
        surface,
    )
    if depth is not None:
        read.depth.check(getattr(pipeline.model, "far_plane", None))
    if isinstance(pixels, PatchAwarePixelSamplerConfig):
        check_pixels(manager, read)
    # Masks leave pixels out of a radiance field's training, and cut an object out of a surface's.
    facts = replace(read.facts, has_foreground_mask=read.facts.has_foreground_mask or read.masks is not None)
    advice = advise(read.splits["train"], facts)
    warnings = [*idle_settings(config), *read.warnings, *depth_advice(read.splits["train"], pipeline.model)]
    rows = dict(_scene_rows(read))
    if ours:
        model = _built(pipeline, read, read.train.metadata if surface else _without_spheres(read))
        warnings += warnings_of(model, read.train)
        memory = estimate_memory(
            read.train.cameras,
            bytes_per_pixel(_loaded(manager, read).get_data(0, image_type="uint8")),
            model,
            manager.train_num_rays_per_batch,
        )
        rows |= {"method": f"{config.method_name}: {model.hardware_line()}", "memory": memory.line()}
        warnings += memory.warnings()
    rows["for pictures"] = f"{advice.pictures}: {advice.pictures_reason}"
    rows["for a mesh"] = f"{advice.mesh}: {advice.mesh_reason}"
    return SceneReport(rows, tuple(warnings), advice, read, _placement(read))


def _loaded(manager: Any, read: ReadScene) -> SceneImages:
    """The training views with what the method's data manager loads of them, and nothing else."""
    if isinstance(manager, SurfaceDataManagerConfig):
        return read.train
    outputs, factor = read.splits["train"], manager.camera_res_scale_factor
    if isinstance(manager, DepthDataManagerConfig):
        return DepthDataset(outputs, factor, manager.depth)
    return SceneImages(outputs, factor)


def _without_spheres(read: ReadScene) -> dict[str, Any]:
    """The training views' metadata, as they are for methods that are not told what the cameras suggest."""
    plain, parsed = copy.copy(read.train), SceneFacts.of(read.splits["train"].metadata)
    plain.metadata = dict(read.train.metadata)
    add_facts(
        plain.metadata,
        scene_kind=parsed.scene_kind,
        object_sphere=parsed.object_sphere,
        room_sphere=parsed.room_sphere,
    )
    add_cut_out_facts(plain)
    return plain.metadata


def _built(pipeline: Any, read: ReadScene, metadata: dict[str, Any]) -> Any:
    target = pipeline.model._target
    # That of a method of s3im train is a function: it does not go by the data.
    if isinstance(target, type):
        target.adapt_to_data(pipeline.model, pipeline.datamanager.dataparser)
    train = read.train
    return pipeline.model.setup(
        scene_box=train.scene_box,
        num_train_data=len(train),
        metadata=metadata,
        device="cpu",
        grad_scaler=None,
        seed_points=None,
    )


def _scene_rows(read: ReadScene) -> Iterator[tuple[str, str]]:
    outputs, cameras = read.splits["train"], read.train.cameras
    names = [name for split in read.splits.values() for name in split.image_filenames]
    pictures = [found for name in dict.fromkeys(names) if isinstance(found := read_picture(name), Picture)]
    sizes = sorted({f"{w} x {h}" for w, h in (picture.size for picture in pictures)})
    modes = " and ".join(sorted({picture.mode for picture in pictures}))
    yield "images", f"{len(pictures)}, {_few(sizes)} pixels, {modes}"
    held_out = {name for split in ("val", "test") for name in read.splits[split].image_filenames}
    shared = len(held_out & set(outputs.image_filenames))
    trained_too = f", {shared} of which are trained on too" if shared else ""
    yield "split", f"{len(outputs.image_filenames)} training views, {len(held_out)} held out{trained_too}"
    yield "cameras", _lenses(cameras)
    yield "placement", _places(read)
    if read.facts.has_transparent_background:
        yield "alpha", f"{100 * _mean_share(_clear(name) for name in _some(outputs.image_filenames)):.0f} % transparent"
    if read.masks is not None:
        yield "masks", read.masks
    yield "depth", read.depth.lines()[0].removeprefix("Depth from ") if read.facts.depth_source != "none" else "none"
    if read.facts.has_normals:
        yield "normals", "yes"


def _lenses(cameras: Cameras) -> str:
    kinds = sorted({CameraType(kind).name.lower().replace("_", " ") for kind in cameras.camera_type.flatten().tolist()})
    focal = sorted({round(value, 1) for value in cameras.fx.flatten().tolist()})
    widest = float((2 * torch.rad2deg(torch.atan(cameras.width / (2 * cameras.fx)))).median())
    bent = cameras.distortion_params is not None and bool(cameras.distortion_params.any())
    lens = "with distortion" if bent else "without distortion"
    length = f"{focal[0]:g}" if len(focal) == 1 else f"{focal[0]:g} to {focal[-1]:g}"
    return f"{' and '.join(kinds)}, focal length {length} pixels (about {widest:.0f} degrees wide), {lens}"


def _places(read: ReadScene) -> str:
    frame = world_frame(read.splits["train"])
    origins = frame.to_world(read.train.cameras.camera_to_worlds[:, :, 3].double().numpy())
    sides = np.ptp(origins, axis=0)
    extent = " x ".join(f"{side:.3g}" for side in sides)
    # As exact as the extent needs, also far from the origin.
    places = max(0, 2 - math.floor(math.log10(sides.max()))) if sides.max() > 0 else 3
    middle = ", ".join(f"{round(value, places) + 0.0:.{places}f}" for value in origins.mean(0))
    kind = "all round one object" if read.facts.scene_kind == "object" else "in a room or along a path"
    if look_away(read.train.cameras):
        kind += ", looking away from one place, as from the middle of a room; around an object the axes are OpenCV's"
    return f"within {extent} units of the data around ({middle}), {kind}"


def _placement(read: ReadScene) -> Placement:
    splits = [read.splits[name] for name in ("train", "test")]
    cameras = [split.cameras for split in splits]
    half = [torch.cat([c.width / c.fx, c.height / c.fy], dim=-1).double().numpy() / 2 for c in cameras]
    counts = [len(c) for c in cameras]
    facts = read.facts
    sphere = facts.object_sphere if facts.scene_kind == "object" else None
    return Placement(
        poses=np.concatenate([c.camera_to_worlds.double().numpy() for c in cameras]),
        half_sizes=np.concatenate(half),
        held_out=np.repeat([False, True], counts),
        sphere=None if sphere is None else (sphere.center, sphere.radius),
        box=read.train.scene_box.aabb.double().numpy(),
    )


def _samples(read: ReadScene) -> Iterator[Sample]:
    outputs = read.splits["train"]
    for index in spread_evenly(min(SAMPLES, len(outputs.image_filenames)), len(outputs.image_filenames)):
        shown = read.train.get_data(index, image_type="uint8")
        image = shown["image"].numpy()
        mask = shown["mask"].numpy()[..., 0] if "mask" in shown else None
        if image.shape[-1] == 4 and (image[..., 3] < 255).any():
            mask = image[..., 3] > 127
        depth = read.train.depth_maps.get(index).metres if read.facts.depth_source != "none" else None
        yield Sample(outputs.image_filenames[index].name, image[..., :3], mask, depth)


def _some(names: list[Path]) -> list[Path]:
    return [names[index] for index in spread_evenly(min(_LOOKED_AT, len(names)), len(names))]


def _clear(path: Path) -> float:
    with Image.open(path) as file:
        return float((np.asarray(file.getchannel("A")) < 128).mean()) if file.mode == "RGBA" else 0.0


def _mean_share(shares: Any) -> float:
    return float(np.mean(list(shares)))


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} other sizes" if len(names) > 3 else "")
