"""Repairs of nerfstudio's exporters: flags that act or are refused, files with names of their own, exports that end."""
