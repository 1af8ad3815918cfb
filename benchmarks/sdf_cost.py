"""What the eikonal term costs: a training step of s3im-neus-facto-lite with gradients that losses differentiate.

Three steps on the same rays, interleaved, medians: the method's own; the same with gradients that no loss reaches, as
without an eikonal term and without normals in the colour network; and with gradients by differences. Run by hand:

    python benchmarks/sdf_cost.py --rays 1024
"""

import copy
import functools
import statistics
import time
from dataclasses import dataclass
from typing import Any

import torch
import tyro
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from rich.console import Console
from rich.table import Table

from s3im_methods.method_configs import s3im_neus_facto_lite


@dataclass
class Arguments:
    """How to measure."""

    rays: int = 1024
    """Rays per step."""
    repeats: int = 20
    """Steps of each kind; their median counts."""
    device: str = "cpu"
    """Where to train."""


def model(gradients: str, device: str) -> Any:
    """The lite method's model, around the unit sphere."""
    config: Any = copy.deepcopy(s3im_neus_facto_lite.config.pipeline.model)
    config.scene_kind, config.background_model = "object", "none"
    config.sdf_field.gradients = gradients
    torch.manual_seed(0)
    box = SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3]))
    return config.setup(scene_box=box, num_train_data=2, metadata={}).to(device).train()


def detached(of: Any) -> Any:
    """The model with gradients that no loss reaches."""

    def without_graph(points: torch.Tensor) -> tuple[torch.Tensor, ...]:
        points = points.detach().requires_grad_()
        sdf, features = of.field.forward_geonetwork(points).split([1, of.field.config.geo_feat_dim], dim=-1)
        (gradients,) = torch.autograd.grad(sdf.sum(), points, retain_graph=True)
        return sdf, features, gradients

    of.field.geometry = without_graph
    return of


def rays(count: int, device: str) -> RayBundle:
    """Rays from around the sphere into it."""
    origins = 3 * torch.nn.functional.normalize(torch.randn(count, 3, device=device), dim=-1)
    towards = 0.5 * torch.randn(count, 3, device=device) - origins
    return RayBundle(
        origins,
        torch.nn.functional.normalize(towards, dim=-1),
        torch.full((count, 1), 1e-5, device=device),
        camera_indices=torch.zeros(count, 1, dtype=torch.int64, device=device),
        metadata={"directions_norm": torch.ones(count, 1, device=device)},
    )


def main(arguments: Arguments) -> None:
    """Measure, and print a table."""
    device = arguments.device
    models = {
        "as the method": model("analytic", device),
        "gradients apart from the losses": detached(model("analytic", device)),
        "gradients by differences": model("numerical", device),
    }
    times: dict[str, list[float]] = {name: [] for name in models}
    target = torch.rand(arguments.rays, 3, device=device)
    for repeat in range(arguments.repeats + 2):
        bundle = rays(arguments.rays, device)
        for name, candidate in models.items():
            start = time.perf_counter()
            losses = candidate.get_loss_dict(candidate(copy.copy(bundle)), {"image": target})
            functools.reduce(torch.add, losses.values()).backward()
            if device != "cpu":
                torch.cuda.synchronize()
            if repeat >= 2:
                times[name].append(time.perf_counter() - start)
            candidate.zero_grad(set_to_none=True)
    medians = {name: 1000 * statistics.median(found) for name, found in times.items()}
    table = Table("step", "median, ms", "ratio")
    base = medians["gradients apart from the losses"]
    for name, median in medians.items():
        table.add_row(name, f"{median:.1f}", f"{median / base:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
