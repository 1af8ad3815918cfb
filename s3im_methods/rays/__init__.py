"""Where on a ray a model looks; which pixels get rays is the business of :mod:`s3im_methods.samplers`."""
