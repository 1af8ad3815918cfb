"""A hash grid whose levels count as much as the pixel can see of them, with a network behind it."""

import torch
from nerfstudio.field_components.encodings import HashEncoding
from nerfstudio.field_components.mlp import MLP
from torch import Tensor, nn

from s3im_methods.encodings.level_weights import level_weights


class LevelWeightedMLP(nn.Module):
    """Multiplies each level's features with its weight, and tells the network the weights.

    Without them the network could not tell a level that is faint from one that the pixel does not see.

    Args:
        encoding: The grid.
        num_layers: Layers of the network.
        width: Their width.
        out_dim: Number of outputs.
        implementation: Of the network.
    """

    resolutions: Tensor

    def __init__(self, encoding: HashEncoding, num_layers: int, width: int, out_dim: int, implementation: str) -> None:
        super().__init__()
        self.register_buffer("resolutions", encoding.scalings.float(), persistent=False)
        self.encoding = encoding
        self.network = MLP(
            in_dim=encoding.get_out_dim() + encoding.num_levels,
            num_layers=num_layers,
            layer_width=width,
            out_dim=out_dim,
            activation=nn.ReLU(),
            implementation=implementation,  # type: ignore[arg-type]
        )

    def forward(self, points: Tensor, deviations: Tensor) -> Tensor:
        """Outputs of samples.

        Args:
            points: In the unit cube, ``[N, 3]``.
            deviations: Standard deviations there, ``[N, 1]``.

        Returns:
            ``[N, out_dim]``.
        """
        weights = level_weights(deviations, self.resolutions)
        features = self.encoding(points)
        weighted = features.view(*weights.shape, -1) * weights[..., None].to(features)
        return self.network(torch.cat([weighted.flatten(1), (weights - 1).to(features)], dim=-1))
