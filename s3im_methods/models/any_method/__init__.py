"""S3IM on methods that are not ours: ``s3im train METHOD`` for every installed method that renders rays.

| file            | what it does                                                                                   |
|-----------------|------------------------------------------------------------------------------------------------|
| `methods.py`    | Finds a method by its name, and says in a sentence why one cannot be trained with S3IM.         |
| `configs.py`    | Adds S3IM's flags to a method's configuration, and makes of it what config.yml keeps.           |
| `targets.py`    | The functions that config.yml names: they build trainer, pipeline and model of the method.      |
| `model.py`      | What such a model has beside its own: S3IM, and hash grids of ours where they are asked for.    |
| `tinycudann.py` | Stand-ins for what a method asks of tinycudann where that is not installed.                     |

A run's config.yml holds the method's own classes, and beside them ``base_target``, S3IM's settings and names of
``targets``. To import that module, as reading the file does, makes ``METHOD+s3im`` known to nerfstudio's commands.
"""
