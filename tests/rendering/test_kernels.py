"""The kernels' pieces against what nerfstudio, torch and numpy compute."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.field_components.encodings import HashEncoding
from nerfstudio.field_components.spatial_distortions import SceneContraction
from nerfstudio.model_components.ray_samplers import PDFSampler, UniformSampler

from s3im_methods.rendering import tile_kernels
from s3im_methods.rendering.networks import DensityNetwork
from s3im_methods.rendering.ray_kernels import columns, rays_in_tile, resample, world_slopes


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@tile_kernels.jit
def exponentials(x):
    found = np.empty_like(x)
    for i in range(len(x)):
        found[i] = tile_kernels.exponential(x[i])
    return found


def test_the_exponential_is_right_to_a_part_in_five_million():
    x = np.linspace(-80, 80, 20001).astype(np.float32)
    np.testing.assert_allclose(exponentials(x), np.exp(x.astype(np.float64)), rtol=2e-7)


def test_the_exponential_of_what_is_too_large_is_finite_and_of_what_is_too_small_is_nearly_0():
    large, small = exponentials(np.array([1e4, -1e4], np.float32))
    assert np.isfinite(large)
    assert large > 1e38
    assert 0 <= small < 1e-37


@settings(max_examples=25, deadline=None)
@given(inputs=st.integers(1, 40), outputs=st.integers(1, 40), count=st.integers(1, 70), rectified=st.booleans())
def test_a_layer_is_torchs(inputs, outputs, count, rectified):
    width = columns(count)
    weights, bias, tile = numbers(inputs, outputs), numbers(outputs, seed=1), numbers(inputs, width, seed=2)
    found = np.full((outputs, width), np.nan, np.float32)
    least = tile_kernels.RECTIFIED if rectified else tile_kernels.LINEAR
    tile_kernels.layer(weights, bias, tile, found, width, least)
    expected = torch.nn.functional.linear(*map(torch.from_numpy, (tile.T, weights.T, bias)))
    expected = (expected.relu() if rectified else expected).T.numpy()
    np.testing.assert_allclose(found[:, :count], expected[:, :count], rtol=1e-4, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(levels=st.integers(1, 6), log2_size=st.integers(3, 14), count=st.integers(1, 70), seed=st.integers(0, 1000))
def test_features_are_those_of_nerfstudios_hash_grid(levels, log2_size, count, seed):
    torch.manual_seed(seed)
    grid = HashEncoding(levels, 4, 64, log2_size, 2, hash_init_scale=1.0, implementation="torch")
    points = torch.rand(count, 3)
    # On nodes, and at both ends of the cube.
    points[::3] = (points[::3] * 4).round() / 4
    width = columns(count)
    tile, found = np.zeros((3, width), np.float32), np.full((2 * levels, width), np.nan, np.float32)
    tile[:, :count] = points.T.numpy()
    network = a_grid(grid.hash_table.detach().numpy(), grid.scalings.float().numpy(), grid.hash_table_size - 1)
    tile_kernels.encode(network, tile, np.zeros(width, np.float32), found, width)
    np.testing.assert_allclose(found[:, :count], grid(points).detach().numpy().T, atol=2e-6)


def a_grid(table, scalings, mask):
    none, one = np.zeros((1, 1), np.float32), np.zeros(1, np.float32)
    corner = np.zeros(3, np.float32)
    scale = np.float32(1)
    return DensityNetwork(
        table, scalings, mask, none, one, none, one, scale, corner, scale, True, corner, corner, np.float32(0)
    )


def a_histogram(rays: int, samples: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    weights = torch.rand(rays, samples, generator=random) ** 8
    weights[0] = 0.0
    return weights / weights.sum(-1, keepdim=True).clamp(min=1.0)


@pytest.mark.parametrize("padding", [0.01, 0.0])
@pytest.mark.parametrize("anneal", [1.0, 0.3])
@pytest.mark.parametrize("samples", [1, 5, 64])
def test_bins_are_those_of_nerfstudios_sampler(padding, anneal, samples):
    rays, count = 9, 24
    weights = a_histogram(rays, samples)
    bundle = RayBundle(
        torch.zeros(rays, 3),
        torch.ones(rays, 3),
        torch.ones(rays, 1),
        nears=torch.zeros(rays, 1),
        fars=torch.ones(rays, 1),
    )
    first = UniformSampler(num_samples=samples).eval()(bundle)
    sampler = PDFSampler(include_original=False, histogram_padding=padding).eval()
    expected = sampler(bundle, first, (weights**anneal)[..., None], num_samples=count)
    bins = np.linspace(0, 1, samples + 1, dtype=np.float32)[None]
    found = np.full((rays, count + 1), np.nan, np.float32)
    resample(weights[:, None].numpy(), bins, 0, 1, 1, np.float32(padding), np.float32(anneal), found, 0, rays)
    assert expected.spacing_starts is not None
    np.testing.assert_allclose(found[:, :-1], expected.spacing_starts[..., 0].numpy(), atol=2e-5)
    assert (np.diff(found) >= 0).all()


def shared_bins(weights: np.ndarray, height: int, width: int, side: int) -> np.ndarray:
    found = np.full((height * width, 5), np.nan, np.float32)
    bins = np.linspace(0, 1, weights.shape[-1] + 1, dtype=np.float32)[None]
    resample(weights, bins, 0, side, width, np.float32(0), np.float32(1), found, 0, height * width)
    return found.reshape(height, width, 5)


def test_a_pixels_weights_are_interpolated_between_the_middles_around_it():
    weights = a_histogram(12, 8).view(3, 4, 8).numpy() + np.float32(0.01)
    found, height, width = {}, 9, 12
    for side in (1, 3):
        found[side] = shared_bins(weights if side == 3 else around(weights, height, width), height, width, side)
    np.testing.assert_allclose(found[3], found[1], atol=1e-6)


def around(weights: np.ndarray, height: int, width: int) -> np.ndarray:
    rows, cols, _ = weights.shape
    whole = np.empty((height, width, weights.shape[-1]), np.float32)
    for row in range(height):
        for column in range(width):
            y, x = (row - 1) / 3, (column - 1) / 3
            whole[row, column] = sum(
                (1 - abs(y - v)) * (1 - abs(x - u)) * weights[min(max(v, 0), rows - 1), min(max(u, 0), cols - 1)]
                for v in (math.floor(y), math.floor(y) + 1)
                for u in (math.floor(x), math.floor(x) + 1)
            )
    return whole


def test_a_chunk_of_an_image_gets_what_the_whole_image_does():
    weights = a_histogram(12, 8).view(3, 4, 8).numpy() + np.float32(0.01)
    bins = np.linspace(0, 1, 9, dtype=np.float32)[None]
    found = np.empty((20, 5), np.float32)
    resample(weights, bins, 31, 3, 12, np.float32(0), np.float32(1), found, 0, 20)
    assert np.array_equal(found, shared_bins(weights, 9, 12, 3).reshape(-1, 5)[31:51])


def test_slopes_go_through_the_contraction_as_in_autograd():
    points = torch.tensor(
        [[0.3, -0.2, 0.9], [1.5, -0.7, 0.2], [-0.1, -40.0, 3.0], [2.0, 1.0, -5.0]], requires_grad=True
    )
    of_units = torch.from_numpy(numbers(4, 3))
    units = (SceneContraction(order=float("inf"))(points) + 2) / 4
    (expected,) = torch.autograd.grad((units * of_units).sum(), points)
    found = of_units.clone()
    network = a_grid(np.zeros(1, np.float32), np.zeros(1, np.float32), 1)._replace(
        per_size=np.full(3, 0.25, np.float32)
    )
    world_slopes(network, points.detach().numpy(), found.numpy(), 0, 4)
    torch.testing.assert_close(found, expected)


def test_tiles_have_whole_groups_of_columns():
    assert [int(columns(count)) for count in (1, 16, 17)] == [16, 16, 32]
    assert [int(rays_in_tile(samples)) for samples in (24, 64, 1000)] == [8, 3, 1]
