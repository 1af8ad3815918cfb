"""The inverted coordinates, and a background rendered behind a foreground."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.fields.vanilla_nerf_field import NeRFField
from nerfstudio.model_components.ray_samplers import UniformSampler
from nerfstudio.model_components.renderers import AccumulationRenderer, DepthRenderer, RGBRenderer, SemanticRenderer
from nerfstudio.models.base_surface_model import SurfaceModel, SurfaceModelConfig
from torch.nn.functional import normalize

from s3im_methods.errors import InputError
from s3im_methods.fields.inverted_sphere_field import InvertedSphereField, SphereInversion
from s3im_methods.rays.inverse_sphere import InverseSphereSampler
from s3im_methods.rays.sphere_bounds import SphereBounds

CENTER = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
RADIUS = 1.5


def lite(**settings):
    torch.manual_seed(0)
    sizes = {"base_mlp_num_layers": 4, "base_mlp_layer_width": 64, "head_mlp_layer_width": 64}
    return InvertedSphereField(CENTER, RADIUS, **(sizes | settings)).double()


def samples(seed=0, spread=0.5, count=20, far=1000.0, training=False):
    generator = torch.Generator().manual_seed(seed)
    origins = CENTER + spread * torch.randn(count, 3, generator=generator, dtype=torch.float64)
    directions = normalize(torch.randn(count, 3, generator=generator, dtype=torch.float64), dim=-1)
    bundle = RayBundle(origins, directions, torch.ones(count, 1), nears=torch.full((count, 1), 0.05))
    return InverseSphereSampler(16, CENTER, RADIUS, far).train(training)(bundle)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([2.0, 30.0, 1e6]))
def test_outside_the_sphere_coordinates_are_a_direction_and_an_inverse_radius(seed, scale):
    directions = normalize(
        torch.randn(9, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1
    )
    coordinates = SphereInversion(CENTER, RADIUS)(CENTER + scale * directions)
    torch.testing.assert_close(coordinates[:, :3], directions, atol=1e-9, rtol=0)
    torch.testing.assert_close(coordinates[:, 3], torch.full((9,), RADIUS / scale, dtype=torch.float64))


def test_inside_the_sphere_coordinates_join_on_and_are_finite():
    ahead = torch.tensor([0.0, 0.6, 0.8], dtype=torch.float64)
    inside, border, outside, middle = SphereInversion(CENTER, RADIUS)(
        CENTER + RADIUS * ahead * torch.tensor([1 - 1e-9, 1.0, 1 + 1e-9, 0.0])[:, None]
    )
    for side in (inside, outside):
        torch.testing.assert_close(side, border, atol=1e-8, rtol=0)
    assert middle.tolist() == [0.0, 0.0, 0.0, 1.0]


def test_gradients_of_the_coordinates():
    points = (CENTER + 3 * torch.randn(6, 3, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(SphereInversion(CENTER, RADIUS), points)
    middle = CENTER.clone().requires_grad_()
    SphereInversion(CENTER, RADIUS)(middle).sum().backward()
    assert middle.grad is not None and middle.grad.isfinite().all()


def test_the_field_is_nerfstudios_on_the_coordinates():
    field, ray_samples = lite(), samples()
    positions = ray_samples.frustums.get_positions()
    offsets = positions - CENTER
    radii = offsets.norm(dim=-1, keepdim=True)
    encoded = field.position_encoding(torch.cat([offsets / radii, RADIUS / radii], dim=-1))
    assert isinstance(field, NeRFField) and encoded.shape[-1] == 4 * (2 * 10 + 1)
    outputs = field(ray_samples)
    torch.testing.assert_close(outputs[FieldHeadNames.DENSITY], field.field_output_density(field.mlp_base(encoded)))
    assert outputs[FieldHeadNames.RGB].shape == (20, 16, 3)


def test_waves_tell_coordinates_that_differ_by_one():
    waves = lite().position_encoding(torch.tensor([[-0.5, 0, 0, 0], [0.5, 0, 0, 0]]).double())[:, :-4]
    assert (waves[0] - waves[1]).abs().max() > 1
    slowest = lite().position_encoding(torch.tensor([[0.25, 0, 0, 0]]).double())[0, 0]
    torch.testing.assert_close(slowest, torch.tensor(0.25 * torch.pi).double().sin())


def test_widths_and_octaves_are_arguments():
    default = InvertedSphereField(CENTER, RADIUS)
    assert [len(default.mlp_base.layers), default.mlp_base.layer_width, default.mlp_head.layer_width] == [8, 256, 128]
    small = lite(position_frequencies=6, direction_frequencies=2, base_mlp_num_layers=2, head_mlp_num_layers=2)
    assert small.position_encoding.get_out_dim() == 52 and small.direction_encoding.get_out_dim() == 15
    assert len(small.mlp_base.layers) == 2 and len(small.mlp_head.layers) == 2
    assert small(samples())[FieldHeadNames.RGB].isfinite().all()


class UniformForeground(SurfaceModel):
    """nerfstudio's surface model around a foreground of one colour and one opacity; it renders our background."""

    def __init__(self, alpha):
        torch.nn.Module.__init__(self)
        self.config = SurfaceModelConfig(background_model="mlp", far_plane_bg=1000.0)
        self.alpha = alpha
        self.field_background = lite().float()
        self.sampler_bg = InverseSphereSampler(16, CENTER.float(), RADIUS, 1000.0)
        self.renderer_rgb = RGBRenderer(background_color="black")
        self.renderer_accumulation = AccumulationRenderer()
        self.renderer_depth = DepthRenderer(method="expected")
        self.renderer_normal = SemanticRenderer()

    def sample_and_forward_field(self, ray_bundle):
        ray_samples = UniformSampler(4).eval()(ray_bundle)
        alphas = torch.full_like(ray_samples.deltas, self.alpha)
        weights, clear = ray_samples.get_weights_and_transmittance_from_alphas(alphas)
        colour = torch.tensor([0.25, 0.5, 0.75]).expand(*alphas.shape[:-1], 3)
        return {
            "ray_samples": ray_samples,
            "weights": weights,
            "bg_transmittance": clear[:, -1],
            "field_outputs": {FieldHeadNames.RGB: colour, FieldHeadNames.NORMALS: colour},
        }


