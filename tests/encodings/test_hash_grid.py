"""The fused hash encoding against nerfstudio's torch one."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.field_components.encodings import HashEncoding

from s3im_methods.encodings import FusedHashEncoding, fuse_hash_encodings


def pair(
    levels: int = 4, features: int = 2, log2_size: int = 8, max_res: int = 64
) -> tuple[HashEncoding, HashEncoding]:
    torch.manual_seed(0)
    stock = HashEncoding(
        num_levels=levels,
        min_res=4,
        max_res=max_res,
        log2_hashmap_size=log2_size,
        features_per_level=features,
        hash_init_scale=1.0,
        implementation="torch",
    )
    fused = copy.deepcopy(stock)
    fuse_hash_encodings(fused, point_gradients=True)
    assert isinstance(fused, FusedHashEncoding)
    return stock, fused


@settings(max_examples=25, deadline=None)
@given(
    levels=st.integers(1, 6),
    features=st.sampled_from([1, 2, 4]),
    log2_size=st.integers(3, 14),
    count=st.integers(1, 257),
    seed=st.integers(0, 1000),
)
def test_forward_equals_nerfstudio_to_the_last_bit(levels, features, log2_size, count, seed):
    stock, fused = pair(levels, features, log2_size)
    points = torch.rand(count, 3, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(fused(points), stock(points))


@pytest.mark.parametrize("value", [0.0, 1.0, 0.25, 0.5])
def test_points_on_nodes(value):
    stock, fused = pair()
    points = torch.full((3, 3), value)
    assert torch.equal(fused(points), stock(points))


def test_gradients_equal_nerfstudio():
    stock, fused = pair(levels=6, log2_size=10)
    gradients = []
    for encoding in (stock, fused):
        points = torch.rand(500, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
        weights = torch.randn(500, 12, generator=torch.Generator().manual_seed(2))
        (encoding(points) * weights).sum().backward()
        gradients.append((encoding.hash_table.grad, points.grad))
    (stock_table, stock_points), (fused_table, fused_points) = gradients
    torch.testing.assert_close(fused_table, stock_table, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(fused_points, stock_points, rtol=1e-4, atol=1e-3)


def test_gradcheck():
    _, fused = pair(levels=2, log2_size=4, max_res=8)
    fused = fused.double()
    points = torch.rand(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).requires_grad_()

    def encode(points, table):
        fused._parameters["hash_table"] = torch.nn.Parameter(table) if not table.requires_grad else table
        return fused(points)

    assert torch.autograd.gradcheck(encode, (points, fused.hash_table.detach().requires_grad_()))


def test_threads_do_not_change_the_result():
    _, fused = pair(levels=5, log2_size=6)
    points, threads = torch.rand(1001, 3), torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            fused.hash_table.grad = None
            features = fused(points)
            features.square().sum().backward()
            results.append((features.detach(), fused.hash_table.grad))
    finally:
        torch.set_num_threads(threads)
    for features, gradient in results[1:]:
        assert torch.equal(features, results[0][0])
        assert torch.equal(gradient, results[0][1])


def test_without_point_gradients_none_is_computed():
    stock, _ = pair()
    fuse_hash_encodings(stock, point_gradients=False)
    points = torch.rand(5, 3).requires_grad_()
    stock(points).sum().backward()
    assert points.grad is None
    assert stock.hash_table.grad is not None


def test_batch_shapes_and_checkpoints_are_kept():
    stock, fused = pair()
    assert fused(torch.rand(2, 3, 5, 3)).shape == (2, 3, 5, 8)
    assert fused(torch.rand(2, 0, 3)).shape == (2, 0, 8)
    assert fused.state_dict().keys() == stock.state_dict().keys()
    stock.load_state_dict(fused.state_dict())


def test_points_that_are_not_numbers_stay_inside_the_table():
    _, fused = pair()
    assert fused(torch.tensor([[float("nan"), 2.0, -3.0]])).shape == (1, 8)
