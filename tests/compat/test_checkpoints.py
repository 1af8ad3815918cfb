"""numpy's scalars load with ``weights_only``, and nothing else does."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from s3im_methods.compat.checkpoints import allow_numpy_scalars, explained_load, numpy_scalar_globals
from s3im_methods.errors import InputError

SAVE = "import numpy, torch; torch.save({'lr': numpy.float64(0.5)}, r'%s')"


class Malicious:
    """What a hostile checkpoint looks like: unpickling it runs a command."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_a_scheduler_state_loads(tmp_path):
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: np.clip(step / 10, 0, 1))
    torch.save(scheduler.state_dict(), tmp_path / "a.ckpt")
    allow_numpy_scalars()
    assert torch.load(tmp_path / "a.ckpt")["_last_lr"] == [0.0]


def test_a_malicious_pickle_is_refused_and_not_run(tmp_path):
    allow_numpy_scalars()
    torch.save({"step": 1, "pipeline": Malicious(tmp_path / "owned")}, tmp_path / "a.ckpt")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "a.ckpt")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("value", [np.array([1, "x"], dtype=object), np.int64(3), np.float32(1.0), os.system])
def test_other_objects_are_refused(tmp_path, value):
    allow_numpy_scalars()
    torch.save({"value": value}, tmp_path / "a.ckpt")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "a.ckpt")


def _file(path, place: bytes):
    """A checkpoint with a float64 scalar, as written where numpy keeps its constructor at ``place``."""
    torch.save({"lr": np.float64(0.5)}, path, _use_new_zipfile_serialization=False)
    own = np.float64(0).__reduce__()[0].__module__.encode()
    path.write_bytes(path.read_bytes().replace(b"c" + own + b"\n", b"c" + place + b"\n"))
    return path


@pytest.fixture()
def no_globals():
    before = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    yield
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(before)


PLACES = [np.float64(0).__reduce__()[0].__module__.encode(), b"numpy.core.multiarray"]


@pytest.mark.parametrize("place", PLACES)
def test_files_of_older_numpy_load_too(tmp_path, no_globals, place):
    torch.serialization.add_safe_globals(numpy_scalar_globals())
    assert torch.load(_file(tmp_path / "a.ckpt", place))["lr"] == 0.5


@pytest.mark.parametrize("left_out", range(4))
def test_every_entry_of_the_list_is_needed(tmp_path, no_globals, left_out):
    """The list is the narrowest that works: without any one entry some numpy's float64 is refused."""
    if len(set(PLACES)) == 1 and left_out < 2:
        pytest.skip("this numpy has one name only for the scalar's constructor, so that the two entries are equal")
    entries = numpy_scalar_globals()
    del entries[left_out]
    torch.serialization.add_safe_globals(entries)
    with pytest.raises(pickle.UnpicklingError):
        for place in PLACES:
            torch.load(_file(tmp_path / "a.ckpt", place))


def test_upstream_still_needs_it(tmp_path):
    """When this fails, torch or nerfstudio has mended issue 3683: remove ``compat.checkpoints``."""
    path = tmp_path / "a.ckpt"
    code = SAVE % path + f"; torch.load(r'{path}')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "UnpicklingError" in result.stderr


def test_a_checkpoint_that_does_not_fit_says_what():
    own, other = torch.nn.Linear(3, 2), torch.nn.Linear(5, 2)
    sentence = r"does not fit this run \(size mismatch for weight: .*\[2, 5\]"
    with pytest.raises(InputError, match=sentence), explained_load("x.ckpt"):
        own.load_state_dict(other.state_dict())
