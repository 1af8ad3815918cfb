"""Flags of a training that cannot be, and flags that others switch off."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from s3im_methods.engine.leaves import equal, leaves
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
    "logging.max_buffer_size": 1,
    "viewer.num_rays_per_chunk": 1,
    "pipeline.model.eval_num_rays_per_chunk": 1,
    "pipeline.datamanager.train_num_rays_per_batch": 1,
    "pipeline.datamanager.eval_num_rays_per_batch": 1,
}
_ACCUMULATION = "gradient_accumulation_steps."
_MODEL, _DATA = "pipeline.model.", "pipeline.datamanager."
# Which settings, by the beginning of their paths, and which one switches them off, by what values.
_SWITCHES: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    (f"{_MODEL}s3im.", f"{_MODEL}s3im.loss_mult", lambda value: value == 0),
    (f"{_MODEL}s3im.patch_height", f"{_MODEL}s3im.mode", lambda value: value != "official"),
    (f"{_MODEL}depth.", f"{_MODEL}depth.kind", lambda value: value == "none"),
    (f"{_MODEL}camera_optimizer.", f"{_MODEL}camera_optimizer.mode", lambda value: value == "off"),
    (f"{_DATA}depth.", f"{_DATA}depth.source", lambda value: value == "none"),
    (f"{_DATA}pixel_sampler.patch_size", f"{_DATA}pixel_sampler.patch_share", lambda value: value == 0),
)


def check_counts(config: "TrainerConfig") -> None:
    """Refuse numbers of rays and steps that would end in an endless loop or an error within the training.

    Args:
        config: Of any method.

    Raises:
        InputError: If one is too small.
    """
    for name, value in leaves(config):
        least = 1 if name.startswith(_ACCUMULATION) else _LEAST.get(name)
        if least is not None and isinstance(value, int) and value < least:
            flag = f"--{name.replace('_', '-')}"
            if name.startswith(_ACCUMULATION):
                group = name.removeprefix(_ACCUMULATION)
                raise InputError(f"--gradient-accumulation-steps of {group} is {value}: give 1 or more.")
            raise InputError(f"{flag} is {value}: give {least} or more.")


def idle_settings(config: "TrainerConfig") -> list[str]:
    """A sentence for each setting by which others that were given have no effect.

    Args:
        config: As the command line gave it.
    """
    from nerfstudio.configs.method_configs import all_methods

    usual = dict(leaves(all_methods.get(str(config.method_name))))
    now = dict(leaves(config))
    given = [name for name, value in now.items() if name in usual and not equal(usual[name], value)]
    told: set[str] = set()
    lines = []
    for beginning, switch, is_off in _SWITCHES:
        idle = [name for name in given if name.startswith(beginning) and name != switch and name not in told]
        if not idle or switch not in now or not is_off(now[switch]):
            continue
        told |= set(idle)
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in idle)
        lines.append(
            f"{flags} {'has' if len(idle) == 1 else 'have'} no effect, because --{switch.replace('_', '-')} is "
            f"{now[switch]}."
        )
    return lines
