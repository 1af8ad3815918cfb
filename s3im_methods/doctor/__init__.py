"""What ``s3im doctor`` looks at: pure functions, one a check, and the table of them in ``checks``."""
