"""Data parsers of this pack, one file layout a module."""
