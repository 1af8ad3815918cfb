"""Does S3IM rescue TensoRF from its collapse in rooms, or does any stronger loss?

Trains s3im-tensorf-lite with the settings of a style on every scene with every seed, three times: plain, with S3IM, and
as a control with a plain loss as strong as S3IM's gradient. For small errors S3IM is the mean squared error whitened by
the batch's contrast, a factor of about 1/(2v) for colours of variance v; a gain only counts over a control that does
just that. Run by hand; one line of JSON per run is appended to the output, and runs that are in it are not repeated:

    python benchmarks/tensorf_collapse.py --scenes SYNTH_ROOM SEVENSCENES --out collapse.jsonl

What the collapse is made of shows when the style is changed in one thing at a time:

    python benchmarks/tensorf_collapse.py --scenes SYNTH_ROOM --settings plain --changes none tv-off relu --out c.jsonl
"""

import copy
import itertools
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro
from rich.console import Console
from rich.table import Table
from training import finished, note, train

from s3im_methods.method_configs import s3im_tensorf_lite

Setting = Literal["plain", "s3im", "control"]
Change = Literal[
    "none",
    "background-last-sample",
    "background-black",
    "tv-off",
    "rates-quarter",
    "rates-double",
    "shift-4",
    "scale-1",
    "uniform-pdf",
    "box-1",
    "box-3",
    "relu",
]

_SETTINGS: dict[Change, dict[str, Any]] = {
    "background-last-sample": {"background_color": "last_sample"},
    "background-black": {"background_color": "black"},
    "tv-off": {"tv_density": 0.0, "tv_color": 0.0},
    "shift-4": {"density_shift": -4.0},
    "scale-1": {"distance_scale": 1.0},
    "uniform-pdf": {"sampling": "uniform-pdf"},
    "box-1": {"box_scale": 1.0},
    "box-3": {"box_scale": 3.0},
    "relu": {"density_activation": "relu"},
}
_RATES: dict[Change, float] = {"rates-quarter": 0.25, "rates-double": 2.0}


@dataclass
class Arguments:
    """Which runs to make."""

    scenes: tuple[Path, ...]
    """Folders of scenes."""
    out: Path
    """File of results, one line of JSON per run; it is continued."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of the runs."""
    settings: tuple[Setting, ...] = ("plain", "s3im", "control")
    """Losses to compare."""
    style: Literal["ours", "original", "nerfstudio"] = "original"
    """Whose TensoRF to train."""
    changes: tuple[Change, ...] = ("none",)
    """What to change of the style, one at a time: the background, no total variation, all learning rates times 1/4 or
    2, a density shift of -4, a distance scale of 1, proposal sampling, a box-scale of 1 or 3, or relu as activation."""
    box_scale: float | None = None
    """Factor of the scene's box; by default as the style's preset for rooms says."""
    steps: int = 2000
    """Training steps; upsamplings and the decay of the learning rates are fitted to them."""
    weight: float = 1.0
    """Weight of S3IM, and so of the control."""
    max_steps: int = 200
    """The most samples along a ray, for styles that take equal steps."""
    device: str = "cpu"
    """Where to train."""


def configuration(arguments: Arguments, scene: Path, setting: Setting, change: Change) -> Any:
    """The lite method with the experiment's settings."""
    config: Any = copy.deepcopy(s3im_tensorf_lite.config)
    config.pipeline.datamanager.data = scene
    model = config.pipeline.model
    model.style, model.scene_kind, model.box_scale = arguments.style, "room", arguments.box_scale
    model.s3im.loss_mult = arguments.weight if setting == "s3im" else 0.0
    model.max_steps = arguments.max_steps
    model.regularization_decay_steps = arguments.steps
    marks = tuple(arguments.steps * part // 8 for part in (1, 2, 3))
    model.upsampling_iters = marks
    if arguments.style == "original":
        model.alpha_mask_steps, model.shrink_box_steps, model.filter_rays_step = (
            (marks[0], marks[2]),
            marks[:1],
            marks[2],
        )
    for name, value in _SETTINGS.get(change, {}).items():
        setattr(model, name, value)
    for group in config.optimizers.values():
        group["optimizer"].lr *= _RATES.get(change, 1.0)
        group["scheduler"].lr_final *= _RATES.get(change, 1.0)
        group["scheduler"].max_steps = arguments.steps
    return config


def main(arguments: Arguments) -> None:
    """Make the runs that are missing, and print one table of them all."""
    results = finished(arguments.out)
    for scene, seed, change, setting in itertools.product(
        arguments.scenes, arguments.seeds, arguments.changes, arguments.settings
    ):
        # Runs without a change are told apart as they always were, so that older files can be continued.
        changed = () if change == "none" else (change,)
        run = (scene.name, arguments.style, setting, arguments.steps, seed, *changed)
        if run in results:
            continue
        start = time.perf_counter()
        config = configuration(arguments, scene, setting, change)
        control = arguments.weight if setting == "control" else 0.0
        pipeline = train(config, seed, arguments.steps, control, arguments.device)
        seconds = time.perf_counter() - start
        metrics = pipeline.get_average_eval_image_metrics()
        found = {"psnr": metrics["psnr"], "ssim": metrics["ssim"], "seconds": seconds}
        results[run] = note(arguments.out, run, found)
    table = Table("scene", "style", "loss", "steps", "change", "seeds", "PSNR, mean", "PSNR, each", "SSIM, mean")
    groups = {run: (*run[:4], run[5] if len(run) > 5 else "none") for run in results}
    for group in dict.fromkeys(groups.values()):
        lines_of = [line for run, line in results.items() if groups[run] == group]
        psnrs = [line["psnr"] for line in lines_of]
        each = ", ".join(f"{psnr:.2f}" for psnr in psnrs)
        ssim = statistics.mean(line["ssim"] for line in lines_of)
        table.add_row(*map(str, group), str(len(psnrs)), f"{statistics.mean(psnrs):.2f}", each, f"{ssim:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
