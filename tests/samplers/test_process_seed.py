"""Copies of one seed part ways in different processes."""

import multiprocessing
import os
from types import SimpleNamespace

import pytest
from pathos.helpers import mp as pathos_multiprocessing

from s3im_methods.samplers.process_seed import process_seed


@pytest.mark.parametrize("library", [pathos_multiprocessing, multiprocessing])
def test_processes_of_either_library_get_their_own_repeatable_seeds(monkeypatch, library):
    def seed_in(identity: tuple[int, ...], seed: int = 7) -> int:
        monkeypatch.setattr(library, "current_process", lambda: SimpleNamespace(_identity=identity))
        return process_seed(seed)

    identities = [(1,), (2,), (1, 1), (1, 2)]
    assert len({seed_in(identity) for identity in identities} | {7}) == 5
    assert seed_in((1,)) == seed_in((1,))
    assert seed_in((1,), seed=8) != seed_in((1,), seed=7)


def test_the_process_number_is_the_last_resort(monkeypatch):
    for library in (pathos_multiprocessing, multiprocessing):
        monkeypatch.setattr(library, "current_process", lambda: SimpleNamespace(_identity=()))
    monkeypatch.setattr(os, "getpid", lambda: 1234)
    first = process_seed(7)
    monkeypatch.setattr(os, "getpid", lambda: 1235)
    assert process_seed(7) != first
