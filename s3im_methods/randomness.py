"""Random numbers as a pure function of (seed, rank, step), so that a resumed run equals one never stopped.

Every consumer (the pixel sampler, S3IM's permutations, torch's global generator for ray jitter) has its own stream:
switching one off, or evaluating in between, does not move the others.
"""

import multiprocessing
import os
from typing import Literal

import torch
from pathos.helpers import mp as pathos_multiprocessing

_STREAMS = ("global", "pixels", "permutations")
Stream = Literal["global", "pixels", "permutations"]

_MASK = (1 << 64) - 1


def step_seed(seed: int, rank: int, step: int, stream: Stream) -> int:
    """Seed of one stream at one training step, by chained splitmix64 finalisers (Steele et al., OOPSLA 2014).

    Args:
        seed: The run's seed (nerfstudio's ``--machine.seed``).
        rank: The process's global rank.
        step: The training step.
        stream: Who draws.

    Returns:
        An integer in [0, 2^63), which every ``torch.Generator`` accepts.
    """
    state = 0
    for part in (seed, rank, step, _STREAMS.index(stream)):
        state = (state + part + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state >> 1


def process_seed(seed: int) -> int:
    """A seed of this process's own, for an object whose copy it received with ``seed``.

    It depends on the order in which the parent started its processes, so a run that is started again repeats itself;
    only in a process that neither library started does it depend on the operating system's process number.

    Args:
        seed: The seed that every copy has.

    Returns:
        An integer in [0, 2^63).
    """
    # nerfstudio's ParallelDataManager starts its processes with pathos, and there the standard library's own module
    # believes to be in the main process.
    current = (pathos_multiprocessing.current_process(), multiprocessing.current_process())  # pyright: ignore
    identity = [number for process in current for number in process._identity] or [os.getpid()]
    for number in identity:
        seed = step_seed(seed, number, 0, "pixels")
    return seed


def seed_global(seed: int, device: torch.device | str) -> None:
    """Seed torch's global generators for work on a device: the CPU's, and where it is none its own kind's.

    ``torch.manual_seed`` seeds those of all kinds. Of those that are not in use it remembers for later who seeded
    them, by formatting the whole call stack: a twentieth of a training step of the lite methods.

    Args:
        seed: In [0, 2^63).
        device: Where numbers will be drawn.
    """
    torch.default_generator.manual_seed(seed)
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.manual_seed_all(seed)
    elif kind != "cpu":
        torch.manual_seed(seed)
