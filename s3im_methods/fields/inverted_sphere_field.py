"""The background outside a sphere, as a radiance field on inverted coordinates (NeRF++, Zhang et al., 2020, sec. 4).

``c``, ``R`` and ``r`` are those of ``rays/sphere_bounds.py``.
"""

import torch
from nerfstudio.field_components.encodings import NeRFEncoding
from nerfstudio.field_components.spatial_distortions import SpatialDistortion
from nerfstudio.fields.vanilla_nerf_field import NeRFField
from torch import Tensor

from s3im_methods.rays.sphere_bounds import check_sphere


class SphereInversion(SpatialDistortion):
    """NeRF++'s four coordinates of a point outside a sphere: its direction from the centre, and R/r.

    All lie in [-1, 1], however far the point is. A point inside the sphere gets ``((x - c) / R, 1)``, which joins on
    without a jump and is finite at the centre.

    Args:
        center: ``c``, ``[3]``.
        radius: ``R``.

    Raises:
        InputError: If the centre is not three finite numbers or the radius not a positive one.

    Example:
        >>> SphereInversion(torch.zeros(3), radius=2.0)(torch.tensor([[0.0, 0.0, 8.0]]))
        tensor([[0.0000, 0.0000, 1.0000, 0.2500]])
    """

    center: Tensor

    def __init__(self, center: Tensor, radius: float) -> None:
        super().__init__()
        check_sphere(center, radius)
        self.register_buffer("center", center, persistent=False)
        self.radius = radius

    def forward(self, positions: Tensor) -> Tensor:  # type: ignore[override]
        """Map points ``[*batch, 3]`` to ``[*batch, 4]``."""
        offsets = positions - self.center
        r = torch.linalg.vector_norm(offsets, dim=-1, keepdim=True).clamp(min=self.radius)
        return torch.cat([offsets / r, self.radius / r], dim=-1)


class InvertedSphereField(NeRFField):
    """nerfstudio's NeRF on the coordinates of ``SphereInversion``.

    Its density is per scene unit, so that ``RaySamples.get_weights`` takes it with metric distances, as NeuS and
    neurecon do; NeRF++ and VolSDF measure distances in 1/r instead. The defaults are NeRF++'s network. For CPUs,
    4 layers of 64, a head of 64 and 6 octaves are a twentieth of its arithmetic.

    Args:
        center: ``c``, ``[3]``.
        radius: ``R``.
        base_mlp_num_layers: Layers of the network from position to density.
        base_mlp_layer_width: Their width.
        head_mlp_num_layers: Layers of the network from there and the direction to colour.
        head_mlp_layer_width: Their width.
        position_frequencies: Octaves that encode a position.
        direction_frequencies: Octaves that encode a direction.

    Raises:
        InputError: If the centre is not three finite numbers or the radius not a positive one.
    """

    def __init__(
        self,
        center: Tensor,
        radius: float,
        base_mlp_num_layers: int = 8,
        base_mlp_layer_width: int = 256,
        head_mlp_num_layers: int = 1,
        head_mlp_layer_width: int = 128,
        position_frequencies: int = 10,
        direction_frequencies: int = 4,
    ) -> None:
        super().__init__(
            position_encoding=_octaves(4, position_frequencies),
            direction_encoding=_octaves(3, direction_frequencies),
            base_mlp_num_layers=base_mlp_num_layers,
            base_mlp_layer_width=base_mlp_layer_width,
            head_mlp_num_layers=head_mlp_num_layers,
            head_mlp_layer_width=head_mlp_layer_width,
            spatial_distortion=SphereInversion(center, radius),
        )


def _octaves(in_dim: int, count: int) -> NeRFEncoding:
    # nerfstudio multiplies by 2 pi; from 2^-1 on, the slowest wave spans [-1, 1] once, as in NeRF's eq. 4. From 2^0 on,
    # no wave would tell coordinates that differ by 1.
    return NeRFEncoding(in_dim, count, min_freq_exp=-1, max_freq_exp=count - 2, include_input=True)
