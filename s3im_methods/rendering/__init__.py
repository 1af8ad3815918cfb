"""How views of trained fields are rendered on CPUs: compiled kernels that keep a few rays in the cache."""

LANES = 16
"""How many numbers the kernels work on at a time."""
