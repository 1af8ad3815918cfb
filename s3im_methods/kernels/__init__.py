"""What compiles kernels, runs them on torch's threads and finds out where they work; needs torch and Numba only."""
