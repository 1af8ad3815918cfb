"""A mask of occupied space that is made again and again, and only shrinks."""

from typing import Any

import torch
from torch import Tensor

from s3im_methods.fields.alpha_mask import AlphaMask


class NarrowingMask(AlphaMask):
    """See the module's docstring. Its cells do not follow from its nodes, so both are part of the checkpoint."""

    may_be_missing = ("cells",)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("cells", torch.zeros(0, 0, 0, dtype=torch.bool))

    def narrow(self, alphas: Tensor, box: Tensor, threshold: float) -> None:
        """Make the mask again from nodes that may lie more closely, such that what it calls empty stays empty.

        A node is occupied if it is itself opaque enough and lies in a cell that is occupied now. The cells around such
        nodes are all in which an interpolated value can be as opaque; of them those stay whose middles are occupied
        now. Otherwise fog would gain a layer of cells each time.

        Args:
            alphas: Opacity of one sampling step at nodes on a regular grid over ``box``, ``[X, Y, Z]``.
            box: The corners of that grid, ``[2, 3]``.
            threshold: From which opacity on a node is occupied.
        """
        shares = [torch.linspace(0, 1, count, device=box.device) for count in alphas.shape]
        axes = [box[0, axis] + share * (box[1] - box[0])[axis] for axis, share in enumerate(shares)]
        inside, stays = self._at_crossings(axes), self._at_crossings([(axis[1:] + axis[:-1]) / 2 for axis in axes])
        self.volume, self.box = (alphas >= threshold) & inside, box.detach().clone()
        self._make_cells()
        self.cells &= stays

    def _at_crossings(self, axes: list[Tensor]) -> Tensor:
        """The mask at all points of coordinates ``[X]``, ``[Y]`` and ``[Z]``, ``[X, Y, Z]``."""
        # A slab at a time: the points of a whole grid would take more memory than the grid.
        return torch.cat(
            [self(torch.stack(torch.meshgrid(x[None], *axes[1:], indexing="ij"), dim=-1)) for x in axes[0]]
        )

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        nodes, cells = (state_dict.get(prefix + name) for name in ("volume", "cells"))
        if nodes is None:
            # nerfstudio's pipelines load twice, the second time what is not of the model.
            cells = self.cells
        elif cells is None:
            # The first checkpoints hold nodes alone: the base makes the cells around them.
            state_dict[prefix + "cells"] = self.cells
        else:
            self.cells = self.cells.new_zeros(cells.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)
        if cells is not None:
            self.cells = cells.to(self.volume.device)
