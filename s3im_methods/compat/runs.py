"""ns-eval, ns-render, ns-export, ns-viewer and ``ns-train --load-config`` load the run that they are given.

nerfstudio takes the checkpoint from the place that is recorded in config.yml. A copied run thus loads the original's
checkpoint, and a moved one finds none. Anything but a config.yml ends in a traceback, and so does a checkpoint that
does not fit. ``ns-train --load-config`` starts again from scratch, over the checkpoints of the recorded run, and drops
all other flags. What we do instead: :mod:`s3im_methods.engine.run_config`, :mod:`s3im_methods.engine.run_place`.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from s3im_methods.compat.checkpoints import explained_load
from s3im_methods.compat.on_import import when_imported


def load_what_is_given() -> None:
    """Repair nerfstudio's two loaders, for all methods, as soon as it has imported them."""
    when_imported("nerfstudio.utils.eval_utils", _repair_evaluation)
    when_imported("nerfstudio.scripts.train", _repair_training)


def _repair_evaluation(module: ModuleType) -> None:
    setup, load = module.eval_setup, module.eval_load_checkpoint

    @functools.wraps(setup)
    def setup_of_the_given_run(
        config_path: Path,
        eval_num_rays_per_chunk: int | None = None,
        test_mode: Literal["test", "val", "inference"] = "test",
        update_config_callback: Callable[[Any], Any] | None = None,
    ) -> Any:
        from nerfstudio.utils.rich_utils import CONSOLE

        from s3im_methods.engine.run_config import find_config, read_config, unknown_settings
        from s3im_methods.engine.run_place import place_run

        path = find_config(config_path)
        unknown = unknown_settings(read_config(path))
        if unknown:
            CONSOLE.print(f"{path} has settings that are not known here and have no effect: {', '.join(unknown[:8])}.")

        def place(config: Any) -> Any:
            if update_config_callback is not None:
                config = update_config_callback(config)
            place_run(config, path)
            return config

        return setup(path, eval_num_rays_per_chunk, test_mode, place)

    @functools.wraps(load)
    def load_or_explain(config: Any, pipeline: Any) -> Any:
        with explained_load(config.load_dir / f"step-{config.load_step or 0:09d}.ckpt"):
            return load(config, pipeline)

    module.eval_setup, module.eval_load_checkpoint = setup_of_the_given_run, load_or_explain  # type: ignore[attr-defined]


def _repair_training(module: ModuleType) -> None:
    main = module.main

    @functools.wraps(main)
    def main_with_places(config: Any) -> None:
        from s3im_methods.engine.training_start import prepare, save_config

        # nerfstudio empties config.yml before it writes it.
        module.TrainerConfig.save_config = save_config
        main(prepare(config))

    module.main = main_with_places  # type: ignore[attr-defined]
