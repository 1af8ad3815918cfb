"""The viewer's icons are read from an archive that is listed once."""

import tarfile
from types import SimpleNamespace

import pytest
from viser import _icons

from s3im_methods.compat import viewer_icons
from s3im_methods.compat.viewer_icons import find_icons_once

NAMES = ["camera", "player-play"]


@pytest.fixture
def as_upstream(monkeypatch):
    monkeypatch.setattr(_icons, "tarfile", tarfile)
    viewer_icons._listed.cache_clear()


@pytest.fixture
def passes(monkeypatch):
    """The archives that are opened."""
    opened, original = [], tarfile.open
    monkeypatch.setattr(tarfile, "open", lambda *args, **options: opened.append(args) or original(*args, **options))
    return opened


def read() -> list[str]:
    return [_icons.svg_from_icon(name) for name in NAMES]  # type: ignore[arg-type]


def test_the_same_icons_in_one_pass(as_upstream, passes):
    expected = read()
    assert all(icon.lstrip().startswith("<") for icon in expected) and len(set(expected)) == len(NAMES)
    passes.clear()
    find_icons_once(_icons)
    assert read() == expected
    assert len(passes) == 1


def test_an_icon_that_does_not_exist_is_an_error_as_before(as_upstream):
    with pytest.raises(KeyError):
        _icons.svg_from_icon("no such icon")  # type: ignore[arg-type]
    find_icons_once(_icons)
    with pytest.raises(KeyError):
        _icons.svg_from_icon("no such icon")  # type: ignore[arg-type]


def test_a_viser_without_an_archive_is_left_alone():
    other = SimpleNamespace()
    find_icons_once(other)
    assert vars(other) == {}


def test_upstream_still_lists_the_archive_for_every_icon(as_upstream, passes):
    """When this fails, viser finds its icons faster: remove ``compat.viewer_icons``."""
    read()
    assert len(passes) == len(NAMES)
