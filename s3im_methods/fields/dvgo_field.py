"""DVGO's field: a grid of densities, a grid of colours or features, and a small network (Sun et al., CVPR 2022).

    colour = sigmoid(k[:3] + network(k, direction, image))

The image's vector is optional. In the coarse stage the grid holds three numbers a node and there is no network. The
network's last layer is 0 at first, so that no rendered colour jumps when it joins in.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from nerfstudio.cameras.rays import RaySamples
from nerfstudio.field_components.embedding import Embedding
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.field_components.mlp import MLP
from torch import Tensor, nn
from torch.nn import functional

from s3im_methods.encodings.octaves import OctaveEncoding
from s3im_methods.encodings.voxel_grid import VoxelGrid
from s3im_methods.fields.appearance import vectors_of_images
from s3im_methods.fields.narrowing_mask import NarrowingMask
from s3im_methods.fields.ray_share import after_first_layer, share_of
from s3im_methods.rays.voxel_march import GridSpace, opacity, shift_of


class DVGOField(nn.Module):
    """See the module's docstring.

    Args:
        box: Corners of the grids, ``[2, 3]``, in coordinates of ``space``.
        space: From scene points to the box's coordinates.
        resolution: Nodes along x, y and z at first.
        coarse: Whether it begins with a coarse stage.
        features: Numbers per node of the colour grid once the network joins in.
        alpha_inits: Opacity of a step of one base voxel where a raw density is 0, in the coarse and the fine stage.
        base_voxels: Voxels of the box whose side is the density's unit of length.
        network_width: Width of the network's hidden layers.
        network_layers: Layers of the network.
        direction_octaves: Octaves in which the network sees directions.
        images: Number of training images.
        appearance_dim: Length of the vector that the network reads of each of them; 0 for none.
        average_appearance: Whether views that were not trained on get the mean vector, or 0.
    """

    may_be_missing = ("shift_fall",)

    base_voxel: Tensor
    has_network: Tensor
    shift_fall: Tensor

    def __init__(
        self,
        box: Tensor,
        space: GridSpace,
        resolution: Sequence[int],
        coarse: bool,
        features: int,
        alpha_inits: tuple[float, float],
        base_voxels: float,
        network_width: int,
        network_layers: int,
        direction_octaves: int,
        images: int = 0,
        appearance_dim: int = 0,
        average_appearance: bool = True,
    ) -> None:
        super().__init__()
        self.space, self.features = space, features
        self.shifts = shift_of(alpha_inits[0]), shift_of(alpha_inits[1])
        # A parameter, because a buffer that moves to a GPU is another tensor, and the model's collider holds this one.
        self.aabb = nn.Parameter(box.clone(), requires_grad=False)
        self.register_buffer("base_voxel", _side(box, base_voxels))
        self.register_buffer("has_network", torch.tensor(not coarse))
        self.register_buffer("shift_fall", torch.tensor(0.0))
        self._read_back()
        self.density_grid = VoxelGrid(resolution, 1)
        self.colour_grid = VoxelGrid(resolution, 3 if coarse else features)
        self.direction_encoding = OctaveEncoding(3, direction_octaves)
        self.embedding_appearance = Embedding(images, appearance_dim) if appearance_dim else None
        self.use_average_appearance_embedding = average_appearance
        of_rays = 3 + self.direction_encoding.get_out_dim() + appearance_dim
        self.network = MLP(
            in_dim=features + of_rays,
            num_layers=network_layers,
            layer_width=network_width,
            out_dim=3,
            activation=nn.ReLU(),
            out_activation=None,
            implementation="torch",
        )
        last = self.network.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.alpha_mask = NarrowingMask()

    @property
    def resolution(self) -> tuple[int, int, int]:
        """Nodes along x, y and z."""
        return self.density_grid.axis_resolution()

    def voxel(self) -> float:
        """Side of a voxel in coordinates of the box, the geometric mean of its three."""
        parts = [side / (nodes - 1) for side, nodes in zip(self.sides, self.resolution, strict=True)]
        return math.prod(parts) ** (1 / 3)

    def occupied_share(self) -> float:
        """Share of the grids' box in which something may be seen."""
        mask = self.alpha_mask
        if not mask.exists:
            return 1.0
        # The first mask spans the box from before it was tightened.
        counts = torch.tensor(mask.cells.shape, device=self.aabb.device)
        ends = ((self.aabb - mask.box[0]) / (mask.box[1] - mask.box[0]) * counts).round().long()
        x, y, z = (slice(int(first), int(last)) for first, last in ends.clamp(min=0).T)
        return float(mask.cells[x, y, z].float().mean())

    def node_axes(self) -> list[Tensor]:
        """Coordinates of the nodes along x, y and z, ``[X]``, ``[Y]`` and ``[Z]``."""
        low, high = self.aabb
        shares = [torch.linspace(0, 1, count, device=low.device) for count in self.resolution]
        return [low[axis] + share * (high - low)[axis] for axis, share in enumerate(shares)]

    def set_box(self, box: Tensor, base_voxels: float) -> None:
        """Give the grids another box, ``[2, 3]``, and with it the density another unit of length."""
        self.aabb.data.copy_(box)
        self.base_voxel.copy_(_side(box, base_voxels))
        self._read_back()

    def _read_back(self) -> None:
        # Python's copies, because a GPU would wait for the buffers to be read in every step.
        self.base_side, self.is_fine = float(self.base_voxel), bool(self.has_network)
        self.fallen = float(self.shift_fall)
        self.sides = (self.aabb[1] - self.aabb[0]).tolist()
        # Of contracted spaces, where cameras lie within one radius: no ray meets the box farther away.
        farthest = float(self.space.inverse(self.aabb.abs().amax(dim=0)).norm())
        self.reach = farthest + 3**0.5 * (self.space.scale or 0.0)

    @property
    def shift(self) -> float:
        """What is added to raw densities in this stage."""
        return self.shifts[int(self.is_fine)] - self.fallen

    def lower_shift(self, by: float) -> None:
        """Make all of space less opaque, whatever was learned."""
        self.shift_fall += by
        self._read_back()

    def raw_of(self, alpha: float) -> float:
        """The raw density at which a base voxel is so opaque, in this stage."""
        return shift_of(alpha) - self.shift

    def unit(self, coordinates: Tensor) -> Tensor:
        """Coordinates of the box in [-1, 1], ``[*batch, 3]``."""
        return 2 * (coordinates - self.aabb[0]) / (self.aabb[1] - self.aabb[0]) - 1

    def density_at(self, positions: Tensor) -> Tensor:
        """Density per coordinate of the box, ``[*batch, 1]``, at scene points ``[*batch, 3]``.

        It is 0 where space is known to be empty and outside of the box. Only a contraction makes the box's coordinates
        differ from scene units.
        """
        points = self.space(positions)
        inside = ((points >= self.aabb[0]) & (points <= self.aabb[1])).all(dim=-1) & self.alpha_mask(points)
        raw = self.density_grid(self.unit(points).reshape(-1, 3)).view(*positions.shape[:-1], 1)
        return functional.softplus(raw + self.shift) / self.base_side * inside[..., None]

    @torch.no_grad()
    def node_opacities(self, interval: float) -> Tensor:
        """Opacity of a step of ``interval`` base voxels at all nodes, ``[X, Y, Z]``, whatever the mask says."""
        return opacity(self.density_grid.values[..., 0], self.shift, interval)

    def colours(self, points: Tensor, directions: Tensor, rays: Tensor, images: Tensor | None = None) -> Tensor:
        """Colours ``[n, 3]`` in [0, 1].

        Args:
            points: Coordinates of the box, ``[n, 3]``.
            directions: Unit directions of the rays, ``[R, 3]``.
            rays: Which of them each point lies on, ``[n]``.
            images: Which training image each ray is of, ``[R]``; only training with appearance needs it.
        """
        features = self.colour_grid(self.unit(points))
        if not self.is_fine:
            return torch.sigmoid(features)
        of_rays = [directions, self.direction_encoding(directions)]
        columns = [self.features, self.features + 3]
        if self.embedding_appearance is not None:
            images = directions.new_zeros(len(directions), dtype=torch.long) if images is None else images
            of_rays.append(vectors_of_images(self, images))
            columns.append(columns[-1] + of_rays[1].shape[-1])
        # What directions and images contribute to the first layer is computed once per ray.
        hidden = share_of(self.network, [features], [0], bias=False)
        hidden = hidden + share_of(self.network, of_rays, columns, bias=True).index_select(0, rays)
        return torch.sigmoid(features[:, :3] + after_first_layer(self.network, hidden))

    def forward(self, ray_samples: RaySamples) -> dict[FieldHeadNames, Tensor]:
        """Density ``[*batch, 1]`` and colour ``[*batch, 3]`` of samples ``[*batch]``, as of nerfstudio's fields."""
        positions, directions = ray_samples.frustums.get_positions(), ray_samples.frustums.directions
        points, directions = self.space(positions).reshape(-1, 3), directions.expand_as(positions).reshape(-1, 3)
        colours = self.colours(points, directions, torch.arange(len(points), device=points.device))
        return {
            FieldHeadNames.DENSITY: self.density_at(positions),
            FieldHeadNames.RGB: colours.view(positions.shape),
        }

    def add_network(self) -> None:
        """Let the network join in, and give the colour grid what it reads; colours stay as they are."""
        grid = self.colour_grid.values
        wider = grid.new_zeros(*grid.shape[:3], self.features)
        wider[..., :3] = grid.detach()
        self.colour_grid.values = nn.Parameter(wider)
        self.has_network.fill_(True)
        self.is_fine = True

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # The first checkpoints of this method do not have it, and what is loaded may be none of the field's.
        state_dict.setdefault(prefix + "shift_fall", self.shift_fall)
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._read_back()


def _side(box: Tensor, voxels: float) -> Tensor:
    return ((box[1] - box[0]).double().prod() / voxels).pow(1 / 3).float()
