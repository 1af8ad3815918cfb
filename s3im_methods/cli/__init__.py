"""The ``s3im`` command: one module per subcommand, each imported only when it is needed."""
