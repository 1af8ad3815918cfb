"""s3im check refuses what training refuses, and nothing else."""

import copy

import pytest
from nerfstudio.configs.method_configs import all_methods
from PIL import Image

from s3im_methods.checkup.report import report_scene
from s3im_methods.errors import InputError


def report(scene, method="s3im-nerfacto-lite", **settings):
    config = copy.deepcopy(all_methods[method])
    manager = config.pipeline.datamanager
    manager.dataparser = scene.config()
    for name, value in settings.items():
        setattr(manager, name, value)
    scene.write()
    return report_scene(config)


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), 0.01, 1e9])
def test_resolution(scene, factor):
    with pytest.raises(InputError, match="camera-res-scale-factor"):
        report(scene, camera_res_scale_factor=factor)


def test_enlarged_images_are_said(scene):
    assert any("enlarges" in line for line in report(scene, camera_res_scale_factor=2.0).warnings)


def test_depth_of_held_out_views_is_looked_for(scene):
    scene.path("depths/4.png").unlink()
    with pytest.raises(InputError, match=r"depth maps? (is|are) missing, namely '.*depths/4.png'"):
        report(scene, "s3im-depth-nerfacto-lite")
    (line,) = [line for line in report(scene).warnings if "learns from depth" in line]
    assert "depths/4.png" in line


def test_depth_of_held_out_views_of_another_shape(scene):
    scene.save("depths/4.png", "I;16", (6, 8))
    with pytest.raises(InputError, match=r"depths/4\.png"):
        report(scene, "s3im-depth-nerfacto-lite")
    (line,) = [line for line in report(scene).warnings if "learns from depth" in line]
    assert "depths/4.png" in line


def test_an_image_without_a_pixel(scene):
    Image.new("L", scene.size).save(scene.path("masks/1.png"))
    with pytest.raises(InputError, match="has no pixel to train on"):
        report(scene)


def test_depth_is_no_matter_of_a_method_without(scene):
    scene.path("depths/1.png").write_bytes(b"")
    (line,) = [line for line in report(scene).warnings if "learns from depth" in line]
    assert "is unreadable" in line
    with pytest.raises(InputError, match="is unreadable"):
        report(scene, "s3im-depth-nerfacto-lite")
