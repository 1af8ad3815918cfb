"""Hidden space: found in closed forms, with depths that are never too large, and pushed into the solid."""

from types import SimpleNamespace

import pytest
import torch
from short_training import losses_of_training
from small_surfaces import METHODS, batch, build

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.models.surface.hidden import HiddenSpace, hidden_points

CENTER, RADIUS = torch.tensor([0.3, -0.2, 0.1]), 2.0
NOBODY = torch.zeros(0, 3)


def ball(points: torch.Tensor) -> torch.Tensor:
    return (points - CENTER).norm(dim=-1) - 0.9


def hollow(points: torch.Tensor) -> torch.Tensor:
    """The same ball with a cavity of radius 0.5."""
    return torch.maximum(ball(points), 0.5 - (points - CENTER).norm(dim=-1))


def away(points: torch.Tensor) -> torch.Tensor:
    return (points - CENTER).norm(dim=-1)


@pytest.mark.parametrize("sdf", [ball, hollow])
def test_all_of_the_inside_is_hidden_and_no_depth_is_too_large(sdf):
    found = hidden_points(sdf, CENTER, RADIUS, NOBODY, seed=0)
    assert found is not None
    points, depths = found
    assert points.shape == (1024, 3) and depths.shape == (1024,)
    assert (depths > 0).all() and (depths <= 0.9 - away(points)).all()
    assert (depths > 0.9 - away(points) - 3.5 * 2 * RADIUS / 64).all()
    assert away(points).min() < 0.3


def test_a_cavity_with_a_camera_in_it_is_seen():
    found = hidden_points(hollow, CENTER, RADIUS, CENTER[None] + 0.1, seed=0)
    assert found is not None
    points, depths = found
    assert away(points).min() > 0.5
    assert (depths <= -hollow(points)).all()


def test_cameras_outside_the_sphere_see_no_more():
    outside = torch.tensor([[5.0, 0.0, 0.0], [0.0, -9.0, 1.0]])
    found, without = (hidden_points(hollow, CENTER, RADIUS, eyes, seed=0) for eyes in (outside, NOBODY))
    assert found is not None and without is not None
    assert torch.equal(found[0], without[0])


def test_where_all_is_free_nothing_is_hidden():
    assert hidden_points(lambda points: torch.ones(len(points)), CENTER, RADIUS, NOBODY, seed=0) is None


def test_a_seed_gives_the_same_points_and_few_places_are_asked():
    asked = []

    def counted(points: torch.Tensor) -> torch.Tensor:
        asked.append(len(points))
        return hollow(points)

    first, again, other = (hidden_points(counted, CENTER, RADIUS, NOBODY, seed) for seed in (1, 1, 2))
    assert first is not None and again is not None and other is not None
    assert torch.equal(first[0], again[0]) and not torch.equal(first[0], other[0])
    assert sum(asked) / 3 < 0.15 * 64**3


def test_its_loss_asks_for_half_of_the_depth():
    field = SimpleNamespace(sdf=hollow, space=SimpleNamespace(center=CENTER))
    field.forward_geonetwork = lambda points: torch.full((len(points), 2), 0.1)
    hidden = HiddenSpace(field, tuple(CENTER.tolist()), RADIUS, NOBODY)
    hidden.look(19)
    assert hidden.loss() is None
    hidden.look(20)
    assert hidden.found is not None
    depths = hidden.found[1]
    assert depths is not None
    assert hidden.loss() == pytest.approx((0.1 + depths.mean().item() / 2) / RADIUS, rel=1e-5)
    field.forward_geonetwork = lambda points: -depths[:, None] / 2
    assert hidden.loss() == 0


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_have_it_and_two_have_it_for_objects(method):
    model = build(method, hidden_loss_mult=0.1)
    losses = losses_of_training(model, batch, steps=22)
    assert [step for step, of_step in enumerate(losses) if "hidden_loss" in of_step] == [20]
    assert losses[20]["hidden_loss"].isfinite()
    config_class = METHODS[method][0]
    for kind in ("object", "room"):
        given = type(model).decided(config_class(scene_kind=kind), SceneFacts()).hidden_loss_mult
        assert given == (0.1 if kind == "object" and method in ("volsdf", "unisurf") else 0)


def test_what_is_hidden_becomes_solid():
    """A field that is too shallow inside is pushed down there."""
    model = build("volsdf")
    field, inside = model.field, torch.tensor([0.0, 1.0, 0.0]) + 0.1 * torch.randn(64, 3)
    hidden = HiddenSpace(field, (0.0, 1.0, 0.0), 2.0, NOBODY)
    hidden.look(20)
    assert hidden.found is not None
    points, depths = hidden.found
    hidden.found = points, 4 * depths
    before = field.sdf(inside).mean()
    optimizer = torch.optim.Adam([p for p in field.parameters() if p.requires_grad], lr=1e-3)
    for _ in range(5):
        optimizer.zero_grad()
        loss = hidden.loss()
        assert loss is not None and loss > 0
        loss.backward()
        optimizer.step()
    assert field.sdf(inside).mean() < before - 0.01


def test_a_camera_is_where_it_is_in_the_scene():
    """Off the middle of a cavity to the side to which the sphere is off the scene's origin."""
    found = hidden_points(hollow, CENTER, RADIUS, CENTER[None] * (1 + 0.25 / CENTER.norm()), seed=0)
    assert found is not None
    assert away(found[0]).min() > 0.5


def test_its_weight_is_the_setting():
    model = build("volsdf", hidden_loss_mult=0.3).train()
    model.hidden = SimpleNamespace(loss=lambda: torch.tensor(2.0))
    bundle, targets = batch(0)
    assert model.get_loss_dict(model(bundle), targets)["hidden_loss"].item() == pytest.approx(0.6)
