"""What holds for every test."""

import sys

import pytest


@pytest.fixture(autouse=True)
def no_fake_outlives_its_test(request):
    """Fail a test whose fakes stay in a module that was first imported under its monkeypatch."""
    yield
    if "monkeypatch" not in request.fixturenames:
        return
    kept = [
        f"{name}.{key}"
        for name, module in list(sys.modules.items())
        if name.startswith("s3im_methods")
        for key, value in list(vars(module).items())
        if getattr(value, "__module__", None) == request.module.__name__
    ]
    assert not kept, f"{', '.join(kept)} will stay fakes: import the module at the top of {request.module.__file__}."
