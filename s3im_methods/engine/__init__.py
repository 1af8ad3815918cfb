"""What drives a run: the pipeline that checks its input first, and the trainer whose steps can be repeated."""
