"""Subnormal numbers are 0 in a training, on all threads, and nowhere else."""

import pytest
import torch

from s3im_methods.engine.small_numbers import small_numbers_are_0

SMALL = torch.full((1 << 20,), 2e-39)


def test_they_are_0_inside_on_all_threads_and_not_outside():
    assert (SMALL * 1.5 > 0).all()
    with small_numbers_are_0():
        assert (SMALL * 1.5 == 0).all()
        with small_numbers_are_0():
            pass
        assert (SMALL * 1.5 == 0).all()
    assert (SMALL * 1.5 > 0).all()


def test_an_error_ends_it_too():
    with pytest.raises(ZeroDivisionError), small_numbers_are_0():
        assert (SMALL * 1.5 == 0).all()
        raise ZeroDivisionError
    assert (SMALL * 1.5 > 0).all()
