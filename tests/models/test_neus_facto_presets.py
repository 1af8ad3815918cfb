"""What S3IM-NeuS-facto's settings become."""

import pytest

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.scene_sphere import SceneSphere
from s3im_methods.errors import InputError
from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.losses.depth import DepthLossConfig
from s3im_methods.method_configs import s3im_neus_facto, s3im_neus_facto_lite
from s3im_methods.models.neus_facto_config import S3IMNeuSFactoModelConfig
from s3im_methods.models.s3im_neus_facto import PRESETS, S3IMNeuSFactoModel

with_preset = S3IMNeuSFactoModel.decided
KINDS = [(style, kind) for style in ("ours", "nerfstudio") for kind in ("object", "room")]


@pytest.mark.parametrize(("style", "kind"), KINDS)
def test_a_preset_leaves_nothing_open(style, kind):
    config = with_preset(S3IMNeuSFactoModelConfig(style=style, scene_kind=kind), SceneFacts())
    for name in PRESETS[style, kind]:
        holder = config.sdf_field if name.startswith("sdf_field.") else config
        assert getattr(holder, name.removeprefix("sdf_field.")) is not None, name
    assert config.background_model is not None
    assert config.background_color is not None


def test_ours_is_not_nerfstudios_where_that_does_not_converge():
    config = with_preset(S3IMNeuSFactoModelConfig(scene_kind="object"), SceneFacts())
    assert (config.fg_mask_loss_mult, config.proposal_schedule) == (0.1, "nerfacto")
    field = config.sdf_field
    assert (field.sdf_at, field.fit_initial_sphere, field.beta_init) == ("midpoint", True, 0.3)


@pytest.mark.parametrize("method", [s3im_neus_facto, s3im_neus_facto_lite])
def test_annealing_and_unlocking_end_in_the_first_half_of_the_run(method):
    half = method.config.max_num_iterations / 2
    config = with_preset(method.config.pipeline.model, SceneFacts())
    field = config.sdf_field
    assert config.cos_anneal_steps is not None and field.unlock_every is not None
    assert 0 < config.cos_anneal_steps < half
    assert (field.num_levels - field.first_levels) * field.unlock_every < half
    assert (field.unlock_every > 0) == (method is s3im_neus_facto)


def test_a_rooms_grid_is_finest_among_the_cameras_and_its_rays_end_at_walls():
    room = with_preset(S3IMNeuSFactoModelConfig(scene_kind="room"), SceneFacts())
    assert (room.bounds, room.unit_share, room.background_color) == ("near-far", 1 / 3, "last_sample")
    scenes_object = with_preset(S3IMNeuSFactoModelConfig(scene_kind="object"), SceneFacts(has_foreground_mask=True))
    assert (scenes_object.bounds, scenes_object.unit_share) == ("sphere", 1.0)


@pytest.mark.parametrize("kind", ["object", "room"])
def test_auto_is_what_the_cameras_say(kind):
    config = with_preset(S3IMNeuSFactoModelConfig(), SceneFacts(scene_kind=kind))
    assert config.scene_kind == kind
    assert config.sdf_field.inside_outside == (kind == "room")


def test_what_the_user_gives_stays():
    given = S3IMNeuSFactoModelConfig(
        scene_kind="object", bounds="near-far", background_model="none", sdf_field=S3IMSDFFieldConfig(bias=0.3)
    )
    config = with_preset(given, SceneFacts())
    assert (config.bounds, config.background_model, config.sdf_field.bias) == ("near-far", "none", 0.3)
    assert given.sdf_field.beta_init is None


@pytest.mark.parametrize(("masked", "model", "colour"), [(True, "none", "white"), (False, "nerf++", "black")])
def test_masks_take_the_place_of_a_background(masked, model, colour):
    config = with_preset(S3IMNeuSFactoModelConfig(scene_kind="object"), SceneFacts(has_foreground_mask=masked))
    assert (config.background_model, config.background_color) == (model, colour)


@pytest.mark.parametrize(("style", "kind"), KINDS)
def test_a_background_that_the_user_gives_has_black_behind_it(style, kind):
    config = with_preset(S3IMNeuSFactoModelConfig(style=style, scene_kind=kind, background_model="grid"), SceneFacts())
    assert config.background_color == "black"


def test_the_sphere_is_the_datas_unless_it_is_given():
    facts = SceneFacts(
        object_sphere=SceneSphere((1.0, 2.0, 3.0), 0.5, "object"),
        room_sphere=SceneSphere((0.0, 0.0, 0.0), 2.0, "room"),
    )
    config = with_preset(S3IMNeuSFactoModelConfig(scene_kind="object"), facts)
    assert (config.sphere_center, config.sphere_radius) == ((1.0, 2.0, 3.0), 0.5)
    larger = with_preset(S3IMNeuSFactoModelConfig(scene_kind="object", sphere_radius=4.0), facts)
    assert (larger.sphere_center, larger.sphere_radius) == ((1.0, 2.0, 3.0), 4.0)
    of_room = with_preset(S3IMNeuSFactoModelConfig(scene_kind="room"), facts)
    assert (of_room.sphere_center, of_room.sphere_radius) == ((0.0, 0.0, 0.0), 2.0)
    unknown = with_preset(S3IMNeuSFactoModelConfig(), SceneFacts())
    assert (unknown.sphere_center, unknown.sphere_radius) == ((0.0, 0.0, 0.0), 1.0)
    stock = with_preset(S3IMNeuSFactoModelConfig(style="nerfstudio"), facts)
    assert (stock.sphere_center, stock.sphere_radius) == ((0.0, 0.0, 0.0), 1.0)


