"""Functions that nerfstudio wants compiled are compiled when they are first called.

``models/splatfacto.py`` decorates a function with ``torch.compile``, which imports torch's compiler there and then.
Every ns-* command imports splatfacto, whatever it trains, and pays more than a second for it.
"""

import functools
from collections.abc import Callable
from typing import Any


def compile_at_first_call(module: Any) -> None:
    """Let the decorator ``nerfstudio.utils.misc.torch_compile`` wait for the function's first call.

    A model or function that is handed over is compiled at once.

    Args:
        module: ``nerfstudio.utils.misc``.
    """
    eager = getattr(module, "torch_compile", None)
    if eager is None or hasattr(eager, "__wrapped__"):
        return

    @functools.wraps(eager)
    def torch_compile(*args: Any, **options: Any) -> Any:
        if args or options.get("model") is not None:
            return eager(*args, **options)

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            compiled = functools.cache(lambda: eager(**options)(function))

            @functools.wraps(function)
            def at_first_call(*inputs: Any, **named: Any) -> Any:
                return compiled()(*inputs, **named)

            return at_first_call

        return decorate

    module.torch_compile = torch_compile
