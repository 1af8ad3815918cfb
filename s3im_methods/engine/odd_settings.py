"""Flags of a training that cannot be, and flags that others switch off."""

import math
import re
import sys
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from s3im_methods.data.wording import quote
from s3im_methods.engine.leaves import equal, flag, leaves
from s3im_methods.errors import InputError

if TYPE_CHECKING:
    from nerfstudio.engine.trainer import TrainerConfig

# The smallest number that nerfstudio's loops can work with.
_LEAST = {
    "max_num_iterations": 0,
    "steps_per_save": 0,
    "steps_per_eval_batch": 0,
    "steps_per_eval_image": 0,
    "steps_per_eval_all_images": 0,
    "logging.steps_per_log": 1,
    "machine.num_devices": 1,
    "machine.num_machines": 1,
    "logging.max_buffer_size": 1,
    "viewer.num_rays_per_chunk": 1,
    "pipeline.model.eval_num_rays_per_chunk": 1,
    "pipeline.datamanager.train_num_rays_per_batch": 1,
    "pipeline.datamanager.eval_num_rays_per_batch": 1,
}
# What a network or a sampler has at least one of, whatever the method.
_AT_LEAST_ONE = re.compile(
    r"gradient_accumulation_steps\..*|optimizers\..*\.scheduler\.max_steps|pipeline\.model\.("
    r"num_levels|features_per_level|log2_hashmap_size|base_res|max_res|hidden_dim|hidden_dim_color|num_coarse_samples|"
    r"num_samples|num_nerf_samples_per_ray|num_proposal_samples_per_ray|num_proposal_iterations)"
)
_ABOVE_ZERO = re.compile(
    r"optimizers\..*\.optimizer\.(lr|eps)|pipeline\.datamanager\.dataparser\.scene_scale|"
    r"pipeline\.model\.average_init_density"
)
_WEIGHT = re.compile(r"pipeline\.model\.(\w+_loss_mult|loss_coefficients\.\w+)")
_SHARE_OF_IMAGES = re.compile(r"pipeline\.datamanager\.(train|eval)_num_images_to_sample_from")
# numpy's; each process adds its rank.
_LAST_SEED = 2**32 - 1000
# Of a table with 2 to this power of rows.
_MOST_LOG2 = 30
_MODEL, _DATA = "pipeline.model.", "pipeline.datamanager."
# Of mip-NeRF 360, which has one encoding or the other.
_OF_NETWORKS = ("num_layers", "num_proposal_layers", "proposal_dim", "num_octaves")
_OF_GRIDS = (
    "footprint",
    "num_levels",
    "base_res",
    "max_res",
    "features_per_level",
    "log2_hashmap_size",
    "average_init_density",
)


def _has_no_normals(value: Any, settings: Mapping[str, Any]) -> bool:
    return value is False and settings.get(f"{_MODEL}reflection") != "ref-nerf"


# Which settings, by their paths or by the group in which they are, and which one switches them off, by what values
# among all settings.
_SWITCHES: tuple[tuple[str, str, Callable[[Any, Mapping[str, Any]], bool]], ...] = (
    (f"{_MODEL}s3im.", f"{_MODEL}s3im.loss_mult", lambda value, _: value == 0),
    (f"{_MODEL}s3im.patch_height", f"{_MODEL}s3im.mode", lambda value, _: value != "official"),
    (f"{_MODEL}s3im.end_step", f"{_MODEL}s3im.balance", lambda value, _: value == "add"),
    (f"{_MODEL}depth.", f"{_MODEL}depth.kind", lambda value, _: value == "none"),
    (f"{_MODEL}camera_optimizer.", f"{_MODEL}camera_optimizer.mode", lambda value, _: value == "off"),
    (f"{_MODEL}orientation_loss_mult", f"{_MODEL}predict_normals", _has_no_normals),
    (f"{_MODEL}pred_normal_loss_mult", f"{_MODEL}predict_normals", _has_no_normals),
    *((f"{_MODEL}{name}", f"{_MODEL}encoding", lambda value, _: value == "grid") for name in _OF_NETWORKS),
    *((f"{_MODEL}{name}", f"{_MODEL}encoding", lambda value, _: value == "mlp") for name in _OF_GRIDS),
    *(
        (f"{_MODEL}{name}", f"{_MODEL}style", lambda value, _: value != "nerfstudio")
        for name in (
            "regularization",
            "loss_coefficients.tv_reg_density",
            "loss_coefficients.tv_reg_color",
            "loss_coefficients.l1_reg",
        )
    ),
    (f"{_MODEL}use_gradient_scaling", f"{_MODEL}sampling", lambda value, _: value == "steps"),
    (f"{_MODEL}num_samples", f"{_MODEL}sampling", lambda value, _: value == "steps"),
    (f"{_MODEL}num_uniform_samples", f"{_MODEL}sampling", lambda value, _: value == "steps"),
    (f"{_DATA}dataparser.eval_interval", f"{_DATA}dataparser.eval_mode", lambda value, _: value != "interval"),
    (f"{_DATA}dataparser.train_split_fraction", f"{_DATA}dataparser.eval_mode", lambda value, _: value != "fraction"),
    (f"{_DATA}depth.", f"{_DATA}depth.source", lambda value, _: value == "none"),
    (f"{_DATA}pixel_sampler.patch_size", f"{_DATA}pixel_sampler.patch_share", lambda value, _: value == 0),
)


