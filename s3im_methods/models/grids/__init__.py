"""What models of grids do while they are trained: find empty space, grow, and keep their values small and smooth."""
