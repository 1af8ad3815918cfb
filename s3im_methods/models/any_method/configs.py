"""A method's configuration with S3IM's flags, while the command line is read, and as config.yml keeps it."""

import copy
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from nerfstudio.data.pixel_samplers import PixelSampler, PixelSamplerConfig

from s3im_methods.errors import InputError
from s3im_methods.losses import S3IMConfig
from s3im_methods.models.any_method.methods import SUFFIX, base_name, check_method, is_ours, known_methods
from s3im_methods.models.any_method.model import HashGrids
from s3im_methods.samplers import PatchAwarePixelSamplerConfig


@dataclass
class ModelFlags:
    """What the model's configuration has beside its own fields."""

    s3im: S3IMConfig = field(default_factory=lambda: S3IMConfig(loss_mult=0.1))
    """Settings of the S3IM loss."""
    hash_grids: HashGrids = "base"
    """Who computes the method's hash grids: base is the method itself, fused are this package's kernels for CPUs and
    GPUs, which have the same parameters and differ by rounding only. Grids that tinycudann computes stay with it."""


@dataclass
class SamplerFlags:
    """What the configuration of nerfstudio's plain pixel sampler has beside its own fields."""

    patch_share: float = 0.0
    """Share of the batch's rays, from 0 to 1, that come as square patches of neighbouring pixels; at 0 the sampler is
    the method's own, else this package's."""
    patch_size: int = 8
    """Side of a patch, in pixels."""


def with_s3im(name: str, arguments: Sequence[str] | None = None) -> Any:
    """The configuration of a method with S3IM.

    Args:
        name: The method's name; a method of this package is as it is.
        arguments: The flags that a user gave; None for none, without reading any.

    Returns:
        A ``TrainerConfig``, as config.yml keeps it.

    Raises:
        InputError: If the method cannot be trained with S3IM, or a second one follows it.
        SystemExit: If the flags are wrong, or ask for help; what is to be said is printed.
    """
    name, methods = base_name(name), known_methods()
    if arguments and arguments[0] in methods:
        raise InputError(f"Two methods are given, {name} and {arguments[0]}: s3im train takes one, then its flags.")
    config = methods.get(name)
    if is_ours(config):
        return _parsed(name, copy.deepcopy(config), arguments)
    check_method(name)
    config = _with_flags(config)
    # nerfstudio calls nerfacto-big and nerfacto-huge nerfacto too, so that their runs are loaded as that.
    config.method_name = name + SUFFIX
    return _finished(_parsed(name, config, arguments))


def _parsed(name: str, config: Any, arguments: Sequence[str] | None) -> Any:
    if arguments is None:
        return config
    import tyro

    # As ns-train marks its union of all methods.
    kind: Any = tyro.conf.SuppressFixed[tyro.conf.FlagConversionOff[type(config)]]
    return tyro.cli(kind, prog=f"s3im train {name}", default=config, args=list(arguments))


def _with_flags(base: Any) -> Any:
    # Of its own, because dnerf changes its configuration while it is built.
    config = copy.deepcopy(base)
    if config.vis == "wandb":
        # Which asks for an account.
        config.vis = "viewer"
    if config.machine.device_type == "cuda" and not torch.cuda.is_available():
        config.machine.device_type = "cpu"
    manager = config.pipeline.datamanager
    _add_fields(config.pipeline.model, ModelFlags)
    sampler = getattr(manager, "pixel_sampler", None)
    if type(sampler) is PixelSamplerConfig and sampler._target is PixelSampler:
        _add_fields(sampler, SamplerFlags)
    return config


def _add_fields(part: Any, flags: type) -> None:
    kind = type(part)
    vars(part).update(vars(flags()))
    part.__class__ = dataclasses.make_dataclass(kind.__name__, [], bases=(flags, kind))


def _finished(config: Any) -> Any:
    from s3im_methods.models.any_method import targets

    model, manager = config.pipeline.model, config.pipeline.datamanager
    # The classes that config.yml names are the method's own; what was added stays as plain attributes.
    model.__class__ = type(model).__bases__[1]
    sampler = getattr(manager, "pixel_sampler", None)
    if isinstance(sampler, SamplerFlags):
        manager.pixel_sampler = chosen_sampler(vars(sampler), sampler.patch_share)
    for part, target in ((config, targets.trainer), (config.pipeline, targets.pipeline), (model, targets.model)):
        part.base_target, part._target = part._target, target
    return config


def chosen_sampler(settings: dict[str, Any], patch_share: float) -> PixelSamplerConfig:
    """The configuration of the sampler that a method of others is trained with.

    Args:
        settings: Its fields, and others, which are left out.
        patch_share: At 0 the sampler is the method's own.
    """
    kind = PatchAwarePixelSamplerConfig if patch_share > 0 else PixelSamplerConfig
    own = {field.name for field in dataclasses.fields(kind)} - {"_target"}
    return kind(**{name: value for name, value in settings.items() if name in own})
