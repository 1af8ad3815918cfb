"""Variants of a method, trained under equal conditions and judged on the same held-out views."""
