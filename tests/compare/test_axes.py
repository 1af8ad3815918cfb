"""What axes mean as flags, their combinations, and what is refused."""

import pytest

from s3im_methods.compare.axes import SceneEdit, in_order_of, parse_axis, parse_setting, variants
from s3im_methods.compare.corruption import Corruption
from s3im_methods.errors import InputError


def flags(text: str) -> list[str]:
    return [" ".join(word for setting in choice.settings for word in setting) for choice in parse_axis(text).choices]


def test_named_axes_are_flags():
    s3im, share = "--pipeline.model.s3im", "--pipeline.datamanager.pixel-sampler.patch-share"
    assert flags("loss") == [f"{s3im}.loss-mult 0", ""]
    assert flags("loss=add,keep,control") == [
        f"{s3im}.balance add",
        f"{s3im}.balance keep",
        f"{s3im}.role control {s3im}.balance add",
    ]
    assert flags("loss=patch,both") == [f"{s3im}.mode {mode} {share} 0.5" for mode in ("patch", "both")]
    assert flags("weight=0.3,3") == [f"{s3im}.loss-mult 0.3", f"{s3im}.loss-mult 3"]
    assert flags("weight") == [f"{s3im}.loss-mult {value}" for value in ("0", "0.3", "1", "3")]
    assert flags("repeat=5") == [f"{s3im}.repeat-time 5"]
    assert flags("kernel=8") == [f"{s3im}.kernel-size 8 {s3im}.stride 8"]
    assert flags("patch-share=1") == [f"{share} 1"]


def test_all_values_of_scales_are_judged_at_the_same_scales():
    judged = "--pipeline.datamanager.eval-scales 1 2 4"
    assert flags("scales=1,1+2,4") == [f"--pipeline.datamanager.scales {s} {judged}" for s in ("1", "1 2", "4")]


def test_a_field_is_an_axis_however_its_words_are_joined():
    for name in ("pipeline.model.sdf_field.num_layers", "--pipeline.model.sdf-field.num-layers"):
        axis = parse_axis(f"{name}=1,2")
        assert axis.name == "pipeline.model.sdf-field.num-layers"
        assert [choice.settings for choice in axis.choices] == [
            (("--pipeline.model.sdf-field.num-layers", value),) for value in ("1", "2")
        ]
    assert flags("pipeline.model.upsampling-iters=400 800") == ["--pipeline.model.upsampling-iters 400 800"]


def test_views_and_corruption_change_the_scene():
    assert [choice.edit for choice in parse_axis("views=6,all").choices] == [SceneEdit(views=6), SceneEdit()]
    corruptions = [choice.edit.corruption for choice in parse_axis("corruption=none,noise,blur:1.5").choices]
    assert corruptions == [None, Corruption("noise", 0.1), Corruption("blur", 1.5)]
    assert not SceneEdit() and SceneEdit(views=3)


def test_all_combinations_the_last_axis_first():
    found = variants([parse_axis("loss=none,s3im"), parse_axis("views=6,all"), parse_axis("corruption=blur")])
    assert [list(variant.values.values()) for variant in found] == [
        ["none", "6", "blur"],
        ["none", "all", "blur"],
        ["s3im", "6", "blur"],
        ["s3im", "all", "blur"],
    ]
    assert found[0].settings == (("--pipeline.model.s3im.loss-mult", "0"),)
    assert found[0].edit == SceneEdit(6, Corruption("blur", 2.0))
    assert found[3].settings == () and found[3].edit == SceneEdit(None, Corruption("blur", 2.0))


def test_without_axes_there_is_the_method_as_it_is():
    (variant,) = variants([])
    assert variant.values == {} and variant.settings == () and not variant.edit


def test_axes_that_set_one_flag_twice_are_refused():
    with pytest.raises(InputError) as error:
        variants([parse_axis("loss"), parse_axis("weight")])
    assert str(error.value) == (
        "The axes loss and weight both set --pipeline.model.s3im.loss-mult: use one of them, or values that do not."
    )
    assert len(variants([parse_axis("loss=s3im,control"), parse_axis("weight")])) == 8


def test_wrong_axes_get_a_sentence():
    wrong = {
        "los": "No axis 'los': give one of loss, weight, repeat, kernel, patch-share, views, corruption, scales, or a "
        "field of the configuration with its values, such as pipeline.model.s3im.loss-mult=0.3,1.",
        "loss=ssim": "The axis loss has no value 'ssim': give some of none, s3im, add, keep, control, patch, both.",
        "weight=1,": "The axis 'weight=1,' lacks a value: give weight=VALUE,VALUE.",
        "weight=1,1": "The axis 'weight=1,1' has a value twice: give each once.",
        "pipeline.model.far-plane": "The axis 'pipeline.model.far-plane' lacks a value: give "
        "pipeline.model.far-plane=VALUE,VALUE.",
        "views=1": "The axis views has the value '1': give numbers of training views from 2 on, or all.",
        "scales=1,a": "The axis scales has the value 'a': give different whole numbers joined by +, such as 1+2+4.",
        "scales=1+1": "The axis scales has the value '1+1': give different whole numbers joined by +, such as 1+2+4.",
        "corruption=rain": "No corruption 'rain': give none, noise, blur or exposure, or one with its strength.",
        "corruption=blur:0": "The strength in the corruption 'blur:0' is no number above 0: give one, as in noise:0.1.",
        "corruption=blur:x": "The strength in the corruption 'blur:x' is no number above 0: give one, as in noise:0.1.",
    }
    for text, sentence in wrong.items():
        with pytest.raises(InputError) as error:
            parse_axis(text)
        assert str(error.value) == sentence
    with pytest.raises(InputError, match=r"An axis is given twice in --axes loss loss: give each once\."):
        variants([parse_axis("loss"), parse_axis("loss=none")])


def test_settings():
    assert parse_setting("pipeline.model.upsampling_iters=1 2") == ("--pipeline.model.upsampling-iters", "1", "2")
    for text in ("pipeline.model.far-plane", "=3", "pipeline.model.far-plane="):
        with pytest.raises(InputError) as error:
            parse_setting(text)
        assert str(error.value) == (
            f"'{text}' is no setting: give FIELD.PATH=VALUE, such as pipeline.model.s3im.loss-mult=0.3."
        )
    for parse in (parse_setting, parse_axis):
        with pytest.raises(InputError) as error:
            parse("pipeline.model.style='x")
        assert str(error.value) == ("The value 'x has a quotation mark that is not closed: close it, or leave it out.")


def test_a_later_call_may_give_the_axes_in_another_order():
    axes = [parse_axis(text) for text in ("views", "kernel", "loss")]
    assert [axis.name for axis in in_order_of(axes, ["loss", "weight", "views"])] == ["loss", "views", "kernel"]
    assert in_order_of(axes, []) == tuple(axes)
