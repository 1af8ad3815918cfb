"""Seeds are reproducible, distinct, and accepted by torch; copies of one seed part ways in different processes."""

import multiprocessing
import os
import traceback
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pathos.helpers import mp as pathos_multiprocessing

from s3im_methods.randomness import process_seed, seed_global, step_seed


@given(seed=st.integers(0, 2**32), rank=st.integers(0, 64), step=st.integers(0, 10**7))
def test_seeds_suit_torch_and_streams_differ(seed, rank, step):
    seeds = [step_seed(seed, rank, step, stream) for stream in ("global", "pixels", "permutations")]
    assert len(set(seeds)) == 3
    for value in seeds:
        torch.Generator().manual_seed(value)


def test_neighbouring_steps_ranks_and_seeds_differ():
    seeds = {step_seed(a, b, c, "pixels") for a in range(5) for b in range(5) for c in range(200)}
    assert len(seeds) == 5 * 5 * 200


def test_first_numbers_of_neighbouring_steps_are_uncorrelated():
    draws = torch.stack(
        [torch.rand(2, generator=torch.Generator().manual_seed(step_seed(42, 0, s, "global"))) for s in range(2000)]
    )
    assert abs(torch.corrcoef(torch.stack([draws[:-1, 0], draws[1:, 0]]))[0, 1]) < 0.08
    assert abs(draws.mean() - 0.5) < 0.03


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_the_global_generator_is_seeded_as_by_torch_but_without_formatting_a_stack(device, monkeypatch):
    torch.manual_seed(7)
    expected = torch.rand(3)
    with monkeypatch.context() as patched:
        patched.setattr(traceback, "format_stack", lambda *_: pytest.fail("the call stack was formatted"))
        seed_global(7, device)
    assert torch.equal(torch.rand(3), expected)


def test_on_a_gpu_it_and_the_cpu_are_seeded_and_no_other_kind_is(monkeypatch):
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    monkeypatch.setattr(torch, "manual_seed", lambda seed: pytest.fail("all kinds of devices were seeded"))
    generator = torch.Generator().manual_seed(7)
    seed_global(7, "cuda:1")
    assert seeded == [7] and torch.equal(torch.rand(3), torch.rand(3, generator=generator))


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
