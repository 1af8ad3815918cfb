"""What ``ns-train`` shows of this pack: one module a family, with sizes and optimisers, the lite variant beside it."""
