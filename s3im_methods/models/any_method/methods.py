"""Which methods can be trained with S3IM, and a sentence for each that cannot."""

import difflib
from typing import Any

from s3im_methods.broken_plugin import broken_plugin_named
from s3im_methods.errors import InputError

SUFFIX = "+s3im"
"""What follows a method's name where it is trained with S3IM."""


def base_name(name: str) -> str:
    """A method's name without the suffix.

    Example:
        >>> base_name("nerfacto+s3im"), base_name("nerfacto")
        ('nerfacto', 'nerfacto')
    """
    return name.removesuffix(SUFFIX)


def train_command(method: str) -> list[str]:
    """What trains a method, and its name there.

    Example:
        >>> train_command("nerfacto"), train_command("nerfacto+s3im")
        (['ns-train', 'nerfacto'], ['s3im', 'train', 'nerfacto'])
    """
    return ["s3im", "train", base_name(method)] if method.endswith(SUFFIX) else ["ns-train", method]


def known_methods() -> dict[str, Any]:
    """All methods that nerfstudio knows, by name, with the plugins that are installed and those that are not.

    Raises:
        InputError: If a plugin cannot be imported, which stops every command of nerfstudio; it is named.
    """
    with broken_plugin_named():
        from nerfstudio.configs.method_configs import all_methods
    return all_methods


def is_ours(config: Any) -> bool:
    """Whether a method's configuration is of this package, which has S3IM's flags already."""
    from s3im_methods.engine.pipeline import S3IMPipelineConfig

    return isinstance(getattr(config, "pipeline", None), S3IMPipelineConfig)


def check_method(name: str) -> None:
    """Refuse a method that cannot be trained with S3IM.

    Args:
        name: Its name, without the suffix.

    Raises:
        InputError: The sentence of :func:`refusal`.
    """
    sentence = refusal(name)
    if sentence is not None:
        raise InputError(sentence)


def refusal(name: str) -> str | None:
    """Why a method cannot be trained with S3IM here, in a sentence, or None where it can.

    Args:
        name: Its name, without the suffix.

    Raises:
        InputError: If a plugin cannot be imported.
    """
    methods = known_methods()
    if name not in methods:
        without_suffix = [known for known in methods if not known.endswith(SUFFIX)]
        near = difflib.get_close_matches(name.lower(), without_suffix, n=1)
        advice = f"did you mean {near[0]}?" if near else "s3im train alone lists those that are installed."
        return f"No method '{name}': {advice}"
    config = methods[name]
    if not hasattr(config, "pipeline"):
        # nerfstudio has the command in place of the package for one of its plugins.
        package = (getattr(getattr(config, "method", None), "pip_package", None) or "").removeprefix("pip install ")
        install = f"install it by pip install {package}" if package else f"ns-train {name} tells how to install it"
        return f"The method '{name}' is not installed: {install}."
    pipeline = config.pipeline
    manager, model = getattr(pipeline, "datamanager", None), getattr(pipeline, "model", None)
    if manager is None or model is None:
        return f"The method '{name}' has no data manager and model of nerfstudio's kind, so that S3IM finds no rays."
    return _of_parts(name, config, manager, model)


def _of_parts(name: str, config: Any, manager: Any, model: Any) -> str | None:
    import torch
    from nerfstudio.data.datamanagers.full_images_datamanager import FullImageDatamanager
    from nerfstudio.data.datamanagers.random_cameras_datamanager import RandomCamerasDataManager
    from nerfstudio.models.instant_ngp import NGPModel
    from nerfstudio.models.splatfacto import SplatfactoModel

    if _is(manager, FullImageDatamanager) or _is(model, SplatfactoModel):
        return (
            f"'{name}' renders whole images, not rays, so that there is no random batch of pixels for S3IM: choose a "
            "method that renders rays, such as nerfacto."
        )
    if _is(manager, RandomCamerasDataManager):
        return (
            f"'{name}' learns from a prompt, not from photos, so that S3IM has nothing to compare with: choose a "
            "method that learns from photos, such as nerfacto."
        )
    if any("s3im" in field for field in vars(model)):
        ours = "its flags are --pipeline.model.s3im.*" if is_ours(config) else "ns-train has its flags"
        return f"'{name}' has S3IM already: {ours}, so train it by ns-train {name}."
    if _is(model, NGPModel) and not torch.cuda.is_available():
        from s3im_methods.models.any_method.model import NO_GRID_WITHOUT_CUDA

        return NO_GRID_WITHOUT_CUDA.format(name=f"'{name}'")
    return None


def _is(config: Any, kind: type) -> bool:
    target = getattr(config, "_target", None)
    return isinstance(target, type) and issubclass(target, kind)
