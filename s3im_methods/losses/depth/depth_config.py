"""Settings of the depth loss, as a group of command-line flags, and the loss they choose."""

import math
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from s3im_methods.errors import InputError
from s3im_methods.losses.depth.bounded import bounded_depth_loss
from s3im_methods.losses.depth.ds_nerf import ds_nerf_depth_loss
from s3im_methods.losses.depth.pearson import pearson_depth_loss
from s3im_methods.losses.depth.ranking import ranking_depth_loss
from s3im_methods.losses.depth.rendered import expected_depth, rendered_depth_loss
from s3im_methods.losses.depth.sigma_schedule import SigmaScheduleConfig
from s3im_methods.losses.depth.urban import urban_depth_loss

DepthLossKind = Literal[
    "bounded",
    "bounded-fork",
    "ds-nerf",
    "ds-nerf-stock",
    "urban",
    "urban-stock",
    "l2",
    "l1",
    "ranking",
    "pearson",
    "none",
    "auto",
]

_FLAG = "--pipeline.model.depth"

USUAL_WEIGHTS: dict[str, float] = {
    # Its authors' too. Beside the paper's sum of S3IM, whose colours pull harder, 5 is right; else 5 costs a decibel.
    "bounded": 1.0,
    "bounded-fork": 1.0,
    "ds-nerf": 0.3,
    "ds-nerf-stock": 0.001,
    "urban": 0.1,
    "urban-stock": 0.001,
    "l2": 0.01,
    "l1": 0.01,
    "ranking": 0.1,
    "pearson": 0.01,
    "none": 0.0,
    "auto": 1.0,
}
"""Each kind's weight where the user gives none: they differ in unit and size."""


