"""Decorated functions are compiled when they are called."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from s3im_methods.compat.lazy_compile import compile_at_first_call


@pytest.fixture
def misc() -> Any:
    """A stand-in for nerfstudio.utils.misc that notes what is compiled."""
    compiled: list[Any] = []

    def torch_compile(*args: Any, **options: Any) -> Any:
        def compile_now(function: Any) -> Any:
            compiled.append((function, options))
            return lambda *inputs, **named: ("compiled", function(*inputs, **named))

        return compile_now(args[0]) if args else compile_now

    return SimpleNamespace(torch_compile=torch_compile, compiled=compiled)


def test_a_function_is_compiled_once_at_its_first_call(misc):
    compile_at_first_call(misc)

    @misc.torch_compile(dynamic=True)
    def add(a: int, b: int = 1) -> int:
        """Add."""
        return a + b

    assert (add.__name__, add.__doc__) == ("add", "Add.")
    assert misc.compiled == []
    assert add(1) == ("compiled", 2)
    assert add(1, b=3) == ("compiled", 4)
    assert [options for _, options in misc.compiled] == [{"dynamic": True}]


def test_a_model_is_compiled_at_once(misc):
    compile_at_first_call(misc)
    model = torch.nn.Identity()
    assert misc.torch_compile(model)(3) == ("compiled", 3)
    assert misc.compiled == [(model, {})]


def test_two_functions_are_compiled_apart(misc):
    compile_at_first_call(misc)
    decorate = misc.torch_compile()
    double, square = decorate(lambda x: 2 * x), decorate(lambda x: x * x)
    assert (double(3), square(3), double(4)) == (("compiled", 6), ("compiled", 9), ("compiled", 8))


def test_it_is_put_in_place_once(misc):
    compile_at_first_call(misc)
    once = misc.torch_compile
    compile_at_first_call(misc)
    assert misc.torch_compile is once
    compile_at_first_call(SimpleNamespace())
