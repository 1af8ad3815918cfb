"""A batch is moved once, from pinned memory where a GPU reads it."""

import torch

from s3im_methods.data.to_device import to_device


def test_all_tensors_are_moved_and_the_rest_is_kept():
    batch = {"image": torch.zeros(4, 3), "indices": torch.zeros(4, 3, dtype=torch.long), "num_patches": 2}
    moved = to_device(batch, "meta")
    assert {name: value.device.type for name, value in moved.items() if name != "num_patches"} == {
        "image": "meta",
        "indices": "meta",
    }
    assert moved["num_patches"] == 2 and batch["image"].device.type == "cpu"


def test_what_is_there_is_not_copied():
    image = torch.rand(4, 3)
    assert to_device({"image": image}, torch.device("cpu"))["image"] is image


def test_a_gpu_reads_pinned_memory_without_making_the_host_wait(monkeypatch):
    calls = []

    class Source(torch.Tensor):
        def pin_memory(self, *_):
            calls.append("pin")
            return self

        def to(self, device, non_blocking=False):
            calls.append((str(device), non_blocking))
            return self

    to_device({"image": torch.zeros(2).as_subclass(Source)}, "cuda:0")
    assert calls == ["pin", ("cuda:0", True)]
