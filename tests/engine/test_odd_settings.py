"""Numbers of rays and steps that cannot be, and flags that others switch off."""

import copy
import dataclasses

import pytest
from nerfstudio.configs.method_configs import all_methods

from s3im_methods.engine.leaves import leaves
from s3im_methods.engine.odd_settings import _LEAST, _SWITCHES, check_numbers, idle_settings
from s3im_methods.errors import InputError


def config(method: str, **settings):
    found = copy.deepcopy(all_methods[method])
    for path, value in settings.items():
        *parents, last = path.split("__")
        holder = found
        for parent in parents:
            holder = getattr(holder, parent)
        setattr(holder, last, value)
    return found


@pytest.mark.parametrize("method", all_methods)
def test_no_method_is_odd_by_itself(method):
    if hasattr(all_methods[method], "pipeline"):
        check_numbers(all_methods[method])
    assert idle_settings(all_methods[method]) == []


@pytest.mark.parametrize("name", _LEAST)
@pytest.mark.parametrize("method", ["s3im-nerfacto", "nerfacto"])
def test_numbers_that_are_too_small(name, method):
    given = config(method, **{name.replace(".", "__"): _LEAST[name]})
    check_numbers(given)
    given = config(method, **{name.replace(".", "__"): _LEAST[name] - 1})
    with pytest.raises(InputError, match=rf"--{name.replace('_', '-')} is {_LEAST[name] - 1}: give {_LEAST[name]} or"):
        check_numbers(given)


@pytest.mark.parametrize("seed", [-1, 2**32, 99999999999999999999])
def test_a_seed_that_numpy_does_not_take(seed):
    check_numbers(config("s3im-nerfacto", machine__seed=0))
    with pytest.raises(InputError, match=rf"--machine.seed is {seed}: give 0 to 4294966296\."):
        check_numbers(config("s3im-nerfacto", machine__seed=seed))


def test_several_machines_need_an_address():
    with pytest.raises(InputError, match=r"--machine.num-machines is 2: give --machine.dist-url the address at which"):
        check_numbers(config("s3im-nerfacto", machine__num_machines=2))
    check_numbers(config("s3im-nerfacto", machine__num_machines=2, machine__dist_url="tcp://10.0.0.1:2345"))


def test_a_group_that_no_optimizer_has():
    check_numbers(config("s3im-nerfacto", gradient_accumulation_steps={"fields": 2}))
    sentence = "--gradient-accumulation-steps names 'nosuch', which no optimizer has: give one of proposal_networks, fi"
    with pytest.raises(InputError, match=sentence):
        check_numbers(config("s3im-nerfacto", gradient_accumulation_steps={"nosuch": 2}))


@pytest.mark.parametrize("split", ["train", "eval"])
@pytest.mark.parametrize(("number", "is_wrong"), [(-2, True), (-1, False), (0, True), (1, False), (99, False)])
def test_how_many_images_are_kept(split, number, is_wrong):
    name = f"{split}_num_images_to_sample_from"
    given = config("s3im-nerfacto", **{f"pipeline__datamanager__{name}": number})
    if not is_wrong:
        check_numbers(given)
        return
    with pytest.raises(InputError, match=rf"{name.replace('_', '-')} is {number}: give 1 or more, or -1 for all\."):
        check_numbers(given)


def test_steps_of_accumulation():
    with pytest.raises(InputError, match=r"--gradient-accumulation-steps\.fields is 0: give 1 or more"):
        check_numbers(config("s3im-nerfacto", gradient_accumulation_steps={"fields": 0}))


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("num_levels", 0, "1 or more"),
        ("hidden_dim", 0, "1 or more"),
        ("num_nerf_samples_per_ray", 0, "1 or more"),
        ("num_proposal_samples_per_ray", (64, 0), "1 or more"),
        ("num_proposal_iterations", 3, "at most 2, or change --pipeline.model.num-proposal-samples-per-ray"),
        ("log2_hashmap_size", 40, "at most 30"),
        ("base_res", 4096, "at most 2048, or change --pipeline.model.max-res"),
        ("average_init_density", 0.0, "a number above 0"),
        ("interlevel_loss_mult", -1.0, "a number, 0 or above"),
        ("distortion_loss_mult", float("nan"), "a number, 0 or above"),
    ],
)
@pytest.mark.parametrize("method", ["s3im-nerfacto", "nerfacto"])
def test_models_that_cannot_be(method, name, value, wanted):
    with pytest.raises(InputError, match=rf"--pipeline\.model\.{name.replace('_', '-')} is .*: give {wanted}"):
        check_numbers(config(method, **{f"pipeline__model__{name}": value}))


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_learning_rates_and_scales(value):
    given = config("s3im-nerfacto", pipeline__datamanager__dataparser__scene_scale=value)
    with pytest.raises(InputError, match=r"dataparser\.scene-scale is .*: give a number above 0"):
        check_numbers(given)
    given = config("s3im-nerfacto")
    given.optimizers["fields"]["optimizer"].lr = value
    with pytest.raises(InputError, match=r"--optimizers\.fields\.optimizer\.lr is .*: give a number above 0"):
        check_numbers(given)


def test_schedules():
    given = config("s3im-nerfacto")
    schedule = given.optimizers["fields"]["scheduler"]
    schedule.max_steps = 0
    with pytest.raises(InputError, match=r"scheduler\.max-steps is 0: give 1 or more"):
        check_numbers(given)
    schedule.max_steps = schedule.warmup_steps = 100
    with pytest.raises(InputError, match=r"scheduler\.max-steps is 100: give another number than warmup-steps has"):
        check_numbers(given)


