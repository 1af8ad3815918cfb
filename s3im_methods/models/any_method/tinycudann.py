"""Stand-ins for tinycudann, so that methods that ask for it directly run where it is not installed.

nerfstudio's own encodings and networks fall back to torch by themselves. Its SDF field and several plugins call
``tcnn.Encoding`` or ``tcnn.Network`` and fail (nerfstudio issue 3751): without tinycudann that name is an object that
raises, or is not there. Here the name is ours while a model is built. What stands in computes in float32 and has other
parameters, so that checkpoints do not fit a model with tinycudann; networks have biases, which tinycudann's have not.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from nerfstudio.field_components.encodings import SHEncoding
from nerfstudio.field_components.mlp import MLP
from nerfstudio.utils import external
from torch import Tensor, nn

from s3im_methods.console import warn
from s3im_methods.encodings.sdf_hash_grid import SDFHashEncoding
from s3im_methods.errors import InputError

_ACTIVATIONS: dict[str, type[nn.Module] | None] = {
    **{"none": None, "relu": nn.ReLU, "leakyrelu": nn.LeakyReLU, "sigmoid": nn.Sigmoid},
    **{"softplus": nn.Softplus, "tanh": nn.Tanh},
}
_NAME = "tcnn"


def _lacks(what: str) -> InputError:
    return InputError(
        f"This method asks tinycudann for {what}, tinycudann is not installed, and nothing here stands in for that: "
        "install tinycudann, or choose another method."
    )


class SphericalHarmonics(SHEncoding):
    """Spherical harmonics of directions that are mapped to [0, 1], as tinycudann wants them.

    Args:
        degree: Number of bands, from 1 to 4.

    Example:
        >>> import torch
        >>> encoding = SphericalHarmonics(2)
        >>> along_z = torch.tensor([[0.5, 0.5, 1.0]])
        >>> [round(value, 4) for value in encoding(along_z)[0].tolist()]
        [0.2821, 0.0, 0.4886, 0.0]
    """

    def __init__(self, degree: int) -> None:
        super().__init__(levels=degree, implementation="torch")

    def forward(self, in_tensor: Tensor) -> Tensor:
        """Components ``[*batch, degree^2]`` of directions ``[*batch, 3]`` in [0, 1]."""
        return super().forward(2 * in_tensor - 1)

    @property
    def n_output_dims(self) -> int:
        """Number of components."""
        return self.get_out_dim()


def encoding(n_input_dims: int, encoding_config: dict[str, Any], **_: Any) -> nn.Module:
    """What stands in for ``tcnn.Encoding``.

    Args:
        n_input_dims: Dimensions of the points.
        encoding_config: As tinycudann takes it.

    Raises:
        InputError: If nothing stands in for such an encoding.
    """
    kind = str(encoding_config.get("otype", "")).lower()
    if kind == "sphericalharmonics" and n_input_dims == 3 and 1 <= encoding_config.get("degree", 4) <= 4:
        return SphericalHarmonics(encoding_config.get("degree", 4))
    hashed = kind == "hashgrid" or (kind == "grid" and encoding_config.get("type", "Hash").lower() == "hash")
    interpolation = str(encoding_config.get("interpolation", "Linear")).lower()
    if hashed and n_input_dims == 3 and interpolation in ("linear", "smoothstep"):
        levels = encoding_config.get("n_levels", 16)
        coarsest = encoding_config.get("base_resolution", 16)
        growth = float(encoding_config.get("per_level_scale", 2.0))
        return SDFHashEncoding(
            num_levels=levels,
            min_res=coarsest,
            max_res=round(coarsest * growth ** (levels - 1)),
            log2_hashmap_size=encoding_config.get("log2_hashmap_size", 19),
            features_per_level=encoding_config.get("n_features_per_level", 2),
            interpolation=interpolation,  # type: ignore[arg-type]
        )
    raise _lacks(f"an encoding '{encoding_config.get('otype')}' of {n_input_dims} dimensions")


def network(n_input_dims: int, n_output_dims: int, network_config: dict[str, Any], **_: Any) -> nn.Module:
    """What stands in for ``tcnn.Network``.

    Args:
        n_input_dims: Number of inputs.
        n_output_dims: Number of outputs.
        network_config: As tinycudann takes it.

    Raises:
        InputError: If an activation has no stand-in.
    """
    inner, last = (
        _activation(network_config.get(name, default))
        for name, default in (("activation", "ReLU"), ("output_activation", "None"))
    )
    return MLP(
        in_dim=n_input_dims,
        num_layers=network_config.get("n_hidden_layers", 2) + 1,
        layer_width=network_config.get("n_neurons", 128),
        out_dim=n_output_dims,
        activation=inner,
        out_activation=last,
        implementation="torch",
    )


def network_with_input_encoding(
    n_input_dims: int, n_output_dims: int, encoding_config: dict[str, Any], network_config: dict[str, Any], **_: Any
) -> nn.Module:
    """What stands in for ``tcnn.NetworkWithInputEncoding``; arguments and errors as above."""
    first: Any = encoding(n_input_dims, encoding_config)
    return nn.Sequential(first, network(first.n_output_dims, n_output_dims, network_config))


def _activation(name: Any) -> nn.Module | None:
    try:
        kind = _ACTIVATIONS[str(name).lower()]
    except KeyError:
        raise _lacks(f"the activation '{name}'") from None
    return kind() if kind else None


class StandIns:
    """Has the names of tinycudann's module that methods use.

    Attributes:
        used: What was asked for, in the order of asking.
    """

    _OFFERS: ClassVar[dict[str, tuple[Any, str]]] = {
        "Encoding": (encoding, "encodings"),
        "Network": (network, "networks"),
        "NetworkWithInputEncoding": (network_with_input_encoding, "networks"),
    }

    def __init__(self) -> None:
        self.used: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._OFFERS:
            raise _lacks(f"'{name}'")
        build, kind = self._OFFERS[name]

        def build_and_note(*args: Any, **kwargs: Any) -> nn.Module:
            if kind not in self.used:
                self.used.append(kind)
            return build(*args, **kwargs)

        return build_and_note


@contextmanager
def stand_in_for_tinycudann(model_class: type) -> Iterator[None]:
    """While a model is built, put the stand-ins where tinycudann is asked for and not installed, and say so once.

    Args:
        model_class: The model's class: the packages of it and of its bases are those that may ask.
    """
    if external.TCNN_EXISTS:
        yield
        return
    stand_ins, raises, missing = StandIns(), external.tcnn, object()
    packages = {base.__module__.partition(".")[0] for base in model_class.__mro__} - _OTHERS
    replaced: list[tuple[Any, Any]] = []
    for name, module in list(sys.modules.items()):
        own = getattr(module, "__dict__", {}).get(_NAME, missing)
        # In nerfstudio's modules it is an object that raises; in plugins it may be that, or not be there.
        if own is raises or (own is missing and name.partition(".")[0] in packages):
            replaced.append((module, own))
            setattr(module, _NAME, stand_ins)
    try:
        yield
    finally:
        for module, own in replaced:
            if own is missing:
                delattr(module, _NAME)
            else:
                setattr(module, _NAME, own)
    if stand_ins.used:
        warn(
            f"tinycudann is not installed: {' and '.join(stand_ins.used)} that the method asks it for are "
            "computed by this package, so checkpoints do not fit a machine with tinycudann."
        )


_OTHERS = {"nerfstudio", "torch", "s3im_methods", "builtins", "abc", "typing"}
