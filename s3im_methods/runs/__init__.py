"""What can be told of trained runs from their files alone, without loading a model or even torch."""
