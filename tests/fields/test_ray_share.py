"""Shares of a first layer: they sum up to what the whole network computes."""

import pytest
import torch
from nerfstudio.field_components.mlp import MLP
from torch import nn

from s3im_methods.fields.ray_share import after_first_layer, along_rays, share_of


@pytest.mark.parametrize("layers", [2, 3])
@pytest.mark.parametrize("out_activation", [nn.Sigmoid(), None])
def test_shares_sum_up_to_the_network(layers, out_activation):
    torch.manual_seed(0)
    mlp = MLP(in_dim=9, num_layers=layers, layer_width=6, out_dim=4, out_activation=out_activation).double()
    inputs = torch.randn(5, 9, dtype=torch.float64)
    # The first and the last of the inputs are rays', those between samples'.
    of_rays = share_of(mlp, [inputs[:, :2], inputs[:, 7:]], [0, 7], bias=True)
    of_samples = share_of(mlp, [inputs[:, 2:7]], [2], bias=False)
    torch.testing.assert_close(after_first_layer(mlp, of_rays + of_samples), mlp(inputs))


def test_rays_are_told_by_the_stride_of_their_samples():
    directions = torch.randn(4, 1, 3)
    assert along_rays(directions.expand(4, 5, 3))
    assert not along_rays(directions.repeat(1, 5, 1))
    assert not along_rays(torch.randn(4, 3))
