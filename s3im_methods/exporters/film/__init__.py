"""Films of trained runs and of meshes: where the camera goes, what it sees, and how that is written."""
