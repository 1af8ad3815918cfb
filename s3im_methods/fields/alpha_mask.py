"""Which parts of space are empty, so that nobody asks a field about them (TensoRF, Chen et al., ECCV 2022, sec. 4)."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional


class AlphaMask(nn.Module):
    """A volume of nodes that says where space is occupied; at first there is none, and all of space counts as occupied.

    It is part of the checkpoint, whatever its size. Coordinates are those of the field's grids at the time when the
    mask was made, kept as the box ``[2, 3]`` that the volume spans.
    """

    volume: Tensor
    box: Tensor
    cells: Tensor
    sizes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("volume", torch.zeros(0, 0, 0, dtype=torch.bool))
        self.register_buffer("box", torch.zeros(2, 3))
        self.register_buffer("cells", torch.zeros(0, 0, 0, dtype=torch.bool), persistent=False)
        self.register_buffer("sizes", torch.zeros(3), persistent=False)
        self._clearances: tuple[Tensor, NDArray[np.uint8]] | None = None

    @property
    def exists(self) -> bool:
        """Whether a mask was made."""
        return self.volume.numel() > 0

    def update(self, alphas: Tensor, box: Tensor, threshold: float) -> None:
        """Make the mask.

        Args:
            alphas: Opacity of one sampling step at nodes on a regular grid over ``box``, ``[X, Y, Z]``.
            box: The corners of that grid, ``[2, 3]``.
            threshold: A node is occupied if it or one of its 26 neighbours is at least as opaque.
        """
        pooled = functional.max_pool3d(alphas[None, None], kernel_size=3, stride=1, padding=1)[0, 0]
        self.volume = pooled >= threshold
        self.box = box.detach().clone()
        self._make_cells()

    def _make_cells(self) -> None:
        # A cell counts as occupied if any of its eight corners is: where trilinear interpolation would be above 0.
        corners = self.volume[None, None].to(torch.float32)
        self.cells = functional.max_pool3d(corners, kernel_size=2, stride=1)[0, 0] > 0 if self.exists else self.volume
        self.sizes = torch.tensor(self.cells.shape, device=self.box.device)

    def clearances(self) -> NDArray[np.uint8]:
        """How many cells each cell is away from the next occupied one, along the axis where it is most, ``[X, Y, Z]``.

        0 is occupied, and 255 may be farther. It is found by a compiled kernel, on a CPU, when first asked for.
        """
        if self._clearances is None or self._clearances[0] is not self.cells:
            from s3im_methods.fields.alpha_mask_kernels import clearances

            # Kept with what it belongs to: a mask that changes has other cells.
            self._clearances = self.cells, clearances(self.cells.numpy())
        return self._clearances[1]

    def occupied_box(self) -> Tensor:
        """Corners of the smallest box of nodes that holds all that is occupied, ``[2, 3]``, of a mask that exists.

        Where nothing is occupied it is the mask's whole box.
        """
        if not self.volume.any():
            return self.box.clone()
        nodes = self.volume.nonzero()
        sizes = torch.tensor(self.volume.shape, device=self.box.device) - 1
        ends = torch.stack([nodes.amin(dim=0), nodes.amax(dim=0)]) / sizes
        return self.box[0] + ends * (self.box[1] - self.box[0])

    def forward(self, points: Tensor) -> Tensor:
        """Whether points ``[*batch, 3]`` lie in an occupied cell, ``[*batch]``; outside the mask's box nothing does."""
        if not self.exists:
            return torch.ones_like(points[..., 0], dtype=torch.bool)
        place = (points - self.box[0]) / (self.box[1] - self.box[0])
        inside = ((place >= 0) & (place <= 1)).all(dim=-1)
        x, y, z = torch.minimum((place * self.sizes).long().clamp(min=0), self.sizes - 1).unbind(-1)
        return inside & self.cells[x, y, z]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        saved = state_dict.get(prefix + "volume")
        if saved is not None:
            self.volume = self.volume.new_zeros(saved.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._make_cells()
