"""The SDF hash encoding against a slow reference, nerfstudio's encoding and its own plain torch path."""

from math import ceil, floor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.field_components import encodings as stock_encodings
from nerfstudio.field_components.encodings import HashEncoding
from torch import Tensor

from s3im_methods.encodings import FusedHashEncoding, SDFHashEncoding, fuse_hash_encodings, sdf_hash_grid
from s3im_methods.errors import InputError

INTERPOLATIONS = ["linear", "smoothstep"]
IMPLEMENTATIONS = ["fused", "torch"]


def make(
    implementation: str = "fused",
    interpolation: str = "smoothstep",
    levels: int = 4,
    features: int = 2,
    log2_size: int = 8,
    max_res: int = 64,
) -> SDFHashEncoding:
    torch.manual_seed(0)
    return SDFHashEncoding(
        num_levels=levels,
        min_res=4,
        max_res=max_res,
        log2_hashmap_size=log2_size,
        features_per_level=features,
        hash_init_scale=1.0,
        interpolation=interpolation,  # type: ignore[arg-type]
        implementation=implementation,  # type: ignore[arg-type]
    )


def uniform(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def with_table(encoding: SDFHashEncoding, points: Tensor, table: Tensor) -> Tensor:
    return torch.func.functional_call(encoding, {"hash_table": table}, (points,))


def slow_reference(encoding: SDFHashEncoding, point: list[float], smooth: bool) -> list[float]:
    """Instant-ngp's definition, one corner of one level after the other."""
    table, size, outputs = encoding.hash_table.tolist(), encoding.hash_table_size, []
    for level, scaling in enumerate(encoding.scalings.tolist()):
        sums = [0.0] * encoding.features_per_level
        for corner in range(8):
            share, hashed = 1.0, 0
            for axis, prime in enumerate((1, 2654435761, 805459861)):
                scaled = point[axis] * scaling
                offset = scaled - floor(scaled)
                upper = corner >> axis & 1
                weight = 3 * offset**2 - 2 * offset**3 if smooth else offset
                share *= weight if upper else 1 - weight
                hashed ^= (ceil(scaled) if upper else floor(scaled)) * prime
            for f, value in enumerate(table[level * size + hashed % size]):
                sums[f] += share * value
        outputs += sums
    return outputs


def normals(features: Tensor, points: Tensor, feature_gradient: Tensor) -> Tensor:
    """What a field does for its normals: a differentiable gradient by the points."""
    return torch.autograd.grad(features, points, feature_gradient, create_graph=True)[0]


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("tracked", [False, True])
def test_equals_the_slow_reference(interpolation, implementation, tracked):
    encoding = make(implementation, interpolation, features=3).double()
    points = torch.cat([uniform(20, 3), torch.eye(3), torch.zeros(1, 3), torch.ones(1, 3)]).double()
    expected = [slow_reference(encoding, point, interpolation == "smoothstep") for point in points.tolist()]
    actual = encoding(points.requires_grad_(tracked))
    torch.testing.assert_close(actual, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    levels=st.integers(1, 6),
    features=st.sampled_from([1, 2, 4]),
    log2_size=st.integers(3, 14),
    count=st.integers(0, 257),
    interpolation=st.sampled_from(INTERPOLATIONS),
    active=st.one_of(st.none(), st.integers(0, 7)),
    seed=st.integers(0, 1000),
)
def test_fused_equals_torch_in_values_and_both_orders(levels, features, log2_size, count, interpolation, active, seed):
    results = []
    for implementation in IMPLEMENTATIONS:
        encoding = make(implementation, interpolation, levels, features, log2_size).double()
        encoding.active_levels = active
        points = uniform(count, 3, seed=seed, dtype=torch.float64).requires_grad_()
        weights = uniform(count, encoding.get_out_dim(), seed=seed + 1, dtype=torch.float64).requires_grad_()
        encoded = encoding(points)
        normal = normals(encoded, points, weights)
        loss = (encoded * weights).sum() + (normal.norm(dim=-1) - 1).square().sum()
        gradients = torch.autograd.grad(loss, [encoding.hash_table, weights])
        results.append((encoded, normal, *gradients))
    for fused, plain in zip(*results, strict=True):
        torch.testing.assert_close(fused, plain, rtol=1e-9, atol=1e-9)


def test_float32_fused_equals_torch():
    results = []
    for implementation in IMPLEMENTATIONS:
        encoding = make(implementation, levels=6, log2_size=10)
        points, weights = uniform(500, 3).requires_grad_(), uniform(500, 12, seed=2).requires_grad_()
        encoded = encoding(points)
        normal = normals(encoded, points, weights)
        loss = encoded.square().mean() + (normal.norm(dim=-1) - 1).square().mean()
        results.append((encoded, normal, *torch.autograd.grad(loss, [encoding.hash_table, weights])))
    for fused, plain in zip(*results, strict=True):
        assert fused.dtype == torch.float32
        torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("tracked", [False, True])
def test_linear_equals_nerfstudio(implementation, tracked):
    encoding = make(implementation, "linear")
    stock = HashEncoding(num_levels=4, min_res=4, max_res=64, log2_hashmap_size=8, implementation="torch")
    stock.load_state_dict(encoding.state_dict())
    points = torch.cat([uniform(300, 3), torch.full((1, 3), 0.25), torch.zeros(1, 3), torch.ones(1, 3)])
    expected, actual = stock(points), encoding(points.requires_grad_(tracked))
    if implementation == "fused":
        assert torch.equal(actual, expected)
        fuse_hash_encodings(stock, point_gradients=True)
        assert isinstance(stock, FusedHashEncoding)
        assert torch.equal(actual, stock(points))
    else:
        torch.testing.assert_close(actual, expected)


def test_linear_gradients_equal_nerfstudio():
    encoding = make("fused", "linear")
    stock = HashEncoding(num_levels=4, min_res=4, max_res=64, log2_hashmap_size=8, implementation="torch")
    stock.load_state_dict(encoding.state_dict())
    results = []
    for either in (encoding, stock):
        points = torch.cat([uniform(300, 3), torch.zeros(1, 3), torch.ones(1, 3)]).requires_grad_()
        either(points).square().sum().backward()
        results.append((either.hash_table.grad, points.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_gradcheck_of_features_and_of_an_eikonal_loss(interpolation, implementation):
    encoding = make(implementation, interpolation, levels=2, log2_size=4, max_res=8).double()
    table = encoding.hash_table.detach().requires_grad_()
    points = uniform(5, 3, seed=3, dtype=torch.float64).requires_grad_()
    weights = uniform(5, 4, seed=4, dtype=torch.float64).requires_grad_()

    def losses(table, weights):
        encoded = with_table(encoding, points, table)
        normal = normals(encoded, points, weights)
        return (normal.norm(dim=-1) - 1).square(), encoded.square().sum(), (normal.sum(-1) * encoded.sum(-1)).sum()

    assert torch.autograd.gradcheck(lambda *inputs: with_table(encoding, *inputs), (points, table))
    assert torch.autograd.gradcheck(losses, (table, weights))


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("tracked", [False, True])
def test_gradgradcheck_by_table_and_incoming_gradient(interpolation, implementation, tracked):
    encoding = make(implementation, interpolation, levels=2, log2_size=3, max_res=8, features=1).double()
    table = encoding.hash_table.detach().requires_grad_()
    points = uniform(3, 3, seed=3, dtype=torch.float64).requires_grad_(tracked)
    weights = uniform(3, 2, seed=4, dtype=torch.float64).requires_grad_()

    def outputs(table, weights):
        encoded = with_table(encoding, points, table)
        return (encoded.pow(3), normals(encoded, points, weights)) if tracked else encoded.pow(3) * weights

    assert torch.autograd.gradgradcheck(outputs, (table, weights))


def test_only_torch_has_second_derivatives_by_the_points():
    second = []
    for implementation in IMPLEMENTATIONS:
        encoding, points = make(implementation).double(), uniform(5, 3, dtype=torch.float64).requires_grad_()
        encoded = encoding(points)
        loss = normals(encoded, points, torch.ones_like(encoded)).square().sum()
        second.append(torch.autograd.grad(loss, points, allow_unused=True, materialize_grads=True)[0])
    assert second[0].abs().max() == 0
    assert second[1].abs().min() > 0


def test_the_table_gradient_of_normals_alone():
    encoding = make().double()
    points, v = uniform(50, 3, dtype=torch.float64).requires_grad_(), uniform(50, 8, seed=2, dtype=torch.float64)
    normals(encoding(points), points, v).square().sum().backward()
    plain = make("torch").double()
    normals(plain(points), points, v).square().sum().backward()
    torch.testing.assert_close(encoding.hash_table.grad, plain.hash_table.grad)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_smoothstep_has_a_continuous_gradient_and_linear_has_not(implementation):
    jumps = {}
    for interpolation in INTERPOLATIONS:
        encoding = make(implementation, interpolation, levels=1, features=1).double()
        # x = 0.5 is a node of the only level, whose resolution is 4.
        sides = torch.tensor([[0.5 - 1e-9, 0.3, 0.6], [0.5 + 1e-9, 0.3, 0.6]], dtype=torch.float64).requires_grad_()
        below, above = normals(encoding(sides), sides, torch.ones(2, 1, dtype=torch.float64))
        torch.testing.assert_close(below[1:], above[1:], rtol=1e-6, atol=1e-6)
        jumps[interpolation] = float((below - above).abs().max().detach())
    assert jumps["smoothstep"] < 1e-6
    assert jumps["linear"] > 0.1


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_a_constant_table_gives_constant_features_without_gradient(interpolation):
    encoding = make(interpolation=interpolation).double()
    encoding.hash_table.data.fill_(0.7)
    points = torch.cat([uniform(100, 3), torch.zeros(1, 3), torch.ones(1, 3)]).double().requires_grad_()
    encoded = encoding(points)
    torch.testing.assert_close(encoded, torch.full_like(encoded, 0.7))
    assert normals(encoded, points, torch.ones_like(encoded)).abs().max() < 1e-12


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("shape", [(0,), (0, 7), (5, 0)])
def test_an_empty_batch(implementation, shape):
    encoding, points = make(implementation), torch.rand(*shape, 3).requires_grad_()
    encoded = encoding(points)
    assert encoded.shape == (*shape, 8)
    (encoded.sum() + normals(encoded, points, torch.ones_like(encoded)).sum()).backward()
    assert encoding.hash_table.grad is not None
    assert encoding.hash_table.grad.abs().max() == 0


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_strided_points_and_batch_shapes(implementation):
    encoding, points = make(implementation), uniform(3, 10, 4)
    strided = points.permute(1, 2, 0).requires_grad_()
    dense = strided.detach().contiguous().requires_grad_()
    assert encoding(strided).shape == (10, 4, 8)
    assert torch.equal(encoding(strided), encoding(dense))
    tables = []
    for either in (strided, dense):
        encoding.hash_table.grad = None
        # The gradient of a sum has strides 0.
        normals(encoding(either), either, uniform(8).expand(10, 4, 8)).sum().backward()
        tables.append(encoding.hash_table.grad)
    assert torch.equal(*tables)
    assert tables[0].abs().max() > 0


def test_threads_do_not_change_the_result():
    encoding, points, threads = make(levels=5, log2_size=6), uniform(1001, 3), torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 2, 3):
            torch.set_num_threads(count)
            tracked = points.clone().requires_grad_()
            encoded = encoding(tracked)
            normal = normals(encoded, tracked, torch.ones_like(encoded))
            (table,) = torch.autograd.grad(encoded.square().sum() + normal.square().sum(), encoding.hash_table)
            results.append((encoded, encoding(points), normal, table))
    finally:
        torch.set_num_threads(threads)
    for result in results[1:]:
        assert all(torch.equal(one, other) for one, other in zip(result, results[0], strict=True))


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("active", [0, 1, 3, 4, 9, None])
def test_locked_levels_are_zero_and_do_not_learn(implementation, active):
    encoding, whole = make(implementation), make(implementation)
    encoding.active_levels = active
    points = uniform(2, 20, 3).requires_grad_()
    encoded, unlocked = encoding(points), 4 if active is None else min(active, 4)
    assert encoded.shape == (2, 20, 8)
    assert torch.equal(encoded[..., : 2 * unlocked], whole(points)[..., : 2 * unlocked])
    assert not encoded[..., 2 * unlocked :].any()
    normal = normals(encoded, points, torch.ones_like(encoded))
    (encoded.square().sum() + normal.square().sum()).backward()
    assert encoding.hash_table.grad is not None
    learned = encoding.hash_table.grad.view(4, -1).abs().amax(1) > 0
    assert learned.tolist() == [level < unlocked for level in range(4)]


def test_locked_levels_are_not_read():
    encoding = make()
    encoding.active_levels = 2
    encoding.hash_table.data[2 * encoding.hash_table_size :] = float("nan")
    points = uniform(20, 3).requires_grad_()
    encoded = encoding(points)
    assert encoded.isfinite().all()
    assert normals(encoded, points, torch.ones_like(encoded)).isfinite().all()


def test_checkpoints_are_interchangeable():
    fused, plain = make("fused"), make("torch")
    plain.hash_table.data.neg_()
    fused.load_state_dict(plain.state_dict())
    points = uniform(20, 3)
    torch.testing.assert_close(fused(points), plain(points))
    assert plain.state_dict().keys() == fused.state_dict().keys() == {"hash_table"}


def test_output_sizes():
    encoding = make(features=3)
    assert encoding.n_output_dims == encoding.get_out_dim() == 12


def test_without_numba_the_torch_path_takes_over(monkeypatch):
    monkeypatch.setattr(sdf_hash_grid, "fused_available", lambda: False)
    encoding, plain = make("fused"), make("torch")
    monkeypatch.setattr(encoding, "_fused_features", None)
    points = uniform(20, 3)
    assert torch.equal(encoding(points), plain(points))


def test_another_device_takes_the_torch_path():
    encoding = make("fused").to("meta")
    assert encoding(torch.rand(5, 3, device="meta")).shape == (5, 8)


def test_a_frozen_table_still_gives_normals():
    encoding, points = make().requires_grad_(False), uniform(20, 3).requires_grad_()
    plain = make("torch")
    expected = torch.autograd.grad(plain(points).sum(), points)[0]
    torch.testing.assert_close(torch.autograd.grad(encoding(points).sum(), points)[0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_tinycudann_gets_the_interpolation(monkeypatch, interpolation):
    class Encoding(torch.nn.Module):
        def __init__(self, n_input_dims: int, encoding_config: dict) -> None:
            super().__init__()
            self.config = encoding_config

        def forward(self, points: Tensor) -> Tensor:
            return points.new_ones(len(points), 8)

    class FakeTinycudann:
        pass

    FakeTinycudann.Encoding = Encoding  # type: ignore[attr-defined]
    monkeypatch.setattr(stock_encodings, "tcnn", FakeTinycudann, raising=False)
    monkeypatch.setattr(stock_encodings, "TCNN_EXISTS", True)
    monkeypatch.setattr(sdf_hash_grid, "TCNN_EXISTS", True)
    encoding = make("tcnn", interpolation)
    assert isinstance(encoding.tcnn_encoding, Encoding)
    assert encoding.tcnn_encoding.config["interpolation"] == interpolation.capitalize()
    assert encoding(torch.rand(2, 3, 3)).shape == (2, 3, 8)
    encoding.active_levels = 3
    assert encoding(torch.rand(5, 3))[0].tolist() == [1.0] * 6 + [0.0] * 2


def test_without_tinycudann_its_implementation_is_the_fused_one(monkeypatch):
    monkeypatch.setattr(sdf_hash_grid, "TCNN_EXISTS", False)
    points = uniform(20, 3)
    assert torch.equal(make("tcnn")(points), make("fused")(points))


def test_points_that_are_not_numbers_stay_inside_the_table():
    encoding, points = make(), torch.tensor([[float("nan"), 2.0, -3.0]]).requires_grad_()
    encoded = encoding(points)
    assert encoded.shape == (1, 8)
    normals(encoded, points, torch.ones_like(encoded)).sum().backward()


def test_autocast_does_not_round_the_normals():
    encoding, points = make(), uniform(50, 3).requires_grad_()
    encoded = encoding(points)
    expected = normals(encoded, points, torch.ones_like(encoded))
    with torch.autocast("cpu", torch.bfloat16):
        encoded = encoding(points)
        assert torch.equal(normals(encoded, points, torch.ones_like(encoded)), expected)


@pytest.mark.parametrize("wrong", [{"interpolation": "Smoothstep"}, {"implementation": "cuda"}])
def test_wrong_names(wrong):
    with pytest.raises(InputError, match=f"no {next(iter(wrong))} .*give '"):
        make(**wrong)
