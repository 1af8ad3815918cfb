"""Is a scene fit for training? One module a subject; ``scene`` calls the others."""
