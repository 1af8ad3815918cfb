"""What nerfstudio 1.1.5 gets wrong for us: one module per defect, each with its reason and the test that retires it.

| module             | defect                                                                    | upstream   |
|--------------------|---------------------------------------------------------------------------|------------|
| `checkpoints`      | torch >= 2.6 refuses nerfstudio's checkpoints (numpy scalars in them)     | issue 3683 |
| `lpips`            | building any model downloads AlexNet, so that training dies offline       | issue 2415 |
| `ssim`             | SSIM of images below 6 pixels a side ends in torch's error                | none filed |
| `marching_cubes`   | ns-export marching-cubes needs CUDA, and its mesh has gaps                | issue 2721 |
| `tsdf`             | ns-export tsdf builds what a camera sees a second time behind it          | issue 2067 |
| `tsdf_walls`       | ns-export tsdf builds walls where the space that cameras have seen ends   | none filed |
| `chunks`           | an image is kept twice, in pieces: ns-export's textures take gigabytes    | none filed |
| `crop`             | a crop's rotation in whole numbers ends in an AssertionError              | none filed |
| `ffmpeg`           | ns-render exits without a system-wide ffmpeg                              | none filed |
| `masks`            | whatever a mask stores beside 0 is inside: noise, palette indices, colour | none filed |
| `sdf_dataset`      | neus and neus-facto end in a KeyError on scenes without monocular priors  | issue 2251 |
| `pca_poses`        | --orientation-method pca mirrors two of the cameras                       | none filed |
| `colmap_names`     | names of photos in COLMAP's text files are cut off at the first space     | none found |
| `proposals`        | a render between two steps delays the proposal networks' next update      | none filed |
| `runs`             | a copied run loads the original's checkpoint, a moved one nothing         | none filed |
| `paths`            | a config.yml from Windows or from Python 3.13 cannot be read elsewhere    | none filed |
| `brackets`         | of a path with [brackets] only the rest is printed                        | none filed |
| `output_places`    | ns-eval, ns-render and ns-export look at their output after the work      | none filed |
| `camera_optimizer` | under autocast, learned poses move rays off their pixels by float16       | none filed |
| `camera_paths`     | ns-render camera-path opens its file when the run is loaded: a traceback  | none filed |
| `process_data`     | ns-process-data fails with COLMAP from 3.12 on, and with spaces in names  | issue 3733 |
| `stack`            | every ns-* command reads the source of all its callers, 26 times          | none filed |
| `lazy_compile`     | every ns-* command imports torch's compiler, for splatfacto               | none filed |
| `lazy_imports`     | every ns-* command imports libraries that few runs use: half of its start | none filed |
| `viewer_icons`     | the viewer lists an archive of thousands of icons, 17 times               | none filed |
| `viewer_address`   | where its port is taken the viewer prints the address of another one      | none filed |
| `viewer_rays`      | the viewer computes a picture's rays twice: an eighth of its time         | none filed |
| `viewer_turns`     | training stops while somebody moves in the viewer; its slider is not read | none filed |
| `library_warnings` | warnings about nerfstudio's own code come before what users must read     | none filed |

``early`` puts the last nine in place before nerfstudio is imported, all but `viewer_address`, `viewer_rays` and
`viewer_turns`, with ``on_import`` and ``deferred``.

What needs a subclass lives with the subclass: ``engine.trainer`` (a resumed run overruns: issue 3096; a checkpoint
is written in place), ``engine.pipeline`` (DistributedDataParallel asks for CUDA device numbers on a CPU),
``models.any_method.tinycudann`` (neus and neus-facto ask for tinycudann: issue 3751), ``encodings.resampling`` and
``models.any_method.model`` (a tensorf resumed after an upsampling no longer trains its grids: its optimiser holds old
ones), ``samplers.repeatable_pixels`` (processes that draw pixels know no seed) and ``data.depth.nerfstudio_frames`` (a
scene in which only some images have depth is refused).
"""

from typing import Any


def apply() -> None:
    """Apply the workarounds that must be in place before an ns-* command starts its work.

    nerfstudio imports every plugin before it loads a checkpoint or looks for ffmpeg, so that importing
    ``s3im_methods.method_configs`` is early enough, and cures nerfstudio's own methods too.
    """
    # Here, because torch imports this package for ``early``, in every program.
    from s3im_methods.compat.brackets import print_brackets_in_names
    from s3im_methods.compat.camera_paths import check_camera_paths_first
    from s3im_methods.compat.checkpoints import allow_numpy_scalars
    from s3im_methods.compat.early import start
    from s3im_methods.compat.ffmpeg import put_ffmpeg_on_path
    from s3im_methods.compat.masks import read_masks_as_shown
    from s3im_methods.compat.on_import import when_imported
    from s3im_methods.compat.output_places import check_outputs_first
    from s3im_methods.compat.paths import read_paths_of_other_systems
    from s3im_methods.compat.runs import load_what_is_given
    from s3im_methods.compat.sdf_dataset import read_scenes_without_priors
    from s3im_methods.compat.viewer_address import say_where_the_viewer_is

    start()
    allow_numpy_scalars()
    put_ffmpeg_on_path()
    read_masks_as_shown()
    read_paths_of_other_systems()
    load_what_is_given()
    read_scenes_without_priors()
    check_camera_paths_first()
    check_outputs_first()
    when_imported("nerfstudio.utils.rich_utils", print_brackets_in_names)
    when_imported("nerfstudio.viewer.render_state_machine", _keep_rays_of_pictures)
    when_imported("nerfstudio.viewer.viewer", _take_turns)
    when_imported("nerfstudio.viewer.viewer", say_where_the_viewer_is)


def _keep_rays_of_pictures(module: Any) -> None:
    # Cameras are imported by then, and need not be before.
    from s3im_methods.compat.viewer_rays import keep_rays_of_pictures

    keep_rays_of_pictures(module)


def _take_turns(module: Any) -> None:
    from s3im_methods.compat.viewer_turns import take_turns

    take_turns(module)
