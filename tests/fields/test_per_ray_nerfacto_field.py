"""What rays share is computed once: colours and gradients stay nerfstudio's, the direction is encoded once per ray."""

import copy

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.fields.nerfacto_field import NerfactoField

from s3im_methods.fields.per_ray_nerfacto_field import PerRayNerfactoField, share_along_rays

RAYS, BINS = 7, 5


def fields(**settings) -> tuple[NerfactoField, NerfactoField]:
    torch.manual_seed(0)
    box = torch.tensor([[-1.0] * 3, [1.0] * 3])
    sizes = {"num_levels": 2, "max_res": 16, "log2_hashmap_size": 6, "hidden_dim": 8, "hidden_dim_color": 8}
    stock = NerfactoField(box, num_images=3, **sizes, appearance_embedding_dim=4, implementation="torch", **settings)
    ours = copy.deepcopy(stock)
    share_along_rays(ours)
    return stock, ours


def samples() -> RaySamples:
    random = torch.Generator().manual_seed(1)
    bundle = RayBundle(
        torch.rand(RAYS, 3, generator=random) - 0.5,
        torch.nn.functional.normalize(torch.randn(RAYS, 3, generator=random), dim=-1).requires_grad_(),
        torch.ones(RAYS, 1),
        camera_indices=torch.randint(0, 3, (RAYS, 1), generator=random),
    )
    edges = torch.linspace(0.05, 0.4, BINS + 1).expand(RAYS, -1)
    return bundle.get_ray_samples(bin_starts=edges[:, :-1, None], bin_ends=edges[:, 1:, None])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("layers", [2, 3])
def test_colours_and_gradients_are_nerfstudios(training, average, layers):
    results = []
    for field in fields(use_average_appearance_embedding=average, num_layers_color=layers):
        field.train(training)
        rgb = field(samples())[FieldHeadNames.RGB]
        (rgb * torch.linspace(-1, 1, rgb.numel()).view(rgb.shape)).sum().backward()
        gradients = {name: p.grad for name, p in field.named_parameters() if p.grad is not None}
        results.append((rgb, gradients))
    (expected, stock), (actual, ours) = results
    assert expected.std() > 0
    torch.testing.assert_close(actual, expected)
    assert ours.keys() == stock.keys()
    for name, gradient in stock.items():
        torch.testing.assert_close(ours[name], gradient, atol=1e-6, rtol=1e-4, msg=name)


def test_without_appearance():
    box = torch.tensor([[-1.0] * 3, [1.0] * 3])
    stock = NerfactoField(box, num_images=3, num_levels=2, log2_hashmap_size=6, appearance_embedding_dim=0)
    ours = copy.deepcopy(stock)
    share_along_rays(ours)
    assert type(ours) is PerRayNerfactoField
    torch.testing.assert_close(ours(samples())[FieldHeadNames.RGB], stock(samples())[FieldHeadNames.RGB])


def test_the_direction_is_encoded_once_per_ray():
    seen = []
    for field in fields():
        field.direction_encoding.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape[0]))
        field(samples())
    assert seen == [RAYS * BINS, RAYS]


def test_samples_that_share_no_ray_are_left_to_nerfstudio():
    stock, ours = fields()
    own_directions = samples()
    with torch.no_grad():
        turned = torch.nn.functional.normalize(torch.randn(RAYS, BINS, 3), dim=-1)
    own_directions.frustums.directions = turned
    torch.testing.assert_close(ours(own_directions)[FieldHeadNames.RGB], stock(own_directions)[FieldHeadNames.RGB])


def test_settings_that_need_more_are_left_to_nerfstudio():
    stock, ours = fields(use_pred_normals=True)
    expected, actual = stock(samples()), ours(samples())
    assert FieldHeadNames.PRED_NORMALS in actual and actual.keys() == expected.keys()
    assert torch.equal(actual[FieldHeadNames.RGB], expected[FieldHeadNames.RGB])


def test_parameters_keep_their_names():
    stock, ours = fields()
    assert ours.state_dict().keys() == stock.state_dict().keys()