@dataclass
class DepthLossConfig:
    """How rendered rays are compared with known depths, and how much it counts."""

    kind: DepthLossKind = "bounded"
    """Which loss to use. bounded keeps each ray's cumulative weight within bounds around its depth; bounded-fork
    repeats the arithmetic of its authors' code. ds-nerf and urban are those of DS-NeRF and of Urban Radiance Fields;
    their stock variants repeat nerfstudio's arithmetic. l2 and l1 compare the rendered depth. ranking and pearson are
    for depths of unknown scale. none trains without depth. auto chooses by method and scene: urban with a weight of 1
    for surface methods in rooms that have depth, bounded for mip-NeRF 360 in scenes with depth maps, bounded for DVGO
    in rooms with depth maps, and none otherwise."""
    loss_mult: float | None = None
    """Weight of the depth loss in the total; 0 switches it off. Each kind has its own default: 1 for bounded,
    bounded-fork and what auto chooses, 0.3 for ds-nerf, 0.1 for urban and ranking, 0.01 for l2, l1 and pearson,
    0.001 for the stock variants."""
    empty_mult: float = 1.0
    """Kinds bounded and bounded-fork: weight, within the loss, of the term that keeps the space before the surface
    empty."""
    surface_mult: float = 0.1
    """Kinds bounded and bounded-fork: weight, within the loss, of the two terms at the surface."""
    sigma: SigmaScheduleConfig = field(default_factory=SigmaScheduleConfig)
    """Standard deviation of a sensor's depth over the training steps; for kind urban it is a third of the distance
    around the surface in which weight may lie."""
    sigma_unit: Literal["scene", "metres"] = "scene"
    """Unit of sigma: scene is the unit of the cameras' positions after nerfstudio has scaled them, usually into a box
    from -1 to 1; metres needs a scene whose depth maps are in metres."""
    reach: float = 0.0
    """Kinds l2, l1 and urban: sample distances are clamped to this multiple of the known depth. Give 1 or more, or 0
    for no clamp. In an unbounded scene a little weight at the far end would otherwise outweigh everything else."""
    levels: Literal["all", "last"] = "last"
    """Which samples the loss looks at: last uses the field's alone, whose shape the proposal networks learn anyway; all
    averages it over the proposal networks' and the field's, which takes several times as long."""

    def check(self) -> None:
        """Raise where a setting is out of range.

        Raises:
            InputError: If it is.
        """
        if self.kind == "auto":
            raise InputError(
                f"The depth loss ({_FLAG}.kind) is auto, which only some methods can decide on: give one of "
                "bounded, ds-nerf, urban, l2, l1, ranking, pearson, none."
            )
        if self.kind not in get_args(DepthLossKind):
            known = ", ".join(get_args(DepthLossKind))
            raise InputError(f"There is no depth loss {self.kind!r} ({_FLAG}.kind): give one of {known}.")
        for name in ("loss_mult", "empty_mult", "surface_mult"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                flag = f"{_FLAG}.{name.replace('_', '-')}"
                raise InputError(f"The depth loss's {name} ({flag}) is {value}: give a number, 0 or above.")
        if not (self.reach == 0 or 1 <= self.reach < math.inf):
            raise InputError(
                f"The depth loss's reach ({_FLAG}.reach) is {self.reach}: give 1 or more, or 0 for no limit."
            )
        self.sigma.check()

    def decided(self, wanted: bool) -> "DepthLossConfig":
        """The same settings with auto replaced by the kind that it stands for in surface methods.

        Args:
            wanted: Whether there is depth that a surface can be fitted to.
        """
        if self.kind != "auto":
            return self
        return replace(self, kind="urban", loss_mult=self.weight()) if wanted else replace(self, kind="none")

    def bounded_where(self, wanted: bool) -> "DepthLossConfig":
        """The same settings with auto replaced by the kind that it stands for in mip-NeRF 360 and DVGO.

        Args:
            wanted: Whether there are depth maps.
        """
        return self if self.kind != "auto" else replace(self, kind="bounded" if wanted else "none")

    def weight(self) -> float:
        """The loss's weight in the total.

        Example:
            >>> DepthLossConfig(kind="ranking").weight(), DepthLossConfig(kind="ranking", loss_mult=2.0).weight()
            (0.1, 2.0)
        """
        return USUAL_WEIGHTS[self.kind] if self.loss_mult is None or self.kind == "none" else self.loss_mult


class DepthTargets(NamedTuple):
    """What is known of the depth of a batch of rays; all are ``[B]``."""

    depth: Tensor
    """Distance along the ray, in scene units; 0 if it is not known."""
    sigma: float | Tensor
    """Standard deviation of the depth, in scene units; one number, or one per ray."""
    widening: float | Tensor = 0.0
    """How many standard deviations the depth may be biased, to either side; one number, or one per ray."""
    confidence: Tensor | None = None
    """How much each ray counts in the mean, 0 or above; by default all count the same."""
    image_indices: Tensor | None = None
    """The image each ray belongs to, int64."""


def depth_loss(config: DepthLossConfig, weights: Tensor, starts: Tensor, ends: Tensor, targets: DepthTargets) -> Tensor:
    """The loss of the configured kind for one set of samples, before weighting.

    Args:
        config: Which loss, and its settings.
        weights: Rendering weights, ``[B, S]``.
        starts: Distances along the ray where the bins start, ``[B, S]``, in scene units.
        ends: Where they end.
        targets: What is known of the depths.

    Returns:
        A scalar; 0, with a gradient of 0, where no ray has a depth.

    Raises:
        InputError: If the kind is unknown or ``none``, or shapes do not match.
    """
    depth, sigma, widening, confidence, images = targets
    kind, stock = config.kind, config.kind.endswith("-stock")
    bins = (weights, starts, ends)
    if kind in ("bounded", "bounded-fork"):
        variant = "fork" if kind == "bounded-fork" else "thesis"
        mults = (config.empty_mult, config.surface_mult)
        return bounded_depth_loss(*bins, depth, sigma, widening, confidence, variant, *mults)
    if kind in ("ds-nerf", "ds-nerf-stock"):
        return ds_nerf_depth_loss(*bins, depth, sigma, confidence, stock)
    farthest = None
    if config.reach > 0 and kind in ("l2", "l1", "urban"):
        # Where the depth is not known, it may be any number.
        farthest = torch.where(depth > 0, config.reach * depth, torch.inf)
    rendered = expected_depth(*bins, farthest=farthest)
    if kind in ("urban", "urban-stock"):
        # The stock arithmetic has its region's half width for sigma; so has ours, but the setting is a deviation.
        return urban_depth_loss(*bins, depth, sigma if stock else 3 * sigma, rendered, confidence, stock)
    if kind == "l2" or kind == "l1":
        return rendered_depth_loss(rendered, depth, kind, confidence)
    if kind == "ranking":
        return ranking_depth_loss(rendered, depth, images, confidence=confidence)
    if kind == "pearson":
        return pearson_depth_loss(rendered, depth, images, confidence)
    raise InputError(f"There is no depth loss to compute for kind {kind!r} ({_FLAG}.kind).")
