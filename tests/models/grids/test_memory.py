"""What grids take while they grow is what was said before."""

import platform
import subprocess
import sys

import pytest

# In a process of its own, whose most memory so far is this one's alone.
GROW = """
import psutil, re, torch
from pathlib import Path
from nerfstudio.engine.optimizers import Optimizers
from s3im_methods.encodings.voxel_grid import VoxelGrid
from s3im_methods.engine.allocator import keep_freed_memory
from s3im_methods.engine.voxel_adam import VoxelAdamConfig
from s3im_methods.models.grids.growth import grow
from s3im_methods.models.grids.memory import grid_bytes

keep_freed_memory()

def grown(first, last):
    grids = [VoxelGrid([first] * 3, width) for width in (1, 12)]
    settings = {"grids": {"optimizer": VoxelAdamConfig(), "scheduler": None}}
    optimizers = Optimizers(settings, {"grids": [grid.values for grid in grids]})
    for grid in grids:
        grid.values.data.fill_(0.5)
        optimizers.optimizers["grids"].set_rates(grid.values, torch.ones(1))
        for moment in ("exp_avg", "exp_avg_sq"):
            # Zeros take no memory before they are written.
            optimizers.optimizers["grids"].state[grid.values][moment].fill_(0.5)
    grow(grids, [last] * 3, optimizers)

grown(4, 5)  # Libraries are loaded when they are first used.
before = psutil.Process().memory_info().rss
grown(72, 91)
# Not getrusage, which begins with what the process had that started this one.
most = 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
print((most - before) / grid_bytes(91**3, 13))
"""


@pytest.mark.skipif(platform.system() != "Linux", reason="needs /proc")
def test_grids_that_grow_take_no_more_than_was_said():
    done = subprocess.run([sys.executable, "-c", GROW], capture_output=True, text=True, check=True)
    share = float(done.stdout.split()[0])
    assert 0.7 < share < 1.3
