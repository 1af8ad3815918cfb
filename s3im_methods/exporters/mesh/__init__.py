"""Triangle meshes of trained models: level sets of density or SDF, or fused depth, on any device."""
