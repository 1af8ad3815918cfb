"""Images are rendered in chunks whose outputs are freed at once.

nerfstudio keeps the outputs of every chunk until the last one is rendered (``models/base_model.py``,
``get_outputs_for_camera_ray_bundle``). These small pieces lie on the heap between the chunks' working memory, so the
heap cannot shrink. The texture of ``ns-export``, 2048 x 2048 rays in chunks of 4,096, took gigabytes on a CPU for
300 MB of outputs. Here each chunk is written into the whole image at once and forgotten.
"""

from collections.abc import Callable

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.models.base_model import Model
from torch import Tensor


@torch.no_grad()
def render_in_chunks(
    model: Model,
    rays: RayBundle,
    rays_at_once: int | None = None,
    prepare: Callable[[RayBundle, int], None] | None = None,
) -> dict[str, Tensor]:
    """What nerfstudio's ``Model.get_outputs_for_camera_ray_bundle`` gives.

    Args:
        model: Any that renders rays.
        rays: Those of an image, ``[H, W]``, at least one.
        rays_at_once: Of a chunk; by default the model's ``config.eval_num_rays_per_chunk``.
        prepare: What is done to a chunk ``[n]``, in place, before it is rendered; also told its first ray's index.

    Returns:
        The model's outputs that are tensors with a row per ray, ``[H, W, C]`` each, where the rays are.
    """
    height, width = rays.origins.shape[:2]
    count, size = len(rays), rays_at_once or model.config.eval_num_rays_per_chunk
    whole: dict[str, Tensor] = {}
    for start in range(0, count, size):
        chunk = rays.get_row_major_sliced_ray_bundle(start, start + size).to(model.device)
        if prepare is not None:
            prepare(chunk, start)
        for name, output in model(ray_bundle=chunk).items():
            # In training mode models also give what has no row per ray.
            if not isinstance(output, Tensor) or output.shape[:1] != (len(chunk),):
                continue
            if name not in whole:
                whole[name] = output.new_empty((count, *output.shape[1:]), device=rays.origins.device)
            whole[name][start : start + len(chunk)] = output
    return {name: image.view(height, width, -1) for name, image in whole.items()}
