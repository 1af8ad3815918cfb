"""Data parsers of this package, one file layout a module."""
