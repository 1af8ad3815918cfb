"""What stands in for tinycudann: right numbers, the right sizes, and no trace when a model is built."""

from typing import Any

import pytest
import torch
import toy_plugin
from every_method import batch, build, wrapped
from nerfstudio.fields import sdf_field
from nerfstudio.utils import external
from toy_plugin import ToyModel, ToyModelConfig

from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.encodings.sdf_hash_grid import SDFHashEncoding
from s3im_methods.errors import InputError
from s3im_methods.models.any_method.tinycudann import (
    SphericalHarmonics,
    encoding,
    network,
    network_with_input_encoding,
    stand_in_for_tinycudann,
)

GRID = {"n_levels": 3, "n_features_per_level": 2, "log2_hashmap_size": 8, "base_resolution": 4, "per_level_scale": 2.0}

pytestmark = pytest.mark.skipif(external.TCNN_EXISTS, reason="tinycudann is installed")

FIELD: Any = sdf_field


@pytest.mark.parametrize("kind", [{"otype": "HashGrid"}, {"otype": "Grid", "type": "Hash"}])
def test_hash_grids_are_ours_of_the_same_levels(kind):
    grid = encoding(3, {**kind, **GRID, "interpolation": "Smoothstep"})
    assert isinstance(grid, SDFHashEncoding) and grid.n_output_dims == 6
    assert grid.scalings.tolist() == [4, 8, 16]
    assert encoding(n_input_dims=3, encoding_config={**kind, **GRID}, dtype=torch.float32, seed=7).n_output_dims == 6


def test_spherical_harmonics_of_directions_from_0_to_1():
    directions = torch.nn.functional.normalize(torch.randn(5, 3), dim=-1)
    found = encoding(3, {"otype": "SphericalHarmonics", "degree": 2})((directions + 1) / 2)
    assert isinstance(encoding(3, {"otype": "SphericalHarmonics"}), SphericalHarmonics)
    # sqrt(1/(4 pi)) and sqrt(3/(4 pi)).
    y, z, x = 0.4886025 * directions[:, 1], 0.4886025 * directions[:, 2], 0.4886025 * directions[:, 0]
    torch.testing.assert_close(found, torch.stack([torch.full((5,), 0.2820948), y, z, x], dim=-1))


def test_networks_have_the_layers_and_activations_that_are_asked_for():
    widths = {"otype": "FullyFusedMLP", "n_neurons": 8, "n_hidden_layers": 2, "output_activation": "Sigmoid"}
    model = network(5, 3, widths)
    shapes = [tuple(parameter.shape) for parameter in model.parameters() if parameter.ndim == 2]
    assert shapes == [(8, 5), (8, 8), (3, 8)]
    values = model(100 * torch.randn(7, 5))
    assert values.shape == (7, 3) and values.min() >= 0 and values.max() <= 1
    both = network_with_input_encoding(3, 4, {"otype": "HashGrid", **GRID}, {"n_neurons": 8, "n_hidden_layers": 1})
    assert both(torch.rand(7, 3)).shape == (7, 4)


@pytest.mark.parametrize(
    ("what", "ask"),
    [
        ("DenseGrid", lambda: encoding(3, {"otype": "DenseGrid"})),
        ("of 4 dimensions", lambda: encoding(4, {"otype": "HashGrid", **GRID})),
        ("Frequency", lambda: encoding(3, {"otype": "Frequency"})),
        ("Squareplus", lambda: network(3, 3, {"activation": "Squareplus"})),
    ],
)
def test_what_nothing_stands_in_for_is_refused_in_a_sentence(what, ask):
    with pytest.raises(InputError, match=f"{what}.*tinycudann is not installed, and nothing here stands in for that"):
        ask()


def test_other_names_of_the_module_are_refused_too():
    with stand_in_for_tinycudann(ToyModel), pytest.raises(InputError, match="'free_temporary_memory'"):
        FIELD.tcnn.free_temporary_memory()


def test_names_are_as_before_when_the_model_is_built():
    raises = external.tcnn
    with stand_in_for_tinycudann(ToyModel):
        assert FIELD.tcnn is not raises and hasattr(toy_plugin, "tcnn")
    assert FIELD.tcnn is raises and external.tcnn is raises and not hasattr(toy_plugin, "tcnn")


def test_a_plugin_that_has_not_even_the_name_is_built_and_one_line_says_so(capsys):
    with lpips_without_download(), stand_in_for_tinycudann(ToyModel):
        model = ToyModelConfig(networks_by="tcnn").setup(scene_box=None, num_train_data=1)
    assert model(batch(0)[0])["colour"].shape == (32, 3)
    said = " ".join(capsys.readouterr().out.split())
    assert "tinycudann is not installed: networks that the method asks it for are computed by this package" in said
    with pytest.raises(NameError), lpips_without_download():
        ToyModelConfig(networks_by="tcnn").setup(scene_box=None, num_train_data=1)


def test_nothing_is_said_where_nothing_is_used(capsys):
    build(wrapped("tensorf"))
    assert "tinycudann is not installed" not in capsys.readouterr().out


def test_neus_trains_its_normals_through_the_grid():
    config = wrapped("neus-facto")
    # At its usual start the network leaves the grid's features out.
    vars(config.pipeline.model.sdf_field).update(use_grid_feature=True, geometric_init=False)
    model = build(config).train()
    outputs = model(batch(0)[0])
    outputs["eik_grad"].square().sum().backward()
    assert model.field.encoding.hash_table.grad.abs().sum() > 0
