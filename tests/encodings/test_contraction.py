"""The quick contraction against nerfstudio's."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from nerfstudio.field_components.spatial_distortions import SceneContraction
from nerfstudio.utils.math import Gaussians

from s3im_methods.encodings.contraction import MaximumNormContraction, speed_up_contractions


@given(seed=st.integers(0, 10_000), scale=st.sampled_from([0.1, 1.0, 30.0, 1e6]))
def test_it_equals_nerfstudio_to_the_last_bit(seed, scale):
    points = scale * torch.randn(7, 5, 3, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(MaximumNormContraction(float("inf"))(points), SceneContraction(float("inf"))(points))


def test_its_gradient_equals_nerfstudios():
    gradients = []
    for contraction in (MaximumNormContraction(float("inf")), SceneContraction(float("inf"))):
        points = 3 * torch.randn(200, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        points.requires_grad_()
        (contraction(points) ** 2).sum().backward()
        gradients.append(points.grad)
    torch.testing.assert_close(*gradients)


def test_points_on_the_border_and_at_the_origin():
    points = torch.tensor([[0.0, 0.0, 0.0], [1.0, -1.0, 1.0], [-1.0, 0.2, 0.0]])
    assert torch.equal(MaximumNormContraction(float("inf"))(points), points)


def test_only_the_maximum_norm_is_replaced():
    module = torch.nn.ModuleList([SceneContraction(float("inf")), SceneContraction()])
    speed_up_contractions(module)
    assert [type(child) for child in module] == [MaximumNormContraction, SceneContraction]


def test_gaussians_are_left_to_nerfstudio():
    gaussians = Gaussians(mean=2 * torch.ones(4, 3), cov=torch.eye(3).expand(4, 3, 3).clone())
    ours, stock = (kind(None)(gaussians) for kind in (MaximumNormContraction, SceneContraction))
    assert torch.equal(ours.cov, stock.cov)
