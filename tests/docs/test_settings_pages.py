"""The pages of settings, which a hook writes when the site is built, say what the methods' configurations say."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

HOOK = Path(__file__).parents[2] / "docs" / "hooks" / "settings_pages.py"


@pytest.fixture(scope="module")
def hook() -> Any:
    pytest.importorskip("mkdocs")
    specification = importlib.util.spec_from_file_location(HOOK.stem, HOOK)
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_every_method_has_a_page_for_both_sizes(hook):
    assert {"s3im-nerfacto", "s3im-neus-facto", "s3im-tensorf"} <= hook.methods().keys()
    for name, configs in hook.methods().items():
        assert sorted(configs) == sorted([name, f"{name}-lite"])


def test_every_setting_is_explained(hook):
    for name, configs in hook.methods().items():
        rows = re.findall(r"^\| `\.([\w-]+)` \| ([^|]*) \| ([^|]*) \| (.+) \|$", hook.page(name, configs), re.MULTILINE)
        assert len(rows) > 20
        assert [flag for flag, _, _, meaning in rows if len(meaning) < 10] == []


def test_defaults_are_those_of_the_methods(hook):
    text = hook.page("s3im-mipnerf", hook.methods()["s3im-mipnerf"])
    (group,) = re.findall(r"## --pipeline\.model\.s3im\n(.*?)(?:\n##|\Z)", text, re.DOTALL)
    assert re.search(r"^\| `\.loss-mult` \| `0\.1` \| `0\.1` \| Weight of the S3IM loss", group, re.MULTILINE)
    assert "*not set*" in hook.page("s3im-neus-facto", hook.methods()["s3im-neus-facto"])


@pytest.mark.parametrize("name", ["s3im-neus", "s3im-neus-facto", "s3im-volsdf", "s3im-unisurf"])
def test_the_eikonal_loss_is_explained_as_such(hook, name):
    """nerfstudio's text is that of the monocular normals."""
    default = r"\*not set\*" if name == "s3im-unisurf" else "`0.1`"
    row = rf"^\| `\.eikonal-loss-mult` \| {default} \| {default} \| Weight of the eikonal loss"
    assert re.search(row, hook.page(name, hook.methods()[name]), re.MULTILINE)
