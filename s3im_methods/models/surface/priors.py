"""Monocular priors of a surface: which weights they have by default, whether a scene has what a model is told to learn
from, and the losses on it.

Weights, and what becomes of them, are MonoSDF's (Yu et al., NeurIPS 2022): depth 0.1 and normals 0.05 in rooms, times

    exp(-10 k / K)  at step k of K = ``mono_decay_steps``, in its runs on objects

It compares half the squared difference to Omnidata's depths times 50, whose standard deviation within an image is about
5; here depths of any unit are scaled to that.
"""

import math
from typing import Any

from torch import Tensor

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.errors import InputError
from s3im_methods.losses.depth.scale_shift import scale_shift_invariant_loss
from s3im_methods.losses.normals import known_normals_loss

_PRIORS = "sdfstudio-data --include-mono-prior True"
_DEPTH, _NORMALS = 0.1, 0.05
_SPREAD = 5.0
_DECAY = 10.0


def default_weights(wanted: bool, has_other_depth: bool, facts: SceneFacts) -> dict[str, float]:
    """The weights of priors where the user gives none.

    Args:
        wanted: Whether priors are to be learned from, where there are any.
        has_other_depth: Whether there is a depth loss beside them, which knows more.
        facts: Of the scene.

    Example:
        >>> facts = SceneFacts(has_normals=True, has_monocular_depth=True)
        >>> default_weights(True, True, facts)
        {'mono_depth_loss_mult': 0.0, 'mono_normal_loss_mult': 0.05}
    """
    has_depth = bool(facts.has_monocular_depth) and not has_other_depth
    return {
        "mono_depth_loss_mult": _DEPTH if wanted and has_depth else 0.0,
        "mono_normal_loss_mult": _NORMALS if wanted and facts.has_normals else 0.0,
    }


def check_priors(config: Any, facts: SceneFacts) -> None:
    """Refuse a weight for what the scene does not have, as depth losses are refused without depth.

    Args:
        config: With the weights ``mono_normal_loss_mult`` and ``mono_depth_loss_mult``.
        facts: Of the scene.

    Raises:
        InputError: If a weight is above 0 and there is nothing to learn from.
    """
    if config.mono_normal_loss_mult > 0 and facts.has_normals is False:
        raise InputError(
            "This scene has no normals to train on: give the frames of its transforms.json a normal_file_path, end the "
            f"command with {_PRIORS} if the scene is sdfstudio's, or set --pipeline.model.mono-normal-loss-mult 0."
        )
    if config.mono_depth_loss_mult > 0 and facts.has_monocular_depth is False:
        raise InputError(
            f"This scene has no monocular depth to train on: end the command with {_PRIORS} if the scene is "
            "sdfstudio's, or set --pipeline.model.mono-depth-loss-mult 0. --pipeline.model.depth.kind learns depth "
            "maps of transforms.json."
        )


def priors_phrase(config: Any) -> str:
    """What is learned from, for the line that a run prints at its start; "none" where nothing is.

    Args:
        config: With the weights ``mono_normal_loss_mult`` and ``mono_depth_loss_mult``, and ``monocular_priors``.
    """
    weights = {"depth": config.mono_depth_loss_mult, "normals": config.mono_normal_loss_mult}
    used = [f"{name} with weight {weight:g}" for name, weight in weights.items() if weight > 0]
    if used and config.monocular_priors == "auto":
        used[-1] += " (--pipeline.model.monocular-priors none leaves them out)"
    return " and ".join(used) or "none"


def without_priors(batch: dict[str, Any]) -> dict[str, Any]:
    """A batch as nerfstudio's losses are to see it.

    nerfstudio takes monocular depth only from batches of one image and of a multiple of 32 rays, and learns from
    normals that are not known.
    """
    return {name: value for name, value in batch.items() if name not in ("depth", "normal")}


def prior_losses(
    config: Any, outputs: dict[str, Any], batch: dict[str, Any], facts: SceneFacts, step: int
) -> dict[str, Tensor]:
    """The weighted ``normal_loss`` and ``mono_depth_loss`` of a training batch, as far as it has the priors.

    Args:
        config: With the weights ``mono_normal_loss_mult`` and ``mono_depth_loss_mult``, ``mono_depth_unit`` and
            ``mono_decay_steps``.
        outputs: ``normal``, ``[R, 3]``, ``expected_depth`` along the ray, ``[R, 1]``, and ``directions_norm``.
        batch: ``normal``, ``[R, 3]``, ``depth``, ``[R]``, up to scale and shift, and ``indices``, ``[R, 3]``. Where
            depth maps of a nerfstudio scene are a network's, ``depth_image`` stands for ``depth``.
        facts: Of the scene.
        step: The training step.
    """
    losses = {}
    device = outputs["normal"].device
    kept = math.exp(-_DECAY * step / config.mono_decay_steps) if config.mono_decay_steps else 1.0
    if "normal" in batch and config.mono_normal_loss_mult > 0:
        losses["normal_loss"] = (kept * config.mono_normal_loss_mult) * known_normals_loss(
            outputs["normal"], batch["normal"].to(device)
        )
    depth = batch.get("depth", batch.get("depth_image") if facts.depth_source == "monocular" else None)
    if depth is not None and config.mono_depth_loss_mult > 0:
        by_spread = config.mono_depth_unit == "spread"
        weight = kept * config.mono_depth_loss_mult * (_SPREAD**2 / 2 if by_spread else 1.0)
        losses["mono_depth_loss"] = weight * scale_shift_invariant_loss(
            outputs["expected_depth"][:, 0] / outputs["directions_norm"][:, 0],
            depth.reshape(-1).to(device),
            batch["indices"][:, 0].to(device),
            is_relative=by_spread,
        )
    return losses
