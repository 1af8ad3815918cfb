"""What the presets set: the numbers of those whose method they are, and never over the user's own."""

import pytest

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.models.s3im_tensorf import S3IMTensoRFModelConfig
from s3im_methods.models.tensorf_presets import with_preset


def preset(**settings) -> S3IMTensoRFModelConfig:
    return with_preset(S3IMTensoRFModelConfig(**settings), SceneFacts())


def test_original_has_the_numbers_of_the_original_code():
    for kind in ("room", "object"):
        found = preset(style="original", scene_kind=kind)
        assert (found.density_activation, found.density_shift, found.distance_scale) == ("softplus", -10.0, 25.0)
        assert (found.sampling, found.step_ratio, found.color_weight_threshold) == ("steps", 0.5, 1e-4)
        assert (found.alpha_mask_steps, found.shrink_box_steps, found.filter_rays_step) == ((2000, 4000), (2000,), 4000)
        assert (found.space, found.resolution_by_axis, found.upsampling_restarts) == ("box", True, "all")
    assert (found.background_color, found.tv_density, found.tv_color) == ("white", 0.0, 0.0)
    assert (found.l1_density, found.l1_density_rest) == (8e-5, 4e-5)
    room = preset(style="original", scene_kind="room")
    assert (room.background_color, room.box_scale, room.tv_density, room.tv_color) == ("coin", 1.8, 1e-3, 1e-4)
    assert (room.l1_density, room.l1_density_rest) == (0.0, 0.0)


def test_nerfstudio_lacks_what_its_port_lacks():
    found = preset(style="nerfstudio", regularization="tv")
    assert (found.density_activation, found.distance_scale, found.sampling) == ("relu", 1.0, "uniform-pdf")
    assert (found.tv_density, found.l1_density, found.color_weight_threshold) == (0.0, 0.0, 0.0)
    assert (found.alpha_mask_steps, found.resolution_by_axis, found.encoding_octaves) == ((), False, "nerfstudio")
    assert found.regularization == "tv"


def test_ours_begins_with_space_dense_enough_to_have_a_colour():
    found = preset(style="ours", scene_kind="room")
    assert found.density_shift == -4.0
    assert (found.space, found.sampling, found.background_color) == ("contraction", "uniform-pdf", "last_sample")


@pytest.mark.parametrize("style", ["ours", "original"])
def test_the_ports_regularisers_give_way(style):
    assert preset(style=style, regularization="tv").regularization == "none"


@pytest.mark.parametrize("style", ["ours", "original", "nerfstudio"])
def test_what_the_user_gives_stays_and_the_given_settings_are_not_touched(style):
    given = S3IMTensoRFModelConfig(style=style, density_shift=-7.0, distance_scale=3.0, tv_density=0.5, near_plane=0.2)
    found = with_preset(given, SceneFacts())
    assert (found.density_shift, found.distance_scale, found.tv_density, found.near_plane) == (-7.0, 3.0, 0.5, 0.2)
    assert given.box_scale is None and given.scene_kind == "auto"


def test_a_scene_of_unknown_kind_is_a_room():
    assert preset(style="original") == preset(style="original", scene_kind="room")


@pytest.mark.parametrize(
    ("style", "given", "transparent", "scale", "expected"),
    [
        ("ours", "auto", True, 1.25, ("object", "white", 1.25)),
        ("ours", "object", True, 1.25, ("object", "white", 1.25)),
        ("ours", "auto", True, None, ("room", "white", 1.0)),
        ("ours", "auto", False, None, ("room", "last_sample", 1.0)),
        ("ours", "room", True, 1.25, ("room", "white", 1.0)),
        ("original", "auto", True, 1.0, ("object", "white", 1.0)),
        ("original", "room", True, 1.0, ("room", "coin", 1.8)),
    ],
)
def test_cut_out_objects_are_objects_before_white(style, given, transparent, scale, expected):
    facts = SceneFacts(has_transparent_background=transparent, object_box_scale=scale)
    found = with_preset(S3IMTensoRFModelConfig(style=style, scene_kind=given), facts)
    assert (found.scene_kind, found.background_color, found.box_scale) == expected
    # As config.yml has it, when the run is rendered without its images.
    assert with_preset(found, SceneFacts()) == found


def test_a_background_that_the_user_gives_stays_behind_cut_out_objects():
    config = S3IMTensoRFModelConfig(background_color="last_sample")
    assert with_preset(config, SceneFacts(has_transparent_background=True)).background_color == "last_sample"


def test_cp_has_no_total_variation():
    found = preset(style="original", scene_kind="room", tensorf_encoding="cp")
    assert (found.tv_density, found.tv_color) == (0.0, 0.0)


@pytest.mark.parametrize("kind", ["room", "object"])
def test_cp_of_the_original_has_its_own_l1(kind):
    found = preset(style="original", scene_kind=kind, tensorf_encoding="cp")
    assert (found.l1_density, found.l1_density_rest) == (1e-5, 1e-5)
    assert preset(style="original", scene_kind=kind, tensorf_encoding="cp", l1_density=0.0).l1_density == 0
    ours, vm = (preset(style="ours", scene_kind=kind, tensorf_encoding=encoding) for encoding in ("cp", "vm"))
    assert (ours.l1_density, ours.l1_density_rest) == (vm.l1_density, vm.l1_density_rest)


def test_pictures_of_a_rooms_depth_have_its_range():
    assert preset(style="ours", scene_kind="room").collider_params == {"near_plane": 0.0, "far_plane": 4.0}
    usual = S3IMTensoRFModelConfig().collider_params
    assert preset(style="ours", scene_kind="object").collider_params == usual


def test_a_range_of_depth_that_the_user_gives_stays():
    given = {"near_plane": 0.5, "far_plane": 9.0}
    assert preset(style="ours", scene_kind="room", collider_params=given).collider_params == given
