"""Libraries that nerfstudio imports at every start, and that few of its runs use, wait until they are used.

- torchvision, with torch's compiler: to save test images. torchmetrics asks it for boxes, which no run measures.
- tensorly, with SciPy's optimisers: for an option of splatfacto.
- SciPy's interpolation: for camera paths in the viewer. Its signals: torchmetrics looks for one function there.
- matplotlib: for its colour tables, and for torchmetrics' plots.
- requests: for a download.
- TensorBoard, with its protocol buffers: for runs that write its files.
- torch's compiler: torch's optimisers import it to tell it what not to compile, even where nothing is compiled.

Together they took longer than torch itself.
"""

import functools
from typing import Any

from s3im_methods.compat.deferred import defer, executed, is_waiting

_COMPILER, _TENSORBOARD = "torch._dynamo", "torch.utils.tensorboard"
_PLAIN = (
    *("torchvision", "torchvision.utils", "scipy.interpolate"),
    *("matplotlib", "matplotlib.pyplot", "requests"),
)


def defer_what_few_use() -> None:
    """Let these libraries wait, each unless it has been imported."""
    for name in _PLAIN:
        defer(name)
    defer("tensorly", kept=["set_backend"])
    defer("scipy.signal", meanwhile={"hamming": _hamming})
    defer(_TENSORBOARD, meanwhile={"SummaryWriter": _SummaryWriter()})
    defer(_COMPILER, meanwhile={"graph_break": _no_graph_to_break, "disable": _not_compiled})
    defer(f"{_COMPILER}.utils", meanwhile={"is_compile_supported": _is_compile_supported})


def _hamming(*args: Any, **options: Any) -> Any:
    """``scipy.signal.hamming`` of old, which torchmetrics puts in its place again."""
    return executed("scipy.signal").windows.hamming(*args, **options)


class _SummaryWriter:
    """TensorBoard's class by the name under which nerfstudio imports it: to call, to derive from, to ask for."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return executed(_TENSORBOARD).SummaryWriter(*args, **options)

    def __mro_entries__(self, bases: Any) -> tuple[Any, ...]:
        return (executed(_TENSORBOARD).SummaryWriter,)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, executed(_TENSORBOARD).SummaryWriter)


def _no_graph_to_break(msg: str = "") -> None:
    """``torch._dynamo.graph_break``, which does nothing where nothing is compiled."""


def _not_compiled(fn: Any = None, recursive: bool = True, **options: Any) -> Any:
    """``torch._dynamo.disable``: a function that is not to be compiled, once there is a compiler."""

    disabled: Any = None

    def by_the_compiler() -> Any:
        nonlocal disabled
        if disabled is None:
            disabled = executed(_COMPILER).disable(fn, recursive, **options)
        return disabled

    if not callable(fn):
        return by_the_compiler()

    @functools.wraps(fn)
    def not_compiled(*inputs: Any, **named: Any) -> Any:
        return (fn if is_waiting(_COMPILER) else by_the_compiler())(*inputs, **named)

    return not_compiled


def _is_compile_supported(device_type: Any) -> Any:
    """``torch._dynamo.utils.is_compile_supported``, which torchvision imports by name."""
    return executed(f"{_COMPILER}.utils").is_compile_supported(device_type)
