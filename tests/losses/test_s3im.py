"""The S3IM module: what holds in every mode, and what S3IM is known to do."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from s3im_methods.errors import InputError
from s3im_methods.losses import S3IM
from s3im_methods.losses.grouped import grouped_s3im
from s3im_methods.losses.official import official_permutations, official_s3im
from s3im_methods.losses.permutations import random_permutations
from s3im_methods.losses.ssim import C1
from s3im_methods.losses.ssim_patches import patch_ssim

MODES = ["grouped", "official", "patch", "both"]
SIZES = [1, 15, 16, 17, 4097]


def module(mode: str, **settings: Any) -> S3IM:
    return S3IM(mode=mode, **settings)  # type: ignore[arg-type]


def layout(mode: str, rays: int) -> dict[str, int]:
    """As many real patches of 8 x 8 pixels as fit, where the mode needs them."""
    return {"num_patches": rays // 64, "patch_size": 8} if mode in ("patch", "both") else {}


def batch(rays: int, channels: int = 3, noise: float = 0.1, spread: float = 0.2) -> tuple[Tensor, Tensor]:
    """Colours uniform about 0.5 with a standard deviation, and noisy copies of them as the prediction."""
    generator = torch.Generator().manual_seed(0)
    y = torch.rand(rays, channels, generator=generator, dtype=torch.float64)
    y = 0.5 + spread * 12**0.5 * (y - 0.5)
    return y + noise * torch.randn(rays, channels, generator=generator, dtype=torch.float64), y


def gradient(loss: Tensor, x: Tensor) -> Tensor:
    return torch.autograd.grad(loss, x)[0]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("masked", [False, True])
def test_equal_colours_have_no_loss_and_no_gradient(mode, masked):
    y = batch(192)[1].float()
    x = y.clone().requires_grad_()
    mask = torch.arange(192) % 50 > 0 if masked else None
    loss = module(mode)(x, y, mask, **layout(mode, 192))
    assert loss.item() == 0
    assert not gradient(loss, x).any()


@pytest.mark.parametrize("mode", MODES)
def test_prediction_and_target_can_be_exchanged(mode):
    x, y = batch(192)
    one, other = module(mode, seed=3), module(mode, seed=3)
    forward = one(x, y, **layout(mode, 192)).item()
    assert forward > 0.01
    assert other(y, x, **layout(mode, 192)).item() == pytest.approx(forward, rel=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_in_float64(mode):
    x, y = batch(70, channels=2)
    loss = module(mode, kernel_size=3, stride=3, repeat_time=2, patch_height=8)
    mask = torch.arange(70) % 9 > 0

    def function(x: Tensor, y: Tensor, mask: Tensor | None = None) -> Tensor:
        loss.reseed(1)
        return loss(x, y, mask, **layout(mode, 70))

    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: function(x, y), (x,))
    assert torch.autograd.gradcheck(lambda x: function(x, y, mask), (x,))
    assert torch.autograd.gradcheck(function, (x, y.requires_grad_()))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("predicted", [0.0, 0.5, 1.0, None])
@pytest.mark.parametrize("true", [0.0, 0.5, 1.0, None])
def test_gradients_of_constant_and_black_colours_are_finite(mode, predicted, true):
    x, y = (values.float() for values in batch(192))
    x = x if predicted is None else torch.full_like(x, predicted)
    y = y if true is None else torch.full_like(y, true)
    x.requires_grad_()
    loss = module(mode)(x, y, **layout(mode, 192))
    assert 0 <= loss.item() < 2
    assert gradient(loss, x).isfinite().all()


@pytest.mark.parametrize("mode", ["grouped", "official"])
@pytest.mark.parametrize("channels", [1, 3, 4, 7])
@pytest.mark.parametrize("rays", SIZES)
def test_any_number_of_rays_and_channels(mode, channels, rays):
    x, y = (values.float() for values in batch(rays, channels))
    x.requires_grad_()
    loss = module(mode)(x, y)
    of_x = gradient(loss, x)
    assert loss.shape == () and loss.dtype == torch.float32
    assert of_x.isfinite().all()
    # Mode official always has windows, on padding, from 2 rays on.
    windows = rays >= 16 if mode == "grouped" else rays >= 2
    assert (loss.item() > 0) == windows and of_x.any() == windows


@pytest.mark.parametrize("mode", ["grouped", "official"])
@pytest.mark.parametrize("rays", [0, 15])
def test_no_valid_ray_is_no_loss(mode, rays):
    x, y = batch(rays)
    loss = module(mode)(x.requires_grad_(), y, torch.zeros(rays, 1, dtype=torch.bool))
    assert loss.item() == 0 and not gradient(loss, x).any()


@pytest.mark.parametrize("mode", MODES)
def test_masked_rays_have_no_effect_whatever_they_hold(mode):
    x, y = batch(320)
    mask = torch.ones(320, 1, dtype=torch.bool)
    mask[[3, 100, 319]] = False
    results = []
    for value in (0.0, float("nan"), float("inf")):
        x[~mask[:, 0]], y[~mask[:, 0]] = value, -value
        x.requires_grad_()
        loss = module(mode)(x, y, mask, **layout(mode, 320))
        results.append((loss.item(), gradient(loss, x)))
        x = x.detach()
    assert results[0][0] > 0.01
    assert not results[0][1][~mask[:, 0]].any()
    torch.testing.assert_close(results[1:], results[:1] * 2, rtol=0, atol=0)


def test_masked_rays_are_dropped_and_not_averaged_in():
    x, y = batch(4096)
    mask = torch.arange(4096) % 2 == 0
    loss = S3IM(repeat_time=200)
    assert loss(x, y, mask).item() == pytest.approx(loss(x[mask], y[mask]).item(), rel=2e-3)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_colours_are_compared_in_float32(mode, dtype):
    x, y = (values.to(dtype) for values in batch(192))
    full = module(mode)(x.float(), y.float(), **layout(mode, 192))
    half = module(mode)(x.requires_grad_(), y, **layout(mode, 192))
    assert half.dtype == torch.float32 and torch.equal(half, full)
    of_x = gradient(half, x)
    assert of_x.dtype == dtype and of_x.isfinite().all() and of_x.any()


@pytest.mark.parametrize("mode", MODES)
def test_autocast_changes_nothing(mode):
    x, y = (values.float() for values in batch(192))
    x.requires_grad_()
    results = []
    for enabled in (False, True):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            loss = module(mode)(x, y, **layout(mode, 192))
            results.append((loss, gradient(loss, x)))
    assert results[1][0].dtype == torch.float32
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)


@pytest.mark.parametrize("mode", MODES)
def test_inputs_and_global_random_numbers_are_left_as_they_are(mode):
    x, y = batch(192)
    mask = torch.arange(192) % 50 > 0
    before = [values.clone() for values in (x, y, mask, torch.get_rng_state())]
    module(mode)(x.requires_grad_(), y, mask, **layout(mode, 192)).backward()
    assert all(map(torch.equal, before, (x, y, mask, torch.get_rng_state())))
    assert y.grad is None


@pytest.mark.parametrize("mode", ["grouped", "official"])
def test_the_seed_decides_the_permutations(mode):
    x, y = batch(192)
    loss = module(mode, seed=5)
    first, second = loss(x, y).item(), loss(x, y).item()
    assert first != second
    assert module(mode, seed=5)(x, y).item() == first
    assert module(mode, seed=6)(x, y).item() != first
    loss.reseed(5)
    assert loss(x, y).item() == first
    untouched = module(mode)
    untouched.reseed(5)
    assert untouched(x, y).item() == first
    twin = copy.deepcopy(loss)
    assert twin(x, y).item() == loss(x, y).item() == second


def test_the_module_has_nothing_to_train_or_save():
    loss = S3IM()
    loss(*batch(64))
    assert not list(loss.parameters()) and not loss.state_dict()
    assert repr(loss) == "S3IM(mode='grouped', kernel_size=4, stride=4, repeat_time=10, denominators='free')"


def test_the_settings_reach_the_mode():
    x, y = batch(192)
    patch = S3IM(mode="patch", kernel_size=5, stride=2)
    assert patch(x, y, num_patches=3, patch_size=8).item() == patch_ssim(x, y, 3, 8, kernel_size=5, stride=2).item()
    generator = torch.Generator().manual_seed(4)
    order = official_permutations(3, 192, generator)
    official = S3IM(mode="official", kernel_size=5, stride=2, repeat_time=3, patch_height=16, seed=4)
    assert official(x, y).item() == official_s3im(x, y, order, kernel_size=5, stride=2, patch_height=16).item()
    order = random_permutations(3, 192, generator.manual_seed(4))
    grouped = S3IM(kernel_size=5, stride=5, repeat_time=3, seed=4)
    assert grouped(x, y).item() == grouped_s3im(x, y, order, kernel_size=5).item()


@pytest.mark.parametrize("mode", MODES)
def test_held_denominators_change_the_gradient_alone_in_every_mode(mode):
    x, y = batch(192)
    x.requires_grad_()
    free, held = (
        module(mode, seed=4, denominators=denominators)(x, y, **layout(mode, 192)) for denominators in ("free", "held")
    )
    assert held.item() == pytest.approx(free.item(), rel=1e-9)
    gradients = [torch.autograd.grad(loss, x)[0] for loss in (free, held)]
    turned = torch.cosine_similarity(*(gradient.flatten() for gradient in gradients), dim=0).item()
    assert 0.5 < turned < 0.9999


@pytest.mark.parametrize("denominators", ["free", "held"])
def test_both_is_the_sum_of_random_groups_and_real_patches(denominators):
    x, y = batch(192)
    x.requires_grad_()
    both, grouped, patch = (
        module(mode, seed=4, denominators=denominators)(x, y, **layout(mode, 192))
        for mode in ("both", "grouped", "patch")
    )
    assert both.item() == pytest.approx(grouped.item() + patch.item(), rel=1e-12)
    assert min(grouped.item(), patch.item()) > 0.01
    torch.testing.assert_close(gradient(both, x), gradient(grouped, x) + gradient(patch, x))


def mean_and_error(losses: list[Tensor]) -> tuple[float, float]:
    values = torch.stack(losses)
    return values.mean().item(), (values.std() / len(losses) ** 0.5).item()


def test_the_expectation_depends_neither_on_the_number_of_permutations_nor_on_the_order_of_the_rays():
    x, y = batch(256)
    # Real patches first, for example, put rays of like colour beside each other.
    order = y[:, 0].argsort()
    one, ten, ordered = S3IM(repeat_time=1, seed=1), S3IM(seed=2), S3IM(repeat_time=1, seed=3)
    means = [
        mean_and_error([one(x, y) for _ in range(1000)]),
        mean_and_error([ten(x, y) for _ in range(100)]),
        mean_and_error([ordered(x[order], y[order]) for _ in range(1000)]),
    ]
    for mean, error in means[1:]:
        assert abs(mean - means[0][0]) < 4 * (error**2 + means[0][1] ** 2) ** 0.5
    assert means[1][1] < 0.02 * means[1][0]
    # Ten times as many groups, a tenth of the variance.
    assert means[1][1] == pytest.approx(means[0][1], rel=0.3)


def test_the_patch_shape_does_not_matter_in_mode_grouped():
    x, y = batch(256)
    assert S3IM(patch_height=8, patch_width=100)(x, y).item() == S3IM()(x, y).item()


@pytest.mark.parametrize("spread", [0.17, 0.085])
def test_for_small_errors_it_is_the_squared_error_over_the_contrast(spread):
    x, y = batch(4096, noise=0.01, spread=spread)
    x.requires_grad_()
    of_s3im = gradient(S3IM()(x, y), x)
    of_square = gradient(((x - y) ** 2).mean(), x)
    # Groups of less contrast than the batch count more, which adds some percent.
    assert (of_s3im.norm() / of_square.norm()).item() == pytest.approx(1 / (2 * spread**2), rel=0.12)
    assert torch.cosine_similarity(of_s3im.flatten(), of_square.flatten(), dim=0) > 0.95


@pytest.mark.parametrize(("mean", "offset"), [(0.5, 0.1), (0.2, -0.1)])
def test_a_constant_offset_of_constant_colours_has_a_closed_form(mean, offset):
    y = torch.full((4096, 3), mean)
    expected = offset**2 / (mean**2 + (mean + offset) ** 2 + C1)
    assert S3IM()(y + offset, y).item() == pytest.approx(expected, rel=1e-5)


def test_a_grey_prediction_is_pulled_harder_than_by_the_squared_error_and_a_black_one_hardly():
    y = batch(4096, spread=0.17)[1]
    ratios = []
    for colour in (y.mean(0), torch.zeros(3)):
        x = colour.expand_as(y).clone().requires_grad_()
        loss = S3IM()(x, y)
        assert loss.item() > 0.9
        ratios.append((gradient(loss, x).norm() / gradient(((x - y) ** 2).mean(), x).norm()).item())
    assert ratios[0] > 10 and ratios[1] < 0.2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stride": 0}, "S3IM's stride (--pipeline.model.s3im.stride) is 0: give at least 1."),
        (
            {"kernel_size": 8},
            "In S3IM's mode 'grouped' windows do not overlap, but stride (--pipeline.model.s3im.stride) is 4 and "
            "kernel_size (--pipeline.model.s3im.kernel-size) is 8: give both the same value, or another mode.",
        ),
        (
            {"mode": "both", "stride": 2},
            "In S3IM's mode 'both' windows do not overlap, but stride (--pipeline.model.s3im.stride) is 2 and "
            "kernel_size (--pipeline.model.s3im.kernel-size) is 4: give both the same value, or another mode.",
        ),
        (
            {"mode": "fast"},
            "S3IM has no mode 'fast' (--pipeline.model.s3im.mode): give one of grouped, official, patch, both.",
        ),
        (
            {"denominators": "loose"},
            "S3IM's denominators (--pipeline.model.s3im.denominators) are 'loose': give free or held.",
        ),
        (
            {"mode": "official", "patch_height": 1},
            "S3IM's patch_height (--pipeline.model.s3im.patch-height) is 1, too low for a window of kernel_size "
            "(--pipeline.model.s3im.kernel-size) 4: give at least 4.",
        ),
    ],
)
def test_settings_that_make_no_window_are_refused(settings, message):
    with pytest.raises(InputError) as raised:
        S3IM(**settings)
    assert str(raised.value) == message


COLOURS = torch.rand(64, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (COLOURS, COLOURS[:63]),
            "S3IM compares colours of the same shape [rays, channels], but the prediction has [64, 3] and the target "
            "[63, 3]: flatten images to one row per ray.",
        ),
        (
            (COLOURS.view(8, 8, 3), COLOURS.view(8, 8, 3)),
            "S3IM compares colours of the same shape [rays, channels], but the prediction has [8, 8, 3] and the target "
            "[8, 8, 3]: flatten images to one row per ray.",
        ),
        (
            (COLOURS, COLOURS.byte()),
            "S3IM compares floating-point colours, but the prediction is torch.float32 and the target torch.uint8: "
            "convert both to float32 in [0, 1].",
        ),
        (
            (COLOURS, COLOURS.to("meta")),
            "S3IM's prediction is on cpu, the target on meta: move all of them to one device.",
        ),
        (
            (COLOURS, COLOURS, torch.ones(64, dtype=torch.bool, device="meta")),
            "S3IM's prediction is on cpu, the target on cpu, the mask on meta: move all of them to one device.",
        ),
        (
            (COLOURS, COLOURS, torch.ones(64)),
            "S3IM's mask must be of type torch.bool and have the shape [64] or [64, 1], but is torch.float32 of shape "
            "[64]: give one value per ray.",
        ),
        (
            (COLOURS, COLOURS, torch.ones(63, dtype=torch.bool)),
            "S3IM's mask must be of type torch.bool and have the shape [64] or [64, 1], but is torch.bool of shape "
            "[63]: give one value per ray.",
        ),
    ],
)
def test_batches_that_do_not_match_are_refused(arguments, message):
    with pytest.raises(InputError) as raised:
        S3IM()(*arguments)
    assert str(raised.value) == message
    assert isinstance(raised.value, ValueError)
