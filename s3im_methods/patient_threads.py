"""What a process that trains on a CPU finds in its environment, so that torch's threads leave the cores to others.

torch's threads spin for milliseconds when they have nothing to do, on cores that the threads of our kernels could use.
GNU's OpenMP, which torch brings, reads its patience once, before torch is imported: so only who starts a process can
set it. With two threads on two cores the lite methods' steps take 10 to 15 % less time.
"""

PATIENT_THREADS = {"GOMP_SPINCOUNT": "1000"}
"""Variables of the environment, for processes that this package starts."""