@pytest.mark.parametrize(
    ("style", "kind", "source", "loss", "weight"),
    [
        ("ours", "room", "sensor", "urban", 1.0),
        ("ours", "room", "composite", "urban", 1.0),
        ("ours", "room", "sparse", "none", 0.0),
        ("ours", "room", "none", "none", 0.0),
        ("ours", "object", "sensor", "none", 0.0),
        ("nerfstudio", "room", "sensor", "none", 0.0),
    ],
)
def test_a_rooms_sensor_depth_is_learned_from(style, kind, source, loss, weight):
    given = S3IMNeuSFactoModelConfig(style=style, scene_kind=kind)
    config = with_preset(given, SceneFacts(depth_source=source))
    assert (config.depth.kind, config.depth.weight()) == (loss, weight)


def test_the_depth_loss_that_the_user_gives_stays():
    given = S3IMNeuSFactoModelConfig(scene_kind="object", depth=DepthLossConfig(kind="l1", loss_mult=0.5))
    assert with_preset(given, SceneFacts()).depth == given.depth
    lighter = S3IMNeuSFactoModelConfig(scene_kind="room", depth=DepthLossConfig(kind="auto", loss_mult=0.2))
    assert with_preset(lighter, SceneFacts(depth_source="sensor")).depth.weight() == 0.2


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"sphere_radius": 0.0}, "sphere-radius is 0.0"),
        ({"background_model": "nerf++", "background_color": "white"}, "background-color is white"),
        ({"background_model": "nerf++", "bounds": "near-far"}, "background-model is nerf"),
        ({"eikonal_loss_mult": -1.0}, "eikonal-loss-mult is -1.0"),
        ({"curvature_loss_mult": float("nan")}, "curvature-loss-mult is nan"),
        ({"far_plane": 0.0}, "far-plane is 0.0"),
        ({"near_plane": 0.0}, "near-plane is 0.0"),
        ({"bounds": "near-far", "background_model": "none", "unit_share": 0.0}, "unit-share is 0.0"),
        ({"near_plane": 2.0, "far_plane": 1.0}, "far-plane is 1.0"),
        ({"sphere_radius": float("inf")}, "sphere-radius is inf"),
        ({"sphere_center": (0.0, float("nan"), 0.0)}, "sphere-center is"),
        ({"unit_share": 0.5}, "unit-share is 0.5"),
        ({"mono_depth_loss_mult": -1.0}, "mono-depth-loss-mult is -1.0"),
        ({"proposal_update_every": 0}, "proposal-update-every is 0"),
        ({"background_model": "nerf++", "far_plane_bg": 0.9}, "far-plane-bg is 0.9: give a finite distance above"),
        ({"background_model": "nerf++", "far_plane_bg": float("inf")}, "far-plane-bg is inf"),
        ({"sdf_field": S3IMSDFFieldConfig(first_levels=17, unlock_every=10)}, "first-levels is 17"),
        ({"sdf_field": S3IMSDFFieldConfig(beta_init=float("nan"))}, "beta-init is nan: give a finite number"),
        ({"sdf_field": S3IMSDFFieldConfig(bias=0.0)}, "bias is 0.0: give a radius above 0"),
        ({"sdf_field": S3IMSDFFieldConfig(band=-1.0)}, "band is -1.0: give a width, or 0"),
        ({"sdf_field": S3IMSDFFieldConfig(unlock_every=-5)}, "unlock-every is -5: give a number of steps, or 0"),
        ({"style": "neus"}, "no preset"),
    ],
)
def test_what_contradicts_itself_is_refused_in_a_sentence(settings, names):
    with pytest.raises(InputError, match=names):
        with_preset(S3IMNeuSFactoModelConfig(**{"scene_kind": "object", **settings}), SceneFacts())


def test_a_background_outside_the_sphere_brings_the_sphere_and_black_with_it():
    config = with_preset(S3IMNeuSFactoModelConfig(scene_kind="room", background_model="nerf++"), SceneFacts())
    assert (config.bounds, config.background_color, config.unit_share) == ("sphere", "black", 1.0)


def test_nerfstudios_flag_for_near_and_far_planes_is_heard():
    given = S3IMNeuSFactoModelConfig(style="nerfstudio", overwrite_near_far_plane=True)
    assert with_preset(given, SceneFacts()).bounds == "near-far"


def test_without_unlocking_the_number_of_first_levels_does_not_matter():
    with_preset(S3IMNeuSFactoModelConfig(sdf_field=S3IMSDFFieldConfig(num_levels=2, unlock_every=0)), SceneFacts())


def test_what_is_decided_once_stays_decided():
    decided = with_preset(S3IMNeuSFactoModelConfig(), SceneFacts(scene_kind="room", depth_source="sensor"))
    assert with_preset(decided, SceneFacts(scene_kind="object", has_foreground_mask=True)) == decided
