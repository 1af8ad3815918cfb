"""Forward passes of all full-size methods on a GPU that is not there: devices agree, and half precision breaks nothing.

What fake tensors cannot show is in benchmarks/on_gpu.sh.
"""

import copy
from typing import Any

import pytest
import torch
from fake_cuda import DEVICE, fake_rays, fake_world, half_precision, on_fake_gpu
from nerfstudio.data.scene_box import SceneBox

from s3im_methods import method_configs
from s3im_methods.data.scene_facts import SceneFacts

FULL = [name for name in method_configs.__all__ if not name.endswith("_lite")]
RAYS = 8


def build(name: str) -> Any:
    config = copy.deepcopy(getattr(method_configs, name).config.pipeline.model)
    facts = SceneFacts(depth_source="sensor", depth_metres_per_unit=1.0)
    box = SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3]))
    return config.setup(scene_box=box, num_train_data=3, metadata={"scene_facts": facts}, device="cpu")


USUAL = ("rgb", "depth", "accumulation")


@pytest.mark.parametrize("name", FULL)
def test_all_outputs_are_there_in_single_precision(name):
    model = build(name)
    with fake_world() as mode:
        on_fake_gpu(model, mode)
        for train in (True, False):
            model.train(train)
            for half in (False, True):
                with mode, half_precision(half), torch.set_grad_enabled(train):
                    outputs = model(fake_rays(RAYS))
                # Where no loss is of the depth, it is rendered outside training only.
                for output in ("rgb", "accumulation") if train and "depth" not in outputs else USUAL:
                    value = outputs[output]
                    assert str(value.device) == DEVICE and value.shape[0] == RAYS, (output, train, half)
                    # Losses and metrics are computed from them.
                    assert value.dtype == torch.float32, (output, train, half)


@pytest.mark.parametrize("name", FULL)
def test_a_tensor_that_stayed_on_the_cpu_is_found(name):
    """The test above can fail."""
    model = build(name)
    with fake_world() as mode:
        on_fake_gpu(model, mode)
        owners = [(module, key) for module in model.field.modules() for key in module._parameters]
        places = [place for place in owners if getattr(*place) is not None]
        module, key = max(places, key=lambda place: getattr(*place).numel())
        module._parameters[key] = torch.nn.Parameter(torch.zeros(getattr(module, key).shape))
        with mode, pytest.raises(RuntimeError, match=r"(?i)device"):
            model(fake_rays(RAYS))
