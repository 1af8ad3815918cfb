"""NeuS's opacity: nerfstudio's to the last bit, values and gradients, in any sphere."""

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.fields.sdf_field import LearnedVariance, SDFField

from s3im_methods.fields.logistic_opacity import LogisticOpacity
from s3im_methods.fields.unit_space import UnitSpace


class Stock:
    """What nerfstudio's formula asks of its field."""

    def __init__(self, beta_init: float, progress: float) -> None:
        self.deviation_network = LearnedVariance(beta_init)
        self._cos_anneal_ratio = progress


def drawn() -> tuple[RaySamples, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    directions = torch.nn.functional.normalize(torch.randn(9, 3, generator=random), dim=-1)
    edges = torch.rand(9, 8, 1, generator=random).cumsum(dim=1)
    bundle = RayBundle(torch.zeros(9, 3), directions, torch.ones(9, 1))
    samples = bundle.get_ray_samples(bin_starts=edges[:, :-1], bin_ends=edges[:, 1:])
    sdf = torch.randn(9, 7, 1, generator=random)
    return samples, sdf.requires_grad_(), torch.randn(9, 7, 3, generator=random).requires_grad_()


def rule(beta_init: float, progress: float, radius: float = 1.0) -> LogisticOpacity:
    result = LogisticOpacity(beta_init)
    result.space, result.progress = UnitSpace(radius=radius), progress
    return result


@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("beta_init", [0.1, 0.3, 0.8])
def test_it_is_nerfstudios_formula_to_the_last_bit(beta_init, progress):
    found = []
    for of in ("stock", "ours"):
        samples, sdf, gradients = drawn()
        if of == "stock":
            stock = Stock(beta_init, progress)
            parameter = stock.deviation_network.variance
            alphas = SDFField.get_alpha(stock, samples, sdf, gradients)  # type: ignore[arg-type]
        else:
            ours = rule(beta_init, progress)
            parameter = ours.variance
            alphas = ours.alphas(sdf, gradients, samples)
        (alphas * torch.arange(7.0)[:, None]).sum().backward()
        found.append((alphas, parameter.grad, sdf.grad, gradients.grad))
    for expected, actual in zip(*found, strict=True):
        assert torch.equal(expected, actual)


def test_lengths_in_another_unit_give_the_same_opacity():
    samples, sdf, gradients = drawn()
    doubled = RayBundle(torch.zeros(9, 3), samples.frustums.directions[:, 0], torch.ones(9, 1)).get_ray_samples(
        bin_starts=2 * samples.frustums.starts, bin_ends=2 * samples.frustums.ends
    )
    expected = rule(0.3, 0.5).alphas(sdf, gradients, samples)
    assert torch.allclose(rule(0.3, 0.5, radius=2.0).alphas(2 * sdf, gradients, doubled), expected, atol=1e-6)


@pytest.mark.parametrize("cosine", [1.0, 0.3])
def test_before_a_plane_what_is_left_telescopes(cosine):
    """Whatever the bins are: of the distribution function at the first edge, what it is at the last (eq. 10)."""
    random = torch.Generator().manual_seed(0)
    edges = 2 * torch.rand(1, 30, generator=random, dtype=torch.float64).sort(dim=-1).values[..., None] / cosine
    bundle = RayBundle(
        torch.zeros(1, 3, dtype=torch.float64),
        torch.tensor([[(1 - cosine**2) ** 0.5, 0.0, cosine]], dtype=torch.float64),
        torch.ones(1, 1),
    )
    samples = bundle.get_ray_samples(bin_starts=edges[:, :-1], bin_ends=edges[:, 1:])
    plane = 1.0 - cosine * edges
    gradients = torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64).expand(1, 29, 3)
    alphas = rule(0.2, 1.0).double().alphas((plane[:, 1:] + plane[:, :-1]) / 2, gradients, samples)
    sharpness = torch.exp(torch.tensor(2.0, dtype=torch.float64))
    passed = torch.sigmoid(sharpness * plane[0, :, 0])
    # The formula keeps its quotient finite by 1e-5, once a bin.
    torch.testing.assert_close((1 - alphas[0, :, 0]).cumprod(dim=0), passed[1:] / passed[0], rtol=0, atol=2e-4)
    behind = rule(0.2, 0.0).double().alphas((plane[:, 1:] + plane[:, :-1]) / 2, -gradients, samples)
    at_end = rule(0.2, 1.0).double().alphas((plane[:, 1:] + plane[:, :-1]) / 2, -gradients, samples)
    # At first a surface that is seen at a slant from behind is opaque too.
    assert (behind > 2 * at_end).any() == (cosine < 1)


def test_checkpoints_name_its_parameter_as_nerfstudio_does():
    assert [name for name, _ in rule(0.3, 1.0).named_parameters()] == ["variance"]
