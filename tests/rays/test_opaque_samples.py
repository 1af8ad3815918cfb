"""Opaque samples: nothing is left over, what comes before is as it was, and gradients are finite."""

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.model_components.ray_samplers import UniformSampler

from s3im_methods.rays.opaque_samples import made_opaque


def samples(rays: int = 5):
    bundle = RayBundle(torch.zeros(rays, 3), torch.tensor([[0.0, 0.0, 1.0]]).expand(rays, 3), torch.ones(rays, 1))
    bundle.nears, bundle.fars = torch.zeros(rays, 1), torch.ones(rays, 1)
    return UniformSampler(8).eval()(bundle)


def test_the_last_sample_takes_what_is_left():
    density = torch.rand(5, 8, 1, generator=torch.Generator().manual_seed(0))
    plain = samples().get_weights(density)
    opaque = made_opaque(samples()).get_weights(density)
    assert torch.equal(opaque[:, :-1], plain[:, :-1])
    torch.testing.assert_close(opaque.sum(dim=1), torch.ones(5, 1))


def test_gradients_are_finite_in_empty_and_in_solid_space():
    for value in (0.0, 1e4):
        density = torch.full((5, 8, 1), value, requires_grad=True)
        weights = made_opaque(samples()).get_weights(density)
        (weights * torch.arange(8.0)[:, None]).sum().backward()
        assert density.grad is not None and density.grad.isfinite().all()
        assert weights[:, -1].mean().item() == (1.0 if value == 0 else 0.0)


def test_no_weight_is_below_0_however_the_sum_of_the_others_is_rounded():
    """Annealing raises weights to a power, of which that of a negative number is none."""
    random = torch.Generator().manual_seed(0)
    density = 20 + 40 * torch.rand(5000, 8, 1, generator=random)
    plain = samples(5000).get_weights(density)[:, :-1]
    assert (plain.sum(dim=1) > 1).any()
    weights = made_opaque(samples(5000)).get_weights(density)
    assert (weights >= 0).all() and (weights**0.3).isfinite().all()
