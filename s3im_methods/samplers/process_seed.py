"""Different random numbers in processes that start from copies of one object."""

import multiprocessing
import os

from pathos.helpers import mp as pathos_multiprocessing

from s3im_methods.randomness import step_seed


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
