"""A folder as ``s3im compare`` writes it, with invented numbers and pictures."""

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

GAIN = {"none": 0.0, "s3im": 0.8, "add": 0.6, "control": 0.3}
"""What each loss adds to PSNR in the invented results."""


def write_comparison(
    folder: Path,
    scenes: Sequence[str] = ("fox", "lego"),
    methods: Sequence[str] = ("s3im-nerfacto-lite",),
    axes: Mapping[str, Sequence[str]] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    views: int = 2,
    size: tuple[int, int] = (60, 80),
    curve: Sequence[int] = (250, 500, 750, 1000),
) -> Path:
    """Write it and return the folder.

    Args:
        folder: Made if missing.
        scenes: Names; the scene's place in the list sets how hard it is.
        methods: Names.
        axes: Default: the loss with none, S3IM and control.
        seeds: Seeds.
        views: How many pictures are kept of each run.
        size: Their height and width.
        curve: The steps at which PSNR was measured.
    """
    axes = {"loss": ["none", "s3im", "control"]} if axes is None else axes
    folder.mkdir(parents=True, exist_ok=True)
    command = f"s3im compare --methods {' '.join(methods)} --scenes {' '.join(scenes)} --seeds {len(seeds)} --axes loss"
    asked = {"command": command, "methods": list(methods), "scenes": list(scenes), "seeds": list(seeds)}
    asked |= {"axes": {name: list(values) for name, values in axes.items()}, "steps": curve[-1], "seconds": None}
    (folder / "compare.json").write_text(json.dumps(asked))
    for number, scene in enumerate(scenes):
        place = folder / "scenes" / scene.replace("/", "_")
        place.mkdir(parents=True, exist_ok=True)
        truths = [invented_picture(size, seed=10 * number + k) for k in range(views)]
        for k, truth in enumerate(truths):
            Image.fromarray(truth).save(place / f"truth_{k:03}.png")
        for method, values, seed in product(methods, product(*axes.values()), seeds):
            variant = dict(zip(axes, values, strict=True))
            write_run(folder, scene, method, variant, seed, truths, curve, base=24.0 - 2 * number)
    return folder


def write_run(
    folder: Path,
    scene: str,
    method: str,
    variant: Mapping[str, str],
    seed: int,
    truths: Sequence[np.ndarray],
    curve: Sequence[int],
    base: float,
) -> Path:
    """Write one run that is done and return its folder."""
    name = "-".join([method, scene, *variant.values(), str(seed)]).replace("/", "_")
    place = folder / "runs" / name
    place.mkdir(parents=True)
    random = np.random.default_rng([seed, *name.encode()])
    psnr = base + GAIN.get(variant.get("loss", ""), 0.0) + 0.1 * random.normal()
    views = []
    for k, truth in enumerate(truths):
        Image.fromarray(blurred(truth, GAIN.get(variant.get("loss", ""), 0.0), random)).save(place / f"view_{k:03}.png")
        truth_name = f"scenes/{scene.replace('/', '_')}/truth_{k:03}.png"
        views.append({"name": f"{k:04}.jpg", "psnr": psnr + k, "ssim": 0.7, "picture": f"view_{k:03}.png"})
        views[-1]["truth"] = truth_name
    points = [
        {"step": step, "seconds": 0.06 * step * (1 + 0.05 * seed), "psnr": psnr - 8 * (1 - step / curve[-1]) ** 1.5}
        for step in curve
    ]
    run = {
        "id": name,
        "method": method,
        "scene": scene,
        "seed": seed,
        "variant": dict(variant),
        "command": f"ns-train {method} --data {scene} --machine.seed {seed}",
        "steps": curve[-1],
        "train_seconds": points[-1]["seconds"],
        "peak_memory_mb": 800.0,
        "device": "cpu, 1 thread",
        "versions": {"s3im_methods": "0.1.0", "nerfstudio": "1.1.5"},
        "metrics": {"psnr": psnr, "ssim": psnr / 32, "lpips": 1.2 - psnr / 32},
        "views": views,
        "curve": points,
    }
    (place / "log.txt").write_text("training\ndone\n")
    (place / "run.json").write_text(json.dumps(run))
    return place


def invented_picture(size: tuple[int, int], seed: int) -> np.ndarray:
    """Coloured discs before a slanted grid, ``[H, W, 3]`` uint8."""
    height, width = size
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(size)
    picture = np.stack([0.5 + 0.3 * np.sin(60 * (x + a * y)) * np.sin(45 * (y - a * x)) for a in (0.2, 0.3, 0.4)], -1)
    for _ in range(12):
        centre, radius = random.random(2), 0.03 + 0.1 * random.random()
        picture[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2] = random.random(3)
    return (picture.clip(0, 1) * 255).astype(np.uint8)


def blurred(truth: np.ndarray, quality: float, random: np.random.Generator) -> np.ndarray:
    """A render of ``truth``, less wrong for a higher ``quality``, with noise."""
    small = max(2, round(truth.shape[1] * (0.25 + 0.4 * quality)))
    image = Image.fromarray(truth)
    image = image.resize((small, max(2, small * truth.shape[0] // truth.shape[1]))).resize(image.size)
    return (np.asarray(image) + random.normal(0, 3, truth.shape)).clip(0, 255).astype(np.uint8)
