"""How views of trained fields are rendered on CPUs: compiled kernels that keep a few rays in the cache."""
