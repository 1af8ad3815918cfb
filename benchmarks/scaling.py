"""How cost grows: with the rays of a batch, the size of the hash table, the number of images, and the pixels of a view.

    python benchmarks/scaling.py --data SCENE --what rays hash resolution
    python benchmarks/scaling.py --what images --images 10 30 100

Each figure comes from a training of its own in a process of its own, by nerfstudio's own trainer; steps are medians.
Memory is the most that the process has had, and so is at least what Python and the imports take (the first line of each
table is a good part of it). The images are flat ones of 2464 x 1632 pixels, generated as JPEG in a temporary folder;
ours keeps them in memory as bytes, 12 MB each, and nerfstudio as floats, 48 MB each.
"""

import json
import math
import os
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import psutil
import tyro
from contestants import Contestant, Running, Side
from timing import Settings

from s3im_methods.bench.table import figure

_WIDTH, _HEIGHT = 2464, 1632
_VALUES_PER_IMAGE = _WIDTH * _HEIGHT * 3
_BYTES_PER_VALUE: dict[Side, int] = {"ours": 1, "plain": 1, "stock": 4}
# In stock there are two of each image while they are stacked.
_MOST_COPIES: dict[Side, int] = {"ours": 1, "plain": 1, "stock": 2}


@dataclass(kw_only=True)
class Arguments(Settings):
    """What to vary."""

    data: Path | None = None
    """A scene in nerfstudio's format, for all but the images."""
    what: tuple[Literal["rays", "hash", "images", "resolution"], ...] = ("rays", "hash", "resolution")
    """What to vary, one after the other."""
    method: str = "s3im-nerfacto-lite"
    """The method."""
    sides: tuple[Side, ...] = ("ours", "stock")
    """Whom to measure: ours; stock, which is nerfstudio's nerfacto at the same sizes; or plain, see method_speed.py."""
    rays: tuple[int, ...] = (256, 512, 1024, 2048, 4096, 8192, 16384)
    """Rays per batch."""
    hash: tuple[int, ...] = (14, 16, 18, 20, 22)
    """Binary logarithms of the hash table's size."""
    images: tuple[int, ...] = (10, 30, 100)
    """Numbers of images of 4 megapixels; 1000 take 12 GB, in stock 48 and, while they are loaded, 96."""
    resolution: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0)
    """Factors of both sides of a rendered view."""
    steps: int = 20
    """Steps that are timed."""
    warm_up: int = 12
    """Steps that come before."""


@contextmanager
def flat_images(count: int) -> Iterator[Path]:
    """A scene of so many grey photographs, taken from a circle, in a temporary folder."""
    from PIL import Image

    with TemporaryDirectory(prefix="s3im-bench-") as name:
        folder = Path(name)
        (folder / "images").mkdir()
        first = folder / "images" / "000000.jpg"
        Image.new("RGB", (_WIDTH, _HEIGHT), (120, 130, 140)).save(first)
        frames = []
        for index in range(count):
            path = folder / "images" / f"{index:06d}.jpg"
            if index:
                os.link(first, path)
            cos, sin = math.cos(2 * math.pi * index / count), math.sin(2 * math.pi * index / count)
            pose = [[-sin, 0, cos, cos], [cos, 0, sin, sin], [0, 1, 0, 0], [0, 0, 0, 1]]
            frames.append({"file_path": f"images/{path.name}", "transform_matrix": pose})
        camera = {"fl_x": _WIDTH, "fl_y": _WIDTH, "cx": _WIDTH / 2, "cy": _HEIGHT / 2, "w": _WIDTH, "h": _HEIGHT}
        (folder / "transforms.json").write_text(json.dumps({**camera, "frames": frames}))
        yield folder


def trained(arguments: Arguments, side: Side, data: Path, **settings: Any) -> list[str]:
    """Cells of one training: milliseconds per step, MB, and seconds until it is ready."""
    contestant = Contestant(arguments.method, side, data, arguments.device, settings=tuple(settings.items()))
    with Running(contestant) as training:
        training.steps(arguments.warm_up)
        step = statistics.median(training.steps(arguments.steps))
        return [figure(step), figure(training.ask("peak_memory_mb")), figure(training.ask("start_seconds"))]


_COLUMNS = ["side", "step, ms", "memory, MB", "start, s"]


def by_rays(arguments: Arguments, scene: Path) -> Iterator[Sequence[str]]:
    """Lines of the table over rays per batch."""
    yield ["rays per batch", *_COLUMNS]
    for rays in arguments.rays:
        for side in arguments.sides:
            settings = {"pipeline.datamanager.train_num_rays_per_batch": rays}
            yield [f"{rays:,}", side, *trained(arguments, side, scene, **settings)]


def by_hash(arguments: Arguments, scene: Path) -> Iterator[Sequence[str]]:
    """Lines of the table over the size of the field's hash table."""
    yield ["entries per level", *_COLUMNS]
    for exponent in arguments.hash:
        for side in arguments.sides:
            settings = {"pipeline.model.log2_hashmap_size": exponent}
            yield [f"2^{exponent}", side, *trained(arguments, side, scene, **settings)]


def by_images(arguments: Arguments) -> Iterator[Sequence[str]]:
    """Lines of the table over the number of images; what would not fit into the memory is left out."""
    yield ["images of 4 megapixels", *_COLUMNS]
    for count in arguments.images:
        with flat_images(count) as scene:
            for side in arguments.sides:
                needed = _MOST_COPIES[side] * count * _VALUES_PER_IMAGE * _BYTES_PER_VALUE[side]
                free = psutil.virtual_memory().available
                if needed > free:
                    lacking = f"need about {needed / 1e9:.0f} GB, and {free / 1e9:.0f} GB are free: left out"
                    print(f"{count:,} images with {side} {lacking}.")
                    continue
                yield [f"{count:,}", side, *trained(arguments, side, scene)]


def by_resolution(arguments: Arguments, scene: Path) -> Iterator[Sequence[str]]:
    """Lines of the table over the pixels of a rendered view."""
    yield ["view", "side", "time, s", "thousand pixels per second", "memory, MB"]
    for scale in arguments.resolution:
        for side in arguments.sides:
            with Running(Contestant(arguments.method, side, scene, arguments.device)) as training:
                training.steps(arguments.warm_up)
                width, height = training.ask("view_size", scale)
                seconds = training.ask("view", scale) / 1000
                memory = training.ask("peak_memory_mb")
            speed = width * height / seconds / 1000
            yield [f"{width} x {height}", side, figure(seconds), figure(speed), figure(memory)]


def main(arguments: Arguments) -> None:
    """Print one table for each thing that varies, line by line as they are measured."""
    over_scene = {"rays": by_rays, "hash": by_hash, "resolution": by_resolution}
    for what in arguments.what:
        if what == "images":
            lines = by_images(arguments)
        elif arguments.data is None:
            raise SystemExit(f"--what {what} needs a scene: give --data.")
        else:
            lines = over_scene[what](arguments, arguments.data)
        header = next(iter(lines))
        print(f"\n| {' | '.join(header)} |\n|{'---|' * len(header)}", flush=True)
        for line in lines:
            print(f"| {' | '.join(line)} |", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