def test_switches_are_settings():
    known = {name for method in all_methods.values() for name, _ in leaves(method)}
    for beginning, switch, _ in _SWITCHES:
        assert switch in known
        assert any(name.startswith(beginning) for name in known - {switch})


def test_flags_of_what_is_off():
    assert idle_settings(config("s3im-nerfacto", pipeline__model__s3im__loss_mult=0.0)) == []
    off = {"pipeline__model__s3im__loss_mult": 0.0, "pipeline__model__s3im__kernel_size": 8}
    assert idle_settings(config("s3im-nerfacto", **off, pipeline__model__s3im__patch_height=8)) == [
        "--pipeline.model.s3im.kernel-size, --pipeline.model.s3im.patch-height have no effect, because "
        "--pipeline.model.s3im.loss-mult is 0.0."
    ]


def test_a_height_that_a_mode_ignores():
    (line,) = idle_settings(config("s3im-nerfacto", pipeline__model__s3im__patch_height=8))
    assert line == ("--pipeline.model.s3im.patch-height has no effect, because --pipeline.model.s3im.mode is grouped.")
    official = {"pipeline__model__s3im__mode": "official", "pipeline__model__s3im__patch_height": 8}
    assert idle_settings(config("s3im-nerfacto", **official)) == []


def test_a_falling_weight_of_the_papers_sum():
    falling = {"pipeline__model__s3im__end_step": 100}
    assert idle_settings(config("s3im-nerfacto", **falling)) == []
    (line,) = idle_settings(config("s3im-nerfacto", **falling, pipeline__model__s3im__balance="add"))
    assert line == "--pipeline.model.s3im.end-step has no effect, because --pipeline.model.s3im.balance is add."


def test_depth_that_is_not_learned():
    given = config("s3im-depth-nerfacto", pipeline__model__depth__kind="none", pipeline__model__depth__loss_mult=5.0)
    (line,) = idle_settings(given)
    assert line == "--pipeline.model.depth.loss-mult has no effect, because --pipeline.model.depth.kind is none."


def test_weights_of_normals_that_nothing_predicts():
    given = {"pipeline__model__pred_normal_loss_mult": 0.5, "pipeline__model__orientation_loss_mult": 0.5}
    for line in (lines := idle_settings(config("s3im-mipnerf360", **given))):
        assert line.endswith("-loss-mult has no effect, because --pipeline.model.predict-normals is False.")
    assert len(lines) == 2
    assert idle_settings(config("s3im-mipnerf360", **given, pipeline__model__reflection="ref-nerf")) == []


def test_settings_of_the_other_encoding():
    grid, networks = {"pipeline__model__max_res": 64}, {"pipeline__model__num_octaves": 4}
    for method, idle, known in (("s3im-mipnerf360", grid, networks), ("s3im-mipnerf360-lite", networks, grid)):
        assert idle_settings(config(method, **known)) == []
        (line,) = idle_settings(config(method, **known, **idle))
        encoding = all_methods[method].pipeline.model.encoding
        assert line.endswith(f"has no effect, because --pipeline.model.encoding is {encoding}.")
    assert idle_settings(config("s3im-nerfacto", **grid)) == []


def test_a_split_by_another_rule():
    (line,) = idle_settings(config("s3im-nerfacto", pipeline__datamanager__dataparser__eval_interval=4))
    assert line.endswith(
        "eval-interval has no effect, because --pipeline.datamanager.dataparser.eval-mode is fraction."
    )


def test_settings_of_nerfstudios_tensorf_that_other_styles_have_not():
    given = config(
        "s3im-tensorf",
        pipeline__model__regularization="l1",
        pipeline__model__use_gradient_scaling=True,
        pipeline__model__regularization_decay_steps=5,
    )
    given.pipeline.model.loss_coefficients = {**given.pipeline.model.loss_coefficients, "l1_reg": 1.0}
    names = ("regularization", "loss-coefficients.l1-reg")
    assert idle_settings(given) == [
        f"--pipeline.model.{name} has no effect, because --pipeline.model.style is ours." for name in names
    ]
    given.pipeline.model.style = "nerfstudio"
    assert idle_settings(given) == []


def test_settings_of_nerfstudios_surfaces_that_nothing_reads():
    given = config("s3im-neus-facto", pipeline__model__periodic_tvl_mult=0.1)
    given.pipeline.model.sdf_field = dataclasses.replace(given.pipeline.model.sdf_field, use_hash=False)
    lines = idle_settings(given)
    assert lines == [
        "--pipeline.model.periodic-tvl-mult has no effect, because no surface method has such a loss.",
        "--pipeline.model.sdf-field.use-hash has no effect, because the field has hash grids, or with use-grid-feature "
        "False none.",
    ]


def test_numbers_of_samples_where_steps_are_equal():
    samples = {"pipeline__model__num_samples": 8, "pipeline__model__num_uniform_samples": 9}
    assert idle_settings(config("s3im-tensorf", **samples)) == []
    lines = idle_settings(config("s3im-tensorf", **samples, pipeline__model__sampling="steps"))
    assert lines[0] == "--pipeline.model.num-samples has no effect, because --pipeline.model.sampling is steps."
    assert len(lines) == 2
