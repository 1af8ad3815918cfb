"""Images of what lies in a box alone, as the viewer's crop and ``ns-render camera-path`` ask for them.

nerfstudio gives a ray the distances at which it enters and leaves the box, and 1e10 for both where it misses: samples
there make NaN of depth and normals, so that a picture of them has no range. The box's bounds also take the place of the
model's own, so that samples lie where it has learned nothing.
"""

import dataclasses

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.model_components import renderers
from nerfstudio.model_components.renderers import RGBRenderer
from nerfstudio.model_components.scene_colliders import SceneCollider
from torch import Tensor

# A collider may give a ray that misses its box a millionth of a unit.
_SHORTEST = 2e-6


def is_cropping() -> bool:
    """Whether an image is rendered before the colour that the user chose for what a crop leaves out."""
    return renderers.BACKGROUND_COLOR_OVERRIDE is not None


def cut_to_crop(rays: RayBundle, collider: SceneCollider | None) -> tuple[RayBundle, Tensor]:
    """Rays with finite bounds within both the crop's box and the model's bounds.

    Args:
        rays: Rays ``[H, W]`` with the box's bounds.
        collider: What gives the model's rays their bounds; None where nothing does.

    Returns:
        New rays, and which of them have something of the box before them, ``[H, W, 1]``. The others get the range of
        those, so that what is rendered for them stays finite and is left out later.
    """
    assert rays.nears is not None and rays.fars is not None
    nears, fars = rays.nears.float(), rays.fars.float()
    farthest = nears.new_tensor(1.0)
    if collider is not None:
        bounded = collider(dataclasses.replace(rays.flatten(), nears=None, fars=None))
        nears = torch.maximum(nears, bounded.nears.view_as(nears))
        farthest = bounded.fars.max()
        fars = torch.minimum(fars, bounded.fars.view_as(fars))
    # What is not a number is no hit either.
    hits = fars > nears * (1 + 1e-6) + _SHORTEST
    least = torch.where(hits, nears, torch.inf).min()
    most = torch.where(hits, fars, -torch.inf).max()
    least, most = torch.where(
        hits.any(), torch.stack([least, most]), torch.stack([torch.zeros_like(farthest), farthest])
    )
    return dataclasses.replace(rays, nears=torch.where(hits, nears, least), fars=torch.where(hits, fars, most)), hits


def empty_where_missed(outputs: dict[str, Tensor], hits: Tensor, fars: Tensor, background: str | Tensor) -> None:
    """Give rays that miss the crop's box what a ray through empty space has.

    That is the background's colour, no opacity, the farthest depth of the crop and grey for normals, which stands for
    none; other outputs keep what is finite of them, and are 0 else.

    Args:
        outputs: The model's outputs, ``[H, W, C]`` each; changed in place.
        hits: Which rays do not miss, ``[H, W, 1]``.
        fars: Where rays end, ``[H, W, 1]``.
        background: The renderer's background, which counts where the user has chosen no colour for the crop.
    """
    if background in ("last_sample", "random"):
        background = "black"
    for name, output in outputs.items():
        if "rgb" in name and output.shape[-1] == 3:
            empty = RGBRenderer.get_background_color(background, output.shape, output.device)  # type: ignore[arg-type]
        elif "depth" in name:
            empty = fars.max()
        elif "normal" in name:
            empty = output.new_tensor(0.5)
        elif "accumulation" in name:
            empty = output.new_tensor(0.0)
        elif output.is_floating_point():
            empty = output.nan_to_num(0.0, 0.0, 0.0)
        else:
            continue
        outputs[name] = torch.where(hits, output, empty.to(output))
