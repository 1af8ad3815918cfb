"""Pictures of what Ref-NeRF's colours are made of, and the two numbers that its losses are made of."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.field_components.field_heads import FieldHeadNames
from torch.nn.functional import normalize

from s3im_methods.fields.reflection_head import Reflected
from s3im_methods.fields.reflective_fields import Seen
from s3im_methods.fields.tone_mapping import linear_to_srgb
from s3im_methods.models.reflection import reflection_outputs

RAYS, BINS = 4, 3


def seen(normals_learn: bool = True) -> Any:
    """A field that was asked for four rays of three samples."""
    random = torch.Generator().manual_seed(0)

    def drawn(channels: int) -> torch.Tensor:
        return torch.rand(RAYS, BINS, channels, generator=random)

    directions = normalize(torch.randn(RAYS, 3, generator=random), dim=-1)
    edges = torch.linspace(0, 1, BINS + 1).expand(RAYS, -1)[..., None]
    samples = RayBundle(torch.zeros(RAYS, 3), directions, torch.ones(RAYS, 1)).get_ray_samples(
        edges[:, :-1], edges[:, 1:]
    )
    outputs = {
        FieldHeadNames.DENSITY: drawn(1).requires_grad_(),
        FieldHeadNames.NORMALS: normalize(drawn(3) - 0.5, dim=-1).requires_grad_(normals_learn),
    }
    predicted = normalize(drawn(3) - 0.5, dim=-1).requires_grad_()
    return SimpleNamespace(
        seen=Seen(samples, outputs, Reflected(drawn(3), predicted, 3 * drawn(1), drawn(3), drawn(3)))
    )


def test_predicted_normals_are_to_face_the_camera_and_to_be_those_of_the_density():
    field = seen()
    samples, outputs, reflected = field.seen
    found = reflection_outputs(field, training=True)
    assert field.seen is None and found.keys() == {"orientation", "normal_difference"}
    weights = samples.get_weights(outputs[FieldHeadNames.DENSITY])[..., 0]
    away = (reflected.normals * samples.frustums.directions).sum(dim=-1)
    assert (away > 0).any() and (away < 0).any()
    expected = sum((weights[away > 0] * away[away > 0] ** 2).tolist()) / RAYS
    assert found["orientation"].item() == pytest.approx(expected, rel=1e-5)
    agree = (reflected.normals * outputs[FieldHeadNames.NORMALS]).sum(dim=-1)
    assert found["normal_difference"].item() == pytest.approx((weights * (1 - agree)).sum().item() / RAYS, rel=1e-5)


@pytest.mark.parametrize("normals_learn", [True, False])
def test_a_density_becomes_thinner_for_its_normals_only_if_they_can_turn(normals_learn):
    field = seen(normals_learn)
    density = field.seen.outputs[FieldHeadNames.DENSITY]
    difference = reflection_outputs(field, training=True)["normal_difference"]
    (gradient,) = torch.autograd.grad(difference, density, allow_unused=True)
    assert (gradient is not None) == normals_learn


def test_pictures_are_composed_of_linear_light():
    field = seen()
    samples, outputs, reflected = field.seen
    found = reflection_outputs(field, training=False)
    weights = samples.get_weights(outputs[FieldHeadNames.DENSITY])
    for name, part in (("diffuse", reflected.diffuse), ("specular", reflected.specular)):
        torch.testing.assert_close(found[name], linear_to_srgb((weights * part).sum(dim=1)))
    torch.testing.assert_close(found["roughness"], (weights * reflected.roughness).sum(dim=1).clamp(max=1))
