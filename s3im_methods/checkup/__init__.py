"""``s3im check``: what training would make of a scene, in a table, warnings, a verdict and a picture."""
