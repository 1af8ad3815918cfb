"""Images are stacked to what nerfstudio makes of them, and each is freed as soon as it is copied."""

import weakref
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nerfstudio.data.utils.nerfstudio_collate import nerfstudio_collate

from s3im_methods.data import stacking
from s3im_methods.data.stacking import stack_and_free


def items(count: int, shape: tuple[int, ...] = (3, 2), dtype: torch.dtype = torch.uint8) -> list[dict]:
    images = torch.arange(count * torch.Size(shape).numel()).reshape(count, *shape).to(dtype)
    return [
        {"image_idx": n, "image": images[n].clone(), "mask": images[n, :, :1] > 2, "name": Path(f"{n}.png"), "z": n / 2}
        for n in range(count)
    ]


@given(
    count=st.integers(1, 5),
    shape=st.lists(st.integers(1, 4), min_size=2, max_size=3).map(tuple),
    dtype=st.sampled_from([torch.uint8, torch.float32, torch.float64]),
)
def test_the_result_is_nerfstudios(count, shape, dtype):
    def collate(function):
        values = items(count, shape, dtype)
        for value in values:
            value["name"] = str(value["name"])
        return function(values)

    expected, got = collate(nerfstudio_collate), collate(stack_and_free)
    assert expected.keys() == got.keys()
    for key, value in expected.items():
        if isinstance(value, torch.Tensor):
            assert value.dtype == got[key].dtype and torch.equal(value, got[key])
        else:
            assert value == got[key]


def test_each_image_is_freed_before_the_next_is_copied(monkeypatch):
    monkeypatch.setattr(stacking, "_BYTES_BETWEEN", 0)
    values = [{"image": torch.full((4, 4), n)} for n in range(5)]
    alive = [weakref.ref(value["image"]) for value in values]
    left = []
    monkeypatch.setattr(stacking, "hand_back_freed_memory", lambda: left.append(sum(r() is not None for r in alive)))
    assert stack_and_free(values)["image"][:, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert left == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(("first", "second"), [((4, 4, 3), (4, 4, 1)), ((4, 4, 3), (5, 4, 3)), ((2, 2), (2, 2, 2))])
def test_images_of_different_shapes_are_refused_as_by_nerfstudio(first, second):
    with pytest.raises(RuntimeError, match="equal size"):
        stack_and_free([{"image": torch.zeros(first)}, {"image": torch.zeros(second)}])


def test_images_of_different_types_are_treated_as_by_nerfstudio():
    mixed = [{"image": torch.zeros(2, 2, dtype=torch.uint8)}, {"image": torch.full((2, 2), 0.5)}]
    assert torch.equal(stack_and_free(mixed)["image"][1], torch.full((2, 2), 0.5))
