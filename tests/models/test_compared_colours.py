"""The colours that a model's own loss compares, whatever the model calls them."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from nerfstudio.model_components.renderers import RGBRenderer
from torch import nn

from s3im_methods.models.compared_colours import noted_colours


class Model(nn.Module):
    """Has the parts that are given."""

    rgb_loss: Any
    renderer_rgb: Any
    photometric: Any
    of_normals: Any
    of_depth: Any

    def __init__(self, **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


def colours(value: float = 0.5, count: int = 4) -> torch.Tensor:
    return torch.full((count, 3), value, requires_grad=True)


IMAGE = torch.rand(4, 3)


def final(model: nn.Module, outputs: dict, compute: Any, image: torch.Tensor = IMAGE) -> Any:
    with noted_colours(model) as notes:
        compute()
    return notes.final(model, outputs, {"image": image})


@pytest.mark.parametrize("target_first", [True, False])
def test_it_is_what_the_colour_loss_got_in_either_order(target_first):
    model, predicted, target = Model(rgb_loss=nn.L1Loss(), renderer_rgb=RGBRenderer()), colours(), torch.rand(4, 3)
    pair = (target, predicted) if target_first else (predicted, target)
    found = final(model, {"rgb": colours()}, lambda: model.rgb_loss(*pair))
    assert found.predicted is predicted and found.target is target


def test_by_name_too():
    model, predicted = Model(rgb_loss=nn.MSELoss()), colours()
    found = final(model, {}, lambda: model.rgb_loss(input=predicted, target=IMAGE))
    assert found.predicted is predicted


def test_of_coarse_and_fine_it_is_the_fine_pair_which_comes_last_or_is_an_output():
    model, coarse, fine = Model(rgb_loss=nn.MSELoss()), colours(0.1), colours(0.2)

    def fine_last():
        model.rgb_loss(coarse, IMAGE)
        model.rgb_loss(fine, IMAGE)

    def fine_first():
        model.rgb_loss(fine, IMAGE)
        model.rgb_loss(coarse, IMAGE)

    assert final(model, {}, fine_last).predicted is fine
    assert final(model, {"rgb_fine": fine, "rgb_coarse": coarse}, fine_first).predicted is fine


def test_else_it_is_what_the_renderer_blended():
    renderer = RGBRenderer(background_color="random")
    model, predicted, alpha = Model(renderer_rgb=renderer), colours(), torch.rand(4, 4)
    blended: list = []
    found = final(
        model,
        {"rgb": predicted},
        lambda: blended.extend(renderer.blend_background_for_loss_computation(predicted, torch.zeros(4, 1), alpha)),
        alpha,
    )
    assert found.predicted is blended[0] and found.target is blended[1]
    # The renderer is its own again.
    assert "blend_background_for_loss_computation" not in vars(renderer)


@pytest.mark.parametrize("name", ["rgb", "rgb_fine"])
def test_else_it_is_the_output_and_the_image_over_the_background(name):
    image = torch.rand(4, 4)
    model = Model(renderer_rgb=RGBRenderer(background_color="white"))
    found = final(model, {name: colours()}, lambda: None, image)
    torch.testing.assert_close(found.target, image[:, :3] * image[:, 3:] + 1 - image[:, 3:])


def test_else_it_is_what_another_loss_compared_with_the_image():
    model = Model(photometric=nn.MSELoss(), of_normals=nn.L1Loss(), of_depth=nn.L1Loss())
    predicted = colours()

    def compute():
        model.photometric(predicted, IMAGE.clone())
        model.of_normals(colours(), torch.rand(4, 3))
        model.of_depth(colours()[:, :1], torch.rand(4, 1))

    assert final(model, {"colour": predicted}, compute).predicted is predicted


def test_else_there_are_none():
    model = Model(rgb_loss=nn.MSELoss())
    # Nothing that can be learned; two things that are; shapes that differ.
    assert final(model, {}, lambda: model.rgb_loss(IMAGE, IMAGE)) is None
    assert final(model, {}, lambda: model.rgb_loss(colours(), colours())) is None
    with noted_colours(model) as notes:
        pass
    assert notes.final(model, {}, {}) is None


def test_nothing_that_the_model_computes_changes():
    model = Model(rgb_loss=nn.MSELoss(), renderer_rgb=RGBRenderer(background_color="random"))
    arguments = colours(), torch.rand(4, 1), torch.rand(4, 4)

    def compute() -> torch.Tensor:
        torch.manual_seed(0)
        return model.rgb_loss(*model.renderer_rgb.blend_background_for_loss_computation(*arguments))

    alone = compute()
    with noted_colours(model):
        assert torch.equal(compute(), alone)
    assert not model.rgb_loss._forward_pre_hooks


def test_a_model_without_any_of_this_is_left_alone():
    with noted_colours(Model()) as notes:
        pass
    assert notes.final(SimpleNamespace(), {}, {"image": IMAGE}) is None