def test_nerfstudios_surface_model_renders_it_behind_a_clear_or_opaque_foreground():
    origins = CENTER.float() + torch.tensor([[0.0, 0.3, 0.0], [0.0, 0.0, -4.0], [3.0, 0.0, -4.0]])
    directions = torch.tensor([[0.0, 0.0, 1.0]]).expand(3, 3)
    rays = RayBundle(origins, directions, torch.ones(3, 1), metadata={"directions_norm": torch.ones(3, 1)})
    for alpha in (0.0, 1.0):
        outputs = UniformForeground(alpha).eval().get_outputs(SphereBounds(CENTER.float(), RADIUS).eval()(rays[...]))
        behind = InverseSphereSampler(16, CENTER.float(), RADIUS, 1000.0).eval()
        ray_samples = behind(RayBundle(origins, directions, torch.ones(3, 1), nears=torch.zeros(3, 1)))
        background = lite().float()(ray_samples)
        weights = ray_samples.get_weights(background[FieldHeadNames.DENSITY])
        colour = (weights * background[FieldHeadNames.RGB]).sum(dim=1)
        torch.testing.assert_close(outputs["bg_rgb"], colour)
        expected = torch.tensor([[0.25, 0.5, 0.75]]).expand(3, 3) if alpha else colour
        torch.testing.assert_close(outputs["rgb"], expected)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), spread=st.sampled_from([0.3, 3.0]), scale=st.sampled_from([1e-4, 1.0, 1e4]))
def test_no_more_light_than_there_is(seed, spread, scale):
    generator = torch.Generator().manual_seed(seed)
    ray_samples = samples(seed, spread, training=True)
    densities = lite()(ray_samples)[FieldHeadNames.DENSITY]
    behind = ray_samples.get_weights(scale * densities).sum(dim=1)
    alphas = torch.rand(20, 12, 1, generator=generator, dtype=torch.float64)
    clear = torch.cumprod(torch.cat([torch.ones(20, 1, 1), 1 - alphas], dim=1), dim=1)
    before = (alphas * clear[:, :-1]).sum(dim=1)
    total = before + clear[:, -1] * behind
    assert (behind >= 0).all() and total.isfinite().all() and (total <= 1 + 1e-9).all()


def test_density_is_per_scene_unit():
    ray_samples = samples(far=4.0)
    weights = ray_samples.get_weights(torch.full((20, 16, 1), 0.3, dtype=torch.float64))
    length = ray_samples.frustums.ends[:, -1] - ray_samples.frustums.starts[:, 0]
    torch.testing.assert_close(weights.sum(dim=1), 1 - torch.exp(-0.3 * length))


@pytest.mark.parametrize("far", [1000.0, 1e10])
@pytest.mark.parametrize("spread", [0.5, 20.0])
def test_gradients_are_finite_in_float32(far, spread):
    field = lite().float()
    double = samples(spread=spread, far=far, training=True)
    origins = double.frustums.origins[:, 0].float().requires_grad_()
    directions = double.frustums.directions[:, 0].float().requires_grad_()
    bundle = RayBundle(origins, directions, torch.ones(20, 1), nears=torch.full((20, 1), 0.05))
    ray_samples = InverseSphereSampler(16, CENTER.float(), RADIUS, far)(bundle)
    outputs = field(ray_samples)
    weights = ray_samples.get_weights(outputs[FieldHeadNames.DENSITY])
    (weights * outputs[FieldHeadNames.RGB]).sum().backward()
    for tensor in (*field.parameters(), origins, directions):
        assert tensor.grad is not None and tensor.grad.isfinite().all()
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in field.mlp_base.parameters())


def test_it_learns_what_lies_in_a_direction():
    field = lite().float()
    optimizer = torch.optim.Adam(field.parameters(), lr=5e-3)
    losses = []
    for step in range(60):
        ray_samples = samples(seed=step, spread=0.3, count=64)
        bundle = RayBundle(
            origins=ray_samples.frustums.origins[:, 0].float(),
            directions=ray_samples.frustums.directions[:, 0].float(),
            pixel_area=torch.ones(64, 1),
            nears=torch.zeros(64, 1),
        )
        ray_samples = InverseSphereSampler(16, CENTER.float(), RADIUS, 1000.0)(bundle)
        outputs = field(ray_samples)
        weights = ray_samples.get_weights(outputs[FieldHeadNames.DENSITY])
        colour = (weights * outputs[FieldHeadNames.RGB]).sum(dim=1)
        loss = (colour - (bundle.directions + 1) / 2).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.05 > 0.01 > losses[-1]


def test_the_sphere_is_no_part_of_a_checkpoint():
    assert not [key for key in lite().state_dict() if "center" in key]


@pytest.mark.parametrize("radius", [0.0, -1.0, float("nan")])
def test_a_radius_that_is_none_is_refused(radius):
    with pytest.raises(InputError, match=f"radius {radius}: give a positive number"):
        InvertedSphereField(CENTER, radius)
