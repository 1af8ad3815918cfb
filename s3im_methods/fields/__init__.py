"""What maps a point and a direction to density and colour."""
