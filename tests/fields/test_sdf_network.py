"""The kernels of a signed distance's network against the same field in float64: values, gradients, and theirs."""

from typing import Any

import pytest
import torch
from torch import Tensor

from s3im_methods.fields import sdf_network
from s3im_methods.fields.sdf_field import S3IMSDFField, S3IMSDFFieldConfig
from s3im_methods.fields.unit_space import UnitSpace

BOX = torch.tensor([[-1.0] * 3, [1.0] * 3])
FEATURES = 5
VARIANTS: list[dict[str, Any]] = [
    {},
    {"bounded": False},
    {"num_layers": 1, "smoothstep": False},
    {"hidden_dim": 13, "bounded": False},
    {"weight_norm": False, "levels": 2},
]


def field_of(bounded: bool = True, levels: int | None = None, **settings: Any) -> S3IMSDFField:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "num_layers": 2,
        "hidden_dim": 24,
        "geo_feat_dim": FEATURES,
        "num_layers_color": 1,
        "hidden_dim_color": 16,
        "num_levels": 4,
        "base_res": 4,
        "max_res": 16,
        "log2_hashmap_size": 9,
        "position_frequencies": 0,
        "appearance_embedding_dim": 3,
        "inside_outside": False,
        "bias": 0.5,
        "beta_init": 0.3,
        "fit_initial_sphere": True,
        "sdf_at": "midpoint",
        "unlock_every": 0,
        "implementation": "fused",
    }
    field: S3IMSDFField = S3IMSDFFieldConfig(**sizes | settings).setup(aabb=BOX, num_images=2)
    field.move_to(UnitSpace((0.1, -0.2, 0.3), 1.5, bounded))
    field.start_as_sphere(0.5)
    with torch.no_grad():
        for name, parameter in field.named_parameters():
            parameter.add_((0.3 if "hash_table" in name else 0.05) * torch.randn(parameter.shape))
    field.encoding.active_levels = levels or 4
    return field


def points_of(count: int) -> Tensor:
    # Some lie outside of the sphere's cube.
    return torch.tensor([0.1, -0.2, 0.3]) + 1.2 * torch.randn(count, 3, generator=torch.Generator().manual_seed(1))


def found_by(field: Any, points: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Distances, features and gradients, and the gradient by parameters of a loss that depends on all three."""
    values = field.geometry(points)
    waves = [torch.linspace(-9, 9, value.numel(), dtype=value.dtype).sin().view(value.shape) for value in values]
    loss = sum((value * wave).sum() for value, wave in zip(values, waves, strict=True))
    loss = loss + (values[2].norm(dim=-1) - 1).square().sum()
    loss.backward()
    gradients = {name: p.grad for name, p in field.named_parameters() if p.grad is not None}
    return [value.detach() for value in values], gradients


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("count", [1, 192, 400])
def test_values_and_derivatives_are_those_of_float64(variant, count, monkeypatch):
    ours, points = field_of(**variant), points_of(count)
    plain, true = field_of(**variant), field_of(**variant).double()
    values, gradients = found_by(ours, points)
    expected, true_gradients = found_by(true, points.double())
    monkeypatch.setattr("s3im_methods.fields.sdf_field.kernels_suit", lambda *_: False)
    _, plain_gradients = found_by(plain, points)
    for value, of_true in zip(values, expected, strict=True):
        torch.testing.assert_close(value.double(), of_true, rtol=2e-5, atol=2e-5)
    assert gradients.keys() == plain_gradients.keys() == true_gradients.keys()
    assert "encoding.hash_table" in gradients and len(gradients) > 4
    for name, gradient in true_gradients.items():
        scale = gradient.abs().max()
        error, of_plain = (
            float((given[name].double() - gradient).abs().max() / scale) for given in (gradients, plain_gradients)
        )
        assert error < 3e-5 + 2 * of_plain < 1e-3, (name, error, of_plain)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_distances_alone_are_those_of_float64(variant):
    field, points = field_of(**variant), points_of(400)
    assert sdf_network.kernels_suit(field, points)
    expected = field_of(**variant).double().sdf(points.double())
    torch.testing.assert_close(field.sdf(points).double(), expected, rtol=1e-5, atol=1e-5)


def test_what_the_kernels_do_not_cover_is_left_to_torch():
    field, points = field_of(), points_of(5)
    suits = sdf_network.kernels_suit
    assert suits(field, points) and not suits(field, points.double()) and not suits(field, points[:0])
    assert not suits(field, points.to("meta"))
    assert not suits(field_of(implementation="torch"), points)
    assert not suits(field_of(position_frequencies=2), points)
    assert not suits(field_of(num_layers=4), points)
    with torch.autocast("cpu"):
        assert not suits(field, points)
    # A gradient by the points is torch's.
    points.requires_grad_()
    field.geometry(points)[0].sum().backward()
    assert points.grad is not None and points.grad.abs().min() > 0


def test_outside_training_nothing_is_kept():
    field = field_of().eval()
    for value in field.geometry(points_of(5)):
        assert not value.requires_grad


def test_nan_in_a_weight_is_shown():
    field = field_of(weight_norm=False)
    with torch.no_grad():
        field.glin0.weight[0, 0] = torch.nan  # type: ignore[union-attr, operator, index]
    assert field.sdf(points_of(3)).isnan().all()