# Of nerfstudio's surface methods, by their paths; ours are those with a unit_share.
_UNREAD = {
    "periodic_tvl_mult": "no surface method has such a loss",
    "sdf_field.encoding_type": "the field has hash grids, or with use-grid-feature False none",
    "sdf_field.use_hash": "the field has hash grids, or with use-grid-feature False none",
    "sdf_field.divide_factor": "sphere-radius and unit-share scale the points",
}


def check_numbers(config: "TrainerConfig") -> None:
    """Refuse numbers that would end in an endless loop, in an error within the training, or in nothing learned.

    Args:
        config: Of any method.

    Raises:
        InputError: If one is out of range.
    """
    found = dict(leaves(config))
    for name, value in found.items():
        for number in value if isinstance(value, list | tuple) else (value,):
            if isinstance(number, int | float) and not isinstance(number, bool) and (wanted := _wanted(name, number)):
                raise InputError(f"{flag(name)} is {number:g}: give {wanted}.")
    _check_groups(config)
    _check_machines(config)
    for small, large in (("base_res", "max_res"), ("num_proposal_iterations", "num_proposal_samples_per_ray")):
        least, most = found.get(f"{_MODEL}{small}"), found.get(f"{_MODEL}{large}")
        # Of the samples there is a number for each round.
        most = len(most) if isinstance(most, list | tuple) else most
        if least is not None and most is not None and most < least:
            raise InputError(
                f"{flag(_MODEL + small)} is {least}: give at most {most}, or change {flag(_MODEL + large)}."
            )
    for name, steps in found.items():
        group, _, last = name.rpartition(".")
        warmup = found.get(f"{group}.warmup_steps")
        if last == "max_steps" and steps == warmup and steps:
            raise InputError(f"{flag(name)} is {steps}: give another number than warmup-steps has.")


def _check_groups(config: "TrainerConfig") -> None:
    """nerfstudio takes steps of a group that no optimiser has without a word."""
    groups = [name for name, group in config.optimizers.items() if group is not None]
    for name in config.gradient_accumulation_steps:
        if name not in groups:
            raise InputError(
                f"--gradient-accumulation-steps names {quote(name)}, which no optimizer has: give one of "
                f"{', '.join(groups)}."
            )


def _check_machines(config: "TrainerConfig") -> None:
    machine = config.machine
    if not 0 <= machine.seed <= _LAST_SEED:
        raise InputError(f"--machine.seed is {machine.seed}: give 0 to {_LAST_SEED}.")
    if machine.num_machines > 1 and machine.dist_url == "auto":
        raise InputError(
            f"--machine.num-machines is {machine.num_machines}: give --machine.dist-url the address at which the first "
            "machine can be reached, tcp://HOST:PORT."
        )


def _wanted(name: str, number: float) -> str | None:
    """What a setting has to be, where it is not."""
    if _SHARE_OF_IMAGES.fullmatch(name):
        return None if number == -1 or number >= 1 else "1 or more, or -1 for all"
    if name in _LEAST or _AT_LEAST_ONE.fullmatch(name):
        least = _LEAST.get(name, 1)
        if name.endswith("log2_hashmap_size") and number > _MOST_LOG2:
            return f"at most {_MOST_LOG2}"
        return f"{least} or more" if number < least else None
    if _ABOVE_ZERO.fullmatch(name):
        return None if 0 < number < math.inf else "a number above 0"
    return "a number, 0 or above" if _WEIGHT.fullmatch(name) and not 0 <= number < math.inf else None


def usual_config(config: "TrainerConfig") -> Any:
    """A method's configuration as it is where nobody gives a flag, or None for one that is not installed.

    nerfstudio calls nerfacto-big and nerfacto-huge nerfacto too, and splatfacto-big splatfacto: only the command line
    tells which of them is trained.

    Args:
        config: The one that the command line made.
    """
    from nerfstudio.configs.method_configs import all_methods

    named = all_methods.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if named is not None and getattr(named, "method_name", None) == config.method_name:
        return named
    return all_methods.get(str(config.method_name))


def idle_settings(config: "TrainerConfig", given: Collection[str] | None = None) -> list[str]:
    """A sentence for each setting by which others that were given have no effect.

    Args:
        config: What is trained with.
        given: The settings that the command line gave, by their paths; None for all that are not the method's usual.
    """
    now = dict(leaves(config))
    if given is None:
        usual = dict(leaves(usual_config(config)))
        given = [name for name, value in now.items() if name in usual and not equal(usual[name], value)]
    told: set[str] = set()
    lines = []
    for setting, switch, is_off in _SWITCHES:
        meant = [name for name in given if name == setting or (setting.endswith(".") and name.startswith(setting))]
        idle = [name for name in meant if name != switch and name not in told]
        if not idle or switch not in now or not is_off(now[switch], now):
            continue
        told |= set(idle)
        flags = ", ".join(map(flag, idle))
        lines.append(
            f"{flags} {'has' if len(idle) == 1 else 'have'} no effect, because {flag(switch)} is {now[switch]}."
        )
    if f"{_MODEL}unit_share" in now:
        lines += [
            f"{flag(_MODEL + name)} has no effect, because {why}."
            for name, why in _UNREAD.items()
            if _MODEL + name in given
        ]
    return lines
