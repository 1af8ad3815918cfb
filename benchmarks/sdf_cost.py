"""What the eikonal term costs: a step of s3im-neus-facto-lite with gradients that losses differentiate.

Forward and backward on the same rays, in turn, of three models that have not been trained; medians: the method's own;
the same with gradients that no loss reaches, as without an eikonal term and without normals in the colour network; and
with gradients by differences. The network is computed by torch's operators, because the kernels always give gradients
that losses may differentiate. Run by hand:

    python benchmarks/sdf_cost.py --rays 1024
"""

import copy
import functools
import statistics
from dataclasses import dataclass
from typing import Any

import torch
import tyro
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from timing import Settings, finish, in_turn, milliseconds

from s3im_methods.bench.row import Row
from s3im_methods.fields import sdf_field
from s3im_methods.method_configs import s3im_neus_facto_lite


@dataclass
class Arguments(Settings):
    """How to measure."""

    rays: int = 1024
    """Rays per step."""
    repeats: int = 20
    """Steps of each kind; their median counts."""


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
    """Measure, and print the table."""
    device = arguments.device
    sdf_field.kernels_suit = lambda *_: False
    models = {
        "with its gradients": model("analytic", device),
        "with gradients that no loss reaches": detached(model("analytic", device)),
        "with gradients by differences": model("numerical", device),
    }
    target = torch.rand(arguments.rays, 3, device=device)
    bundle = rays(arguments.rays, device)

    def step(candidate: Any) -> None:
        losses = candidate.get_loss_dict(candidate(copy.copy(bundle)), {"image": target})
        functools.reduce(torch.add, losses.values()).backward()
        candidate.zero_grad(set_to_none=True)

    works = {name: lambda of=of: milliseconds(lambda: step(of), device) for name, of in models.items()}
    times = in_turn(works, arguments.repeats, warm_up=2)
    whole, without, _ = times.values()
    row = Row(
        "eikonal",
        "what gradients that losses differentiate add to forward and backward",
        f"forward and backward of s3im-neus-facto-lite by torch's operators, {arguments.rays:,} rays",
        "share",
        "ms",
        [a - b for a, b in zip(whole, without, strict=True)],
        whole,
        details={name: statistics.median(found) for name, found in times.items()},
    )
    finish(arguments, [row])


if __name__ == "__main__":
    main(tyro.cli(Arguments))
