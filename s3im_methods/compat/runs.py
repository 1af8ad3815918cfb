"""ns-eval, ns-render, ns-export, ns-viewer and ``ns-train --load-config`` load the run that they are given.

nerfstudio takes the checkpoint from the place that is recorded in config.yml. A copied run thus loads the original's
checkpoint, and a moved one finds none. Anything but a config.yml ends in a traceback, and so does a checkpoint that
does not fit. ``ns-train --load-config`` starts again from scratch, over the checkpoints of the recorded run, and drops
all other flags. What we do instead: :mod:`s3im_methods.engine.run_config`, :mod:`s3im_methods.engine.run_place`. Two
trainings share a folder, and Ctrl-C prints a traceback: :mod:`s3im_methods.engine.run_folder`,
:mod:`s3im_methods.engine.interruption`.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from s3im_methods.compat.checkpoints import explained_load
from s3im_methods.compat.on_import import when_imported
from s3im_methods.console import say, warn


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
        from s3im_methods.engine.run_config import find_config, read_config, unknown_settings
        from s3im_methods.engine.run_place import place_run

        path = find_config(config_path)
        recorded = read_config(path)
        unknown = unknown_settings(recorded)
        if unknown:
            say(f"{path} has settings that are not known here and have no effect: {', '.join(unknown[:8])}.")

        def place(config: Any) -> Any:
            if update_config_callback is not None:
                config = update_config_callback(config)
            place_run(config, path, recorded)
            return config

        return setup(path, eval_num_rays_per_chunk, test_mode, place)

    @functools.wraps(load)
    def load_or_explain(config: Any, pipeline: Any) -> Any:
        from s3im_methods.engine.changed_scene import moved_cameras
        from s3im_methods.engine.run_place import checkpoint_name

        _if_replaced(config)
        moved = moved_cameras(pipeline, config.get_base_dir())
        if moved is not None:
            warn(moved)
        with explained_load(config.load_dir / checkpoint_name(config.load_step or 0)):
            return load(config, pipeline)

    module.eval_setup, module.eval_load_checkpoint = setup_of_the_given_run, load_or_explain  # type: ignore[attr-defined]


def _if_replaced(config: Any) -> None:
    """A training may have written a newer checkpoint, and removed this one, while the model was built."""
    from s3im_methods.engine.run_place import steps_in

    steps = steps_in(config.load_dir)
    if steps and config.load_step is not None and config.load_step not in steps:
        warn(
            f"The checkpoint of step {config.load_step} has been replaced meanwhile, as a training does: step "
            f"{steps[-1]} is loaded."
        )
        config.load_step = steps[-1]


def _repair_training(module: ModuleType) -> None:
    main, loop = module.main, module.train_loop

    @functools.wraps(main)
    def main_with_places(config: Any) -> None:
        from s3im_methods.engine.resumed_settings import remember_settings
        from s3im_methods.engine.run_folder import claim, name_run
        from s3im_methods.engine.training_start import prepare, save_config

        # nerfstudio empties config.yml before it writes it.
        module.TrainerConfig.save_config = save_config
        config = prepare(config)
        name_run(config)
        if config.machine.machine_rank == 0:
            claim(config)
        if config.load_dir is not None or config.load_checkpoint is not None:
            remember_settings(config)
        main(config)

    @functools.wraps(loop)
    def loop_that_ends_in_order(local_rank: int, world_size: int, config: Any, global_rank: int = 0) -> None:
        if world_size > 1:
            # Processes that wait for each other cannot end one by one.
            loop(local_rank, world_size, config, global_rank)
            return
        from s3im_methods.engine.interruption import trainings_end_in_order, what_is_left
        from s3im_methods.interruptions import INTERRUPTED

        try:
            with trainings_end_in_order():
                loop(local_rank, world_size, config, global_rank)
        except KeyboardInterrupt:
            # nerfstudio would print a traceback, and end as if all were well.
            print(f"\n{what_is_left(config)}", flush=True)
            raise SystemExit(INTERRUPTED) from None

    module.main, module.train_loop = main_with_places, loop_that_ends_in_order  # type: ignore[attr-defined]
