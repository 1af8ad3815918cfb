"""Runs of S3IM-NeuS-facto by the trainer at thumbnail size: what a scene makes of the preset, and bad input."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from nerfstudio.configs.method_configs import all_methods
from nerfstudio.utils import eval_utils
from nerfstudio.utils.rich_utils import CONSOLE
from PIL import Image
from short_runs import short_config, train

from s3im_methods.data.parsers.idr import IDRDataParserConfig
from s3im_methods.errors import InputError
from s3im_methods.method_configs import s3im_neus_facto_lite
from s3im_methods.scenes import RoomConfig, write_scene

METHOD = "s3im-neus-facto-lite"


def said(settings: Any, **model: Any) -> str:
    """Train, and return what was printed."""
    for name, value in model.items():
        setattr(settings.pipeline.model, name, value)
    with CONSOLE.capture() as capture:
        train(settings)
    return " ".join(capture.get().split())


def test_an_object_before_nothing_is_learned_and_evaluated(scenes, tmp_path, monkeypatch):
    output = said(short_config(s3im_neus_facto_lite.config, scenes / "object", tmp_path, 60))
    assert "preset: ours, object" in output
    assert "background: none, white; depth loss: none" in output
    assert "training cameras are inside" not in output and "training views see less" not in output

    # ns-eval loads a run like this.
    monkeypatch.setitem(all_methods, METHOD, s3im_neus_facto_lite.config)
    _, pipeline, _, step = eval_utils.eval_setup(tmp_path / "run" / METHOD / "one" / "config.yml")
    assert step == 59
    metrics = pipeline.get_average_eval_image_metrics()
    assert metrics is not None and metrics["psnr"] > 13
    # The object's half of the sphere, white around it.
    model: Any = pipeline.model
    data: Any = pipeline.datamanager.eval_dataset
    accumulation = model.get_outputs_for_camera(data.cameras[:1])["accumulation"].numpy()
    foreground = data[0]["fg_mask"].numpy()
    assert np.corrcoef(accumulation.ravel(), foreground.ravel())[0, 1] > 0.7


@pytest.mark.parametrize("kind", ["room", "object"])
def test_nerfstudios_style_trains_on_nerfstudios_scenes(kind, scenes, tmp_path):
    output = said(short_config(s3im_neus_facto_lite.config, scenes / kind, tmp_path, 2), style="nerfstudio")
    assert f"preset: nerfstudio, {kind}, in the sphere around (0, 0, 0) of radius 1;" in output
    # What the images decided is kept, so that the run can be rendered without them.
    kept = yaml.load((tmp_path / "run" / METHOD / "one" / "config.yml").read_text(), Loader=yaml.Loader)
    assert (kept.pipeline.model.scene_kind, kept.pipeline.model.sphere_radius) == (kind, 1.0)


def test_an_object_forced_on_a_room_is_warned_of_and_trains(scenes, tmp_path):
    output = said(short_config(s3im_neus_facto_lite.config, scenes / "room", tmp_path, 2), scene_kind="object")
    assert "of 8 training cameras are inside the sphere around (" in output
    assert "or set --pipeline.model.scene-kind room." in output
    assert "preset: ours, object" in output


def without_depth(scene: Path, **more: str) -> Path:
    """The same scene's images and nothing of depth, with more entries of each frame."""
    meta = json.loads((scene / "transforms.json").read_text())
    meta.pop("ply_file_path")
    for frame in meta["frames"]:
        frame.pop("depth_file_path")
        frame.update(more)
    path = scene / "without_depth.json"
    path.write_text(json.dumps(meta))
    return path


def test_a_depth_loss_without_depth_is_refused(scenes, tmp_path):
    scene = without_depth(scenes / "room")
    settings = short_config(s3im_neus_facto_lite.config, scene, tmp_path, 2)
    settings.pipeline.model.depth.kind = "bounded"
    with pytest.raises(InputError, match=r"no depth to train on: .* or set --pipeline\.model\.depth\.kind none"):
        train(settings)
    settings.pipeline.model.depth.kind = "auto"
    assert "depth loss: none" in said(settings)


@pytest.mark.parametrize(
    ("setting", "flag", "what"),
    [
        ("mono_normal_loss_mult", "mono-normal-loss-mult", "no normals to train on: .* a normal_file_path"),
        (
            "mono_depth_loss_mult",
            "mono-depth-loss-mult",
            "no monocular depth to train on: .* --include-mono-prior",
        ),
    ],
)
def test_a_weight_of_priors_that_a_scene_has_not_is_refused(setting, flag, what, scenes, tmp_path):
    settings = short_config(s3im_neus_facto_lite.config, without_depth(scenes / "object"), tmp_path, 2)
    setattr(settings.pipeline.model, setting, 0.1)
    with pytest.raises(InputError, match=rf"{what}.*, or set --pipeline\.model\.{flag} 0"):
        train(settings)


def test_a_room_in_monosdfs_layout_learns_from_its_priors_and_says_so(tmp_path):
    small: Any = {"width": 24, "height": 18, "train_views": 8, "test_views": 2, "light_samples": 4, "supersampling": 1}
    write_scene(RoomConfig(**small, layout="idr"), tmp_path / "room")
    parser = IDRDataParserConfig(data=tmp_path / "room")

    def line(priors: str) -> str:
        settings = short_config(s3im_neus_facto_lite.config, tmp_path / "room", tmp_path / priors, 2)
        settings.pipeline.datamanager.dataparser = parser
        return said(settings, monocular_priors=priors)

    assert (
        "monocular priors: depth with weight 0.1 and normals with weight 0.05 (--pipeline.model.monocular-priors none "
        "leaves them out)"
    ) in line("auto")
    assert "monocular priors: none" in line("none")


@pytest.mark.parametrize("use_masks", [True, False])
def test_masks_of_another_size_are_refused(use_masks, scenes, tmp_path):
    mask = scenes / "mask.png"
    Image.new("L", (12, 9), 255).save(mask)
    scene = without_depth(scenes / "object", mask_path=str(mask))
    settings = short_config(s3im_neus_facto_lite.config, scene, tmp_path, 2)
    settings.pipeline.datamanager.use_masks = use_masks
    with pytest.raises(InputError, match=r"with 12 x 9 where .* has 24 x 18 pixels"):
        train(settings)
