"""S3IM's settings, as a group of command-line flags, and its weight over the training steps."""

import math
from dataclasses import dataclass, field
from typing import Literal

from s3im_methods.errors import InputError
from s3im_methods.losses.s3im import S3IM, Denominators, Mode

_FLAG = "--pipeline.model.s3im"


@dataclass
class S3IMConfig:
    """How S3IM is computed and how much it counts."""

    loss_mult: float = 1.0
    """Weight of the S3IM loss in the total; 0 switches it off."""
    kernel_size: int = 4
    """Side of a window, in pixels: SSIM is computed over groups of kernel-size squared rays."""
    stride: int = 4
    """Step from one window to the next, in pixels; in modes grouped and both it must equal kernel-size."""
    repeat_time: int = 10
    """How many random orders of the batch are averaged; more of them make the loss less noisy and cost more time."""
    patch_height: int = 64
    """Height of the image into which mode official writes the shuffled rays, in pixels; other modes ignore it."""
    patch_width: int = 64
    """No effect: the width of that image follows from the number of rays. It exists because the authors' module has
    it."""
    mode: Mode = "grouped"
    """Which rays form a window. grouped: random groups of rays. official: the shuffled rays are laid out as an image,
    exactly as in the authors' module; with denominators free its gradient is the same too. patch: neighbouring pixels,
    which --pipeline.datamanager.pixel-sampler.patch-share has to bring. both: the sum of grouped and patch."""
    role: Literal["loss", "control"] = "loss"
    """What S3IM does. loss: it is a term of the total loss. control: S3IM is left out, and at every step the
    colour loss is scaled to the gradient norm that colour loss plus S3IM would have. So what S3IM gains over the
    control is not due to a stronger loss. control needs balance add."""
    # A factory, because what the class itself holds is for old runs; see below.
    balance: Literal["add", "keep"] = field(default_factory=lambda: "keep")
    """How S3IM and the method's own colour loss are combined. keep: both are scaled at every step so that their joint
    gradient at the rendered colours has the norm of the method's own; regularisers count as much as without S3IM, and
    the weight only turns the direction. add: their sum as in the paper, whose gradient is longer."""
    denominators: Denominators | None = field(default_factory=lambda: None)
    """Whether SSIM's denominators, a window's brightness and contrast, are part of the gradient. free: they are, as in
    the paper; where colours cannot be fitted, training then exaggerates contrast. held: no gradient flows through
    them, so that contrast is not exaggerated. If not set: held with balance keep, free with add."""
    start_step: int = 0
    """First training step at which the loss may count; before it the weight is 0."""
    ramp_steps: int = 0
    """Number of steps, from start-step on, over which the weight grows linearly from 0 to loss-mult."""
    end_step: int | None = None
    """Training step from which on the weight is 0; before it the weight falls along half a cosine, from the end of the
    ramp on. If not set, it does not fall. It never falls with balance add, which is the paper's sum."""

    @property
    def falls_by(self) -> int | None:
        """The step by which the weight has fallen to 0; None if it never falls."""
        return self.end_step if self.balance == "keep" else None

    def build(self) -> S3IM:
        """The loss module with these settings.

        Raises:
            InputError: If a setting is out of range.
        """
        if not (math.isfinite(self.loss_mult) and self.loss_mult >= 0):
            raise InputError(f"S3IM's weight ({_FLAG}.loss-mult) is {self.loss_mult}: give a number, 0 or above.")
        for name in ("start_step", "ramp_steps"):
            if getattr(self, name) < 0:
                flag = f"{_FLAG}.{name.replace('_', '-')}"
                raise InputError(f"S3IM's {name} ({flag}) is {getattr(self, name)}: give 0 or more steps.")
        if self.end_step is not None and self.end_step <= self.start_step + self.ramp_steps:
            raise InputError(
                f"S3IM's end_step ({_FLAG}.end-step) is {self.end_step}: give a step after {_FLAG}.start-step and "
                f"{_FLAG}.ramp-steps, which end at step {self.start_step + self.ramp_steps}, or None."
            )
        if self.role == "control" and self.balance == "keep":
            raise InputError(
                f"{_FLAG}.role control needs {_FLAG}.balance add. Compare {_FLAG}.balance keep with the method without "
                f"S3IM: {_FLAG}.loss-mult 0."
            )
        return S3IM(
            kernel_size=self.kernel_size,
            stride=self.stride,
            repeat_time=self.repeat_time,
            patch_height=self.patch_height,
            patch_width=self.patch_width,
            mode=self.mode,
            denominators=self.denominators or ("held" if self.balance == "keep" else "free"),
        )


# config.yml of a run from before a setting has none, and YAML makes objects without their constructor: such a run goes
# on with the sum, and with the gradient, that it began with.
S3IMConfig.balance = "add"
S3IMConfig.denominators = "free"


def s3im_weight(config: S3IMConfig, step: int) -> float:
    """Weight of the S3IM loss at a training step.

    Args:
        config: The settings; ``loss_mult``, ``start_step``, ``ramp_steps``, ``end_step`` and ``balance`` are used.
        step: The training step, from 0.

    Returns:
        0 before ``start_step``, then growing linearly over ``ramp_steps`` steps to ``loss_mult``; in balance falling
        from there to 0 at ``end_step``, as ``(1 + cos(pi t)) / 2`` with t from 0 to 1.

    Example:
        >>> config = S3IMConfig(loss_mult=2.0, start_step=100, ramp_steps=50)
        >>> [s3im_weight(config, step) for step in (99, 100, 125, 150, 1000)]
        [0.0, 0.0, 1.0, 2.0, 2.0]
        >>> [round(s3im_weight(S3IMConfig(end_step=4), step), 3) for step in range(6)]
        [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    if step < config.start_step:
        return 0.0
    top = config.start_step + config.ramp_steps
    weight = float(config.loss_mult)
    if step < top:
        return weight * (step - config.start_step) / config.ramp_steps
    if config.falls_by is None:
        return weight
    return weight * 0.5 * (1.0 + math.cos(math.pi * min(1.0, (step - top) / (config.falls_by - top))))
