"""How good a run is: pictures and numbers on held-out views."""
