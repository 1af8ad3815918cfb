"""What competes with a method has none of what is measured."""

import importlib
from pathlib import Path

import pytest
import torch

from s3im_methods.encodings.tensor_grids import AxisVM
from s3im_methods.losses import total_variation
from s3im_methods.models import s3im_tensorf

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture()
def contestants(monkeypatch):
    """The module; what it changes in the process is as before afterwards."""
    for holder, name in (
        (s3im_tensorf, "quick_tensorf"),
        (AxisVM, "memory_format"),
        (total_variation, "fused_available"),
    ):
        monkeypatch.setattr(holder, name, getattr(holder, name))
    monkeypatch.setattr(AxisVM, "_fused", vars(AxisVM)["_fused"])
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("contestants")


def test_plain_tensorf_has_no_kernels(contestants, tmp_path):
    contestant = contestants.Contestant("s3im-tensorf-lite", "plain", tmp_path)
    config = contestants.configuration(contestant, tmp_path)
    assert s3im_tensorf.quick_tensorf(object()) is None
    assert not AxisVM._fused(torch.zeros(1, 3))
    assert not total_variation.fused_available()
    assert config.pipeline.model.num_samples == 32


def test_ours_has_them(contestants, tmp_path):
    own = s3im_tensorf.quick_tensorf
    contestants.configuration(contestants.Contestant("s3im-tensorf-lite", "ours", tmp_path), tmp_path)
    assert s3im_tensorf.quick_tensorf is own
