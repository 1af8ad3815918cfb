"""Compute once per ray what all its samples share in a network's first layer.

A layer is linear in its input. So the share of the inputs that do not change along a ray is computed per ray, and added
to the share of the samples' own inputs.
"""

from collections.abc import Sequence

import torch
from nerfstudio.field_components.mlp import MLP
from torch import Tensor, nn
from torch.nn import functional


def share_of(mlp: MLP, parts: Sequence[Tensor], columns: Sequence[int], bias: bool) -> Tensor:
    """The share of the first layer's output that some of its inputs have.

    Args:
        mlp: A network in plain torch.
        parts: The inputs, each ``[*batch, width]``.
        columns: Where each begins among the network's inputs.
        bias: Whether the layer's bias is added.

    Returns:
        ``[*batch, layer_width]``; the shares of all inputs, one of them with the bias, sum up to the layer's output.
    """
    first = mlp.layers[0]
    assert isinstance(first, nn.Linear)
    weights = [first.weight[:, at : at + part.shape[-1]] for at, part in zip(columns, parts, strict=True)]
    return functional.linear(torch.cat(list(parts), dim=-1), torch.cat(weights, dim=-1), first.bias if bias else None)


def after_first_layer(mlp: MLP, hidden: Tensor) -> Tensor:
    """The network's output.

    Args:
        mlp: A network in plain torch, without skip connections.
        hidden: Output of its first layer, before the activation, ``[*batch, layer_width]``.
    """
    for layer in mlp.layers[1:]:
        hidden = layer(mlp.activation(hidden))  # type: ignore[misc]
    return hidden if mlp.out_activation is None else mlp.out_activation(hidden)


def along_rays(directions: Tensor) -> bool:
    """Whether directions ``[R, S, 3]`` are those of rays: a stride of 0 is how samples share their ray's."""
    return directions.dim() == 3 and directions.stride(1) == 0
