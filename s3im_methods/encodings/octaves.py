"""The frequency encoding of the original TensoRF: sines and cosines of octaves 1, 2, 4, ...

nerfstudio's ``NeRFEncoding(num_frequencies=2, min_freq_exp=0, max_freq_exp=2)``, which its TensoRF uses, has octaves
1 and 4 and multiplies its input by 2 pi.
"""

import torch
from nerfstudio.field_components.encodings import Encoding
from torch import Tensor


class OctaveEncoding(Encoding):
    """Sines and cosines of ``x, 2 x, 4 x, ...``.

    Args:
        in_dim: Number of inputs.
        num_octaves: Number of octaves; 0 encodes nothing.

    Example:
        >>> OctaveEncoding(1, 2)(torch.tensor([[torch.pi / 2]])).round(decimals=3).abs()
        tensor([[1., 0., 0., 1.]])
    """

    def __init__(self, in_dim: int, num_octaves: int) -> None:
        super().__init__(in_dim)
        self.num_octaves = num_octaves
        self._inputs = in_dim

    def get_out_dim(self) -> int:
        """Number of outputs: two per input and octave."""
        return 2 * self._inputs * self.num_octaves

    def forward(self, in_tensor: Tensor) -> Tensor:
        """Encode ``[*batch, in_dim]``: all sines first, then all cosines."""
        octaves = 2.0 ** torch.arange(self.num_octaves, device=in_tensor.device)
        angles = (in_tensor[..., None] * octaves).flatten(-2)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)
