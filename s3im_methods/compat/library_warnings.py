"""Libraries' warnings about their own code are hidden.

nerfstudio 1.1.5 was written for older libraries. With today's torch, every ns-* command begins with a dozen warnings
about code of nerfstudio and torch. This module lists the kinds that are hidden. All others are shown, those of users'
modules and plugins too. If Python was told what to show (``-W``, ``PYTHONWARNINGS``), nothing is hidden.
"""

import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LIBRARIES = (
    *("functorch", "gsplat", "kornia", "matplotlib", "mediapy", "nerfacc", "nerfstudio", "numba", "open3d"),
    *("pkg_resources", "pymeshlab", "requests", "skimage", "sklearn", "tensorboard", "tensorly", "timm", "tinycudann"),
    *("torch", "torch_fidelity", "torchmetrics", "torchvision", "trimesh", "viser", "wandb", "xatlas"),
)
"""Packages that nerfstudio brings or looks for. What they call deprecated is deprecated in their own code."""

_MODULES = rf"({'|'.join(LIBRARIES)})(\.|$)"

DEPRECATIONS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)

USER_WARNINGS = {
    "To copy construct from a tensor, it is recommended": r"nerfstudio\.cameras\.",
    "Using a non-tuple sequence for multidimensional indexing": r"nerfstudio\.cameras\.",
    "This DataLoader will create": r"torch\.utils\.data\.",
    "Detected call of `lr_scheduler.step()` before": r"(nerfstudio\.engine|torch\.optim)\.",
    "torch.cuda.amp.GradScaler is enabled, but CUDA is not available": r"torch\.",
    "The parameter 'pretrained' is deprecated": r"torchvision\.",
    "Arguments other than a weight enum or `None` for 'weights' are deprecated": r"torchvision\.",
    "Converting a tensor with requires_grad=True to a scalar": r"nerfstudio\.utils\.",
    "pkg_resources is deprecated": "",
}
"""How a UserWarning begins that nobody who trains a scene can do anything about, and the modules that it is about."""


def leave_out_library_warnings() -> None:
    """Add filters for the warnings that this module is about, and lift matplotlib's line about its list of fonts."""
    if sys.warnoptions:
        return
    for category in DEPRECATIONS:
        warnings.filterwarnings("ignore", category=category, module=_MODULES)
    for beginning, module in USER_WARNINGS.items():
        warnings.filterwarnings("ignore", re.escape(beginning), UserWarning, module)
    # From 89 million pixels on, as of a panorama, Pillow takes a user's own photos for an attack.
    warnings.filterwarnings("ignore", r"Image size \(\d+ pixels\) exceeds limit", RuntimeWarning, r"PIL\.")
    # Python compiles a library's modules at their first import, and names them by their place.
    warnings.filterwarnings("ignore", category=SyntaxWarning, module=r".*(site|dist)-packages[/\\]")
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


@contextmanager
def no_word_on_slow_modules() -> Iterator[None]:
    """While it is open, nerfstudio does not recommend tinycudann for modules that torch computes.

    nerfstudio's surface models build their proposal networks so, before ours take the fused kernels. Which
    implementation computes the hash grids stands in the line that a run prints at its start.
    """
    from nerfstudio.field_components import encodings, mlp

    modules = [module for module in (encodings, mlp) if hasattr(module, _SLOW)]
    originals = [getattr(module, _SLOW) for module in modules]
    for module in modules:
        setattr(module, _SLOW, lambda module_name: None)
    try:
        yield
    finally:
        for module, original in zip(modules, originals, strict=True):
            setattr(module, _SLOW, original)


_SLOW = "print_tcnn_speed_warning"
