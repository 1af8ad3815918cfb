"""Radiance-field methods for nerfstudio trained with S3IM (Stochastic Structural SIMilarity, ICCV 2023).

The pipeline, in the order a pixel batch travels: ``samplers`` choose the pixels, ``models`` render them,
``losses`` judge them, ``engine`` steps; ``method_configs`` is the table of what ``ns-train`` shows.
"""

__version__ = "0.1.0"
