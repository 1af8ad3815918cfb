#!/usr/bin/env bash
# Checks this package on a GPU in at most ten minutes, and writes one JSON file and one table; see on_gpu.py for the flags.
# It needs what a training needs and nothing else. The package need not be installed: that it lies beside is enough.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PYTHONPATH="$root:$root/benchmarks${PYTHONPATH:+:$PYTHONPATH}" PYTHONWARNINGS=ignore
exec "${PYTHON:-python3}" "$root/benchmarks/on_gpu.py" "$@"
