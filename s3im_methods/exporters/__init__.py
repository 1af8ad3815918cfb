"""What a trained model writes out, on any device."""
