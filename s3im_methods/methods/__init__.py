"""What ``ns-train`` shows of this package: one module a family, with sizes and optimisers, and the lite variant."""
