"""``s3im bench``: how fast this package is, as ratios that were measured side by side in one run.

The benchmarks themselves are scripts in the repository's folder ``benchmarks/``; here is what they write and what the
command makes of it.
"""
