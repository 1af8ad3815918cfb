"""What S3IM-NeuS-facto's settings become."""

from dataclasses import replace

import pytest

from s3im_methods.errors import InputError
from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.losses.depth import DepthLossConfig
from s3im_methods.models.neus_facto_config import S3IMNeuSFactoModelConfig
from s3im_methods.models.neus_facto_presets import PRESETS, with_preset

KINDS = [(style, kind) for style in ("ours", "nerfstudio") for kind in ("object", "room")]


@pytest.mark.parametrize(("style", "kind"), KINDS)
def test_a_preset_leaves_nothing_open(style, kind):
    config = with_preset(S3IMNeuSFactoModelConfig(style=style, scene_kind=kind), {})
    for name in PRESETS[style, kind]:
        holder = config.sdf_field if name.startswith("sdf_field.") else config
        assert getattr(holder, name.removeprefix("sdf_field.")) is not None, name
    assert config.background_model is not None
    assert config.background_color is not None


@pytest.mark.parametrize("kind", ["object", "room"])
def test_auto_is_what_the_cameras_say(kind):
    config = with_preset(S3IMNeuSFactoModelConfig(), {"scene_kind": kind})
    assert config.scene_kind == kind
    assert config.sdf_field.inside_outside == (kind == "room")


def test_what_the_user_gives_stays():
    given = S3IMNeuSFactoModelConfig(
        scene_kind="object", bounds="near-far", background_model="none", sdf_field=S3IMSDFFieldConfig(bias=0.3)
    )
    config = with_preset(given, {})
    assert (config.bounds, config.background_model, config.sdf_field.bias) == ("near-far", "none", 0.3)
    assert given.sdf_field.beta_init is None


@pytest.mark.parametrize(("masked", "model", "colour"), [(True, "none", "white"), (False, "nerf++", "black")])
def test_masks_take_the_place_of_a_background(masked, model, colour):
    config = with_preset(S3IMNeuSFactoModelConfig(scene_kind="object"), {"has_foreground_mask": masked})
    assert (config.background_model, config.background_color) == (model, colour)


@pytest.mark.parametrize(("style", "kind"), KINDS)
def test_a_background_that_the_user_gives_has_black_behind_it(style, kind):
    config = with_preset(S3IMNeuSFactoModelConfig(style=style, scene_kind=kind, background_model="grid"), {})
    assert config.background_color == "black"


def test_the_sphere_is_the_datas_unless_it_is_given():
    metadata = {"scene_sphere_object": (1.0, 2.0, 3.0, 0.5), "scene_sphere_room": (0.0, 0.0, 0.0, 2.0)}
    config = with_preset(S3IMNeuSFactoModelConfig(scene_kind="object"), metadata)
    assert config.sphere(metadata) == ((1.0, 2.0, 3.0), 0.5)
    assert replace(config, sphere_radius=4.0).sphere(metadata) == ((1.0, 2.0, 3.0), 4.0)
    assert config.sphere({}) == ((0.0, 0.0, 0.0), 1.0)
    stock = with_preset(S3IMNeuSFactoModelConfig(style="nerfstudio"), metadata)
    assert stock.sphere(metadata) == ((0.0, 0.0, 0.0), 1.0)


@pytest.mark.parametrize(
    ("style", "kind", "available", "loss", "weight"),
    [
        ("ours", "room", True, "urban", 1.0),
        ("ours", "room", False, "none", 0.0),
        ("ours", "object", True, "none", 0.0),
        ("nerfstudio", "room", True, "none", 0.0),
    ],
)
def test_a_rooms_depth_is_learned_from_where_it_has_any(style, kind, available, loss, weight):
    given = S3IMNeuSFactoModelConfig(style=style, scene_kind=kind)
    config = with_preset(given, {"depth_available": available})
    assert (config.depth.kind, config.depth.weight()) == (loss, weight)


def test_the_depth_loss_that_the_user_gives_stays():
    given = S3IMNeuSFactoModelConfig(scene_kind="object", depth=DepthLossConfig(kind="l1", loss_mult=0.5))
    assert with_preset(given, {}).depth == given.depth
    lighter = S3IMNeuSFactoModelConfig(scene_kind="room", depth=DepthLossConfig(kind="auto", loss_mult=0.2))
    assert with_preset(lighter, {"depth_available": True}).depth.weight() == 0.2


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"sphere_radius": 0.0}, "sphere-radius is 0.0"),
        ({"background_model": "nerf++", "background_color": "white"}, "background-color is white"),
        ({"background_model": "nerf++", "bounds": "near-far"}, "background-model is nerf"),
        ({"eikonal_loss_mult": -1.0}, "eikonal-loss-mult is -1.0"),
        ({"curvature_loss_mult": float("nan")}, "curvature-loss-mult is nan"),
        ({"far_plane": 0.0}, "far-plane is 0.0"),
        ({"sdf_field": S3IMSDFFieldConfig(first_levels=17)}, "first-levels is 17"),
        ({"style": "neus"}, "no preset"),
    ],
)
def test_what_contradicts_itself_is_refused_in_a_sentence(settings, names):
    with pytest.raises(InputError, match=names):
        with_preset(S3IMNeuSFactoModelConfig(**{"scene_kind": "object", **settings}), {})
