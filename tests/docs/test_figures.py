"""The documentation's figures: what they show is what the pages say of them."""

import importlib
import sys
from pathlib import Path

import pytest

FIGURES = Path(__file__).resolve().parents[2] / "docs" / "figures"


@pytest.fixture(scope="module")
def figures():
    sys.path.insert(0, str(FIGURES))
    yield importlib.import_module
    sys.path.remove(str(FIGURES))


def test_the_view_is_cut_out_of_the_overview_where_truth_and_render_are(figures):
    truth, render = figures("s3im_windows").demo_view()
    assert truth.shape == render.shape == (192, 256, 3)
    # The overview's background, which a wrong place would cut in, is nearly white.
    for edge in (truth[:, 0], truth[-1], render[:, -1]):
        assert (edge.amin(-1) > 0.95).float().mean() < 0.2
    assert (truth - render).square().mean() < 0.02


def test_random_groups_have_much_the_same_contrast_and_patches_have_not(figures):
    groups, patches = figures("s3im_windows").contrasts()
    spread = [float(values.quantile(0.95) / values.quantile(0.05)) for values in (groups, patches)]
    assert spread[0] < 5
    assert spread[1] > 20
    assert groups.median() > 5 * patches.median()


@pytest.mark.parametrize("variance", [1e-5, 1e-3, 0.03])
def test_the_gradient_is_that_of_the_squared_error_over_the_contrast(figures, variance):
    module = figures("s3im_gradient")
    assert module.gradient_ratio(variance) == pytest.approx(module.expected_ratio(variance), rel=0.25)


def test_a_white_background_weakens_the_loss_on_the_object_and_little_object_is_left_strengthens_it(figures):
    ratio = figures("s3im_gradient").gradient_ratio
    assert ratio(0.03, 0.5) < 0.5 * ratio(0.03)
    assert ratio(0.003, 0.5) < 0.1 * ratio(0.003)
    assert ratio(0.03, 0.95) > ratio(0.03)


def test_the_methods_tell_the_object_from_the_room(figures):
    module = figures("scene_kinds")
    thing, room = module.sphere("object"), module.sphere("room")
    assert (thing.kind, room.kind) == ("object", "room")
    assert thing.radius < 0.9 and room.radius > 0.35  # cameras outside the one, inside the other


def test_cameras_lie_within_one_scene_unit_and_walls_do_not(figures):
    places, walls = figures("scene_units").in_scene_units()
    assert abs(places).max() == pytest.approx(1)
    assert abs(walls[:, 0]).min() > 1


@pytest.mark.parametrize("name", sorted({file.stem for file in FIGURES.glob("*.py")} - {"draw_all"}))
def test_figures_are_drawn_from_their_modules_as_they_are(figures, name):
    drawing = figures("draw_all")
    kept = (FIGURES / f"{name}.svg").read_text(encoding="utf-8")
    assert drawing.source(name) in kept, "draw it anew: python docs/figures/draw_all.py"
    # Not compared letter by letter: other versions of matplotlib draw the same figure by other text.
    assert drawing.svg(name).count("<text") == kept.count("<text")
