"""What fits into the memory that is left, estimated before it is used."""

from dataclasses import dataclass

import psutil
import torch

from s3im_methods.errors import InputError

# Values, two filters and their inputs, of each node of the coarse pass.
_BYTES_PER_COARSE_NODE = 24
# Values of a block, and vertices, faces, keys and colours of the surface through it while they are joined; an estimate.
_BYTES_PER_BLOCK = 250_000
# Of nerfstudio's TSDF: place, value, weight and colour, and the indices that its places are made of.
_BYTES_PER_VOXEL = 56
_SHARE = 0.8


@dataclass(frozen=True)
class MemoryBudget:
    """Memory that a mesh may take.

    Attributes:
        free: In bytes.
        box_flags: What the command that makes the mesh calls the corners of its box, for the sentence; empty where a
            smaller box takes as much memory.
        step: The command takes multiples of it as its resolution.
    """

    free: float
    box_flags: str = "--crop-min and --crop-max"
    step: int = 1

    @staticmethod
    def of_this_machine(device: torch.device | str = "cpu") -> "MemoryBudget":
        """Four fifths of what is free now, on a GPU of its own memory."""
        if torch.device(device).type != "cuda":
            return MemoryBudget(_SHARE * psutil.virtual_memory().available)
        # What torch keeps of the memory that it no longer uses is free for it too.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return MemoryBudget(_SHARE * (torch.cuda.mem_get_info(device)[0] + kept))

    def check_coarse(self, nodes: int, resolution: int) -> None:
        """Refuse a grid whose coarse pass alone does not fit.

        Args:
            nodes: Nodes of the coarse pass.
            resolution: Of the grid, for the sentence.

        Raises:
            InputError: If it does not fit.
        """
        self._check(nodes * _BYTES_PER_COARSE_NODE, resolution, 1 / 3)

    def check_blocks(self, blocks: int, resolution: int) -> None:
        """Refuse a surface that passes through too many blocks.

        Args:
            blocks: How many are known so far.
            resolution: Of the grid, for the sentence.

        Raises:
            InputError: If they do not fit.
        """
        self._check(blocks * _BYTES_PER_BLOCK, resolution, 1 / 2)

    def check_voxels(self, voxels: int, resolution: int) -> None:
        """Refuse a TSDF of nerfstudio, which keeps all voxels of its box.

        Args:
            voxels: How many.
            resolution: Along the longest side, for the sentence.

        Raises:
            InputError: If they do not fit.
        """
        self._check(voxels * _BYTES_PER_VOXEL, resolution, 1 / 3)

    def _check(self, needed: float, resolution: int, power: float) -> None:
        if needed <= self.free:
            return
        # A little less than what fits on paper.
        fits = int(0.9 * resolution * (self.free / needed) ** power) // self.step * self.step
        remedies = [f"{fits} fits" if fits else "use s3im export-mesh, which takes smaller ones"]
        remedies += [f"a smaller box with {self.box_flags}"] if self.box_flags else []
        raise InputError(
            f"--resolution {resolution} needs {needed / 2**30:.1f} GiB or more, and {self.free / 2**30:.1f} GiB of "
            f"memory can be used: {', or '.join(remedies)}."
        )
