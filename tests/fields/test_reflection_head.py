"""Ref-NeRF's colours: mirrors, their inverse, tone mapping, and what the specular network is told."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from s3im_methods.encodings.integrated_direction import IntegratedDirectionEncoding
from s3im_methods.fields.reflection_head import ReflectionHead, reflect
from s3im_methods.fields.tone_mapping import linear_to_srgb, srgb_to_linear


def unit(count: int, seed: int = 0, dtype=torch.float64) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(count, 3, generator=random, dtype=dtype), dim=-1)


def test_a_reflection_is_its_own_inverse_and_keeps_angles():
    view, normals = unit(50), unit(50, 1)
    once = reflect(view, normals)
    torch.testing.assert_close(reflect(once, normals), view)
    torch.testing.assert_close((once * normals).sum(-1), (view * normals).sum(-1))
    torch.testing.assert_close(once.norm(dim=-1), torch.ones(50, dtype=torch.float64))


def test_tone_mapping_is_invertible_and_has_finite_gradients():
    linear = torch.linspace(0, 2, 400, dtype=torch.float64, requires_grad=True)
    srgb = linear_to_srgb(linear)
    torch.testing.assert_close(srgb_to_linear(srgb), linear.detach(), check_stride=False)
    (gradient,) = torch.autograd.grad(srgb.sum(), linear)
    assert gradient.isfinite().all() and (gradient > 0).all()
    assert linear_to_srgb(torch.tensor(1.0)).item() == pytest.approx(1.0, abs=1e-6)


def head(**settings) -> ReflectionHead:
    torch.manual_seed(0)
    sizes = {"in_dim": 6, "num_degrees": 3, "bottleneck": 4, "num_layers": 2, "width": 8, "appearance_dim": 0}
    return ReflectionHead(**{**sizes, **settings})


def test_a_rough_mirror_shows_no_direction_and_a_smooth_one_does():
    model = head()
    features = torch.randn(1, 6).expand(40, 6)
    directions = unit(40, 3, torch.float32)
    smooth = model(features, directions, None)
    assert smooth.specular.std(dim=0).max() > 1e-4
    # Without the share of how much the surface faces the camera, which roughness leaves.
    with torch.no_grad():
        model.spatial.bias[3] = 50.0
        first = model.specular.layers[0]
        assert isinstance(first, nn.Linear)
        first.weight[:, 4 + model.encoding.out_dim :] = 0.0
    rough = model(features, directions, None)
    assert rough.specular.std(dim=0).max() < 1e-5
    torch.testing.assert_close(rough.diffuse, smooth.diffuse)


def test_colours_normals_and_their_gradients_are_in_range():
    model = head(num_layers=6, appearance_dim=2)
    features = 3 * torch.randn(30, 6)
    features.requires_grad_()
    found = model(features, unit(30, 2, torch.float32), torch.randn(30, 2))
    assert found.colours.min() >= -0.001 and found.colours.max() <= 1.001
    torch.testing.assert_close(found.normals.norm(dim=-1), torch.ones(30))
    assert (found.roughness > 0).all()
    found.colours.sum().backward()
    assert features.grad is not None and features.grad.isfinite().all() and features.grad.any()


def test_a_new_head_shows_a_third_of_grey():
    model = head()
    with torch.no_grad():
        model.spatial.weight.zero_()
        model.spatial.bias.zero_()
    found = model(torch.zeros(1, 6), torch.tensor([[0.0, 0.0, 1.0]]), None)
    torch.testing.assert_close(found.diffuse, torch.full((1, 3), 0.25))


def test_colours_are_those_of_the_papers_formula():
    """Written out, sample by sample; the appearance's numbers come last."""
    model = head(bottleneck=4, appearance_dim=2).double()
    random = torch.Generator().manual_seed(1)
    features = 2 * torch.randn(40, 6, generator=random, dtype=torch.float64)
    directions, appearance = unit(40, 4), torch.randn(40, 2, generator=random, dtype=torch.float64)
    found = model(features, directions, appearance)
    for k in range(40):
        raw = model.spatial(features[k])
        normal, view = -raw[:3] / raw[:3].norm(), -directions[k]
        facing = normal @ view
        roughness = torch.log(1 + torch.exp(raw[3:4] - 1))
        harmonics = IntegratedDirectionEncoding(3).double()(2 * facing * normal - view, roughness)
        tint = 1 / (1 + torch.exp(-raw[7:10]))
        specular = tint * model.specular(torch.cat([raw[10:], harmonics, facing[None], appearance[k]]))
        # 1/4 where the network says nothing.
        diffuse = 1 / (1 + 3 * torch.exp(-raw[4:7]))
        for light, colour in zip((diffuse + specular).tolist(), found.colours[k].tolist(), strict=True):
            srgb = 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
            assert colour == pytest.approx(min(max(srgb, 0), 1) * 1.002 - 0.001, abs=1e-9)
        torch.testing.assert_close(found.specular[k], specular)
        torch.testing.assert_close(found.diffuse[k], diffuse)
        torch.testing.assert_close(found.roughness[k], roughness)
        torch.testing.assert_close(found.normals[k], normal)
    # Some are beyond white.
    assert (found.colours.max(dim=-1).values > 1).any() and (found.colours.max(dim=-1).values < 1).any()
