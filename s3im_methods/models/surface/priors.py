"""Monocular priors of a surface: whether a scene has what a model is told to learn from, and the losses on it."""

from typing import Any

from torch import Tensor

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.errors import InputError
from s3im_methods.losses.depth.scale_shift import scale_shift_invariant_loss
from s3im_methods.losses.normals import known_normals_loss

_PRIORS = "sdfstudio-data --include-mono-prior True"


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


def without_priors(batch: dict[str, Any]) -> dict[str, Any]:
    """A batch as nerfstudio's losses are to see it.

    nerfstudio takes monocular depth only from batches of one image and of a multiple of 32 rays, and learns from
    normals that are not known.
    """
    return {name: value for name, value in batch.items() if name not in ("depth", "normal")}


def prior_losses(config: Any, outputs: dict[str, Any], batch: dict[str, Any]) -> dict[str, Tensor]:
    """The weighted ``normal_loss`` and ``mono_depth_loss`` of a training batch, as far as it has the priors.

    Args:
        config: With the weights ``mono_normal_loss_mult`` and ``mono_depth_loss_mult``.
        outputs: ``normal``, ``[R, 3]``, ``expected_depth`` along the ray, ``[R, 1]``, and ``directions_norm``.
        batch: ``normal``, ``[R, 3]``, ``depth``, ``[R]``, up to scale and shift, and ``indices``, ``[R, 3]``.
    """
    losses = {}
    device = outputs["normal"].device
    if "normal" in batch and config.mono_normal_loss_mult > 0:
        losses["normal_loss"] = config.mono_normal_loss_mult * known_normals_loss(
            outputs["normal"], batch["normal"].to(device)
        )
    if "depth" in batch and config.mono_depth_loss_mult > 0:
        losses["mono_depth_loss"] = config.mono_depth_loss_mult * scale_shift_invariant_loss(
            outputs["expected_depth"][:, 0] / outputs["directions_norm"][:, 0],
            batch["depth"].reshape(-1).to(device),
            batch["indices"][:, 0].to(device),
        )
    return losses
