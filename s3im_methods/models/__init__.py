"""The methods: each a config dataclass and a subclass of nerfstudio's model, with S3IM added by one mixin."""
