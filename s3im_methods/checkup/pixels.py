"""Are there pixels to draw, by the samplers that training would build?"""

from dataclasses import replace
from typing import Any

from nerfstudio.cameras.cameras import CameraType

from s3im_methods.data.image_sizes import RADIUS_KEY
from s3im_methods.data.read_scene import ReadScene
from s3im_methods.data.views_at_scale import EVAL_SCALES_FLAG, SCALES_FLAG, views_at_scales
from s3im_methods.samplers.pixels_at_scales import PixelsAtScales


def check_pixels(manager: Any, read: ReadScene) -> None:
    """Refuse what the pixel samplers of training and evaluation would refuse, at all their scales.

    Args:
        manager: Of any method with this package's pixel sampler, its configuration.
        read: The scene.

    Raises:
        InputError: If a setting, a scale or a batch does not suit the cameras, or masks leave no pixel to draw.
    """
    scales = getattr(manager, "scales", (1,))
    own = getattr(manager, "eval_scales", None)
    of_evaluation = (scales, SCALES_FLAG) if own is None else (own, EVAL_SCALES_FLAG)
    _check(manager, read.train, scales, SCALES_FLAG, manager.train_num_rays_per_batch)
    _check(manager, read.evaluation, *of_evaluation, manager.eval_num_rays_per_batch)


def _check(manager: Any, dataset: Any, scales: tuple[int, ...], flag: str, rays: int) -> None:
    parts = views_at_scales(dataset, scales, flag)
    # As by nerfstudio's data manager.
    samplers = [
        manager.pixel_sampler.setup(
            is_equirectangular=(part.cameras.camera_type == CameraType.EQUIRECTANGULAR.value).all(),
            num_rays_per_batch=rays,
            fisheye_crop_radius=(part.cameras.metadata or {}).get(RADIUS_KEY),
        )
        for part in parts
    ]
    outputs = replace(dataset._dataparser_outputs, mask_filenames=dataset.mask_filenames)
    # Where cameras are numbered from says nothing of masks.
    sampler = PixelsAtScales(samplers, [0] * len(parts), [part.factor for part in parts], rays)
    sampler.check(outputs, manager.camera_res_scale_factor)
