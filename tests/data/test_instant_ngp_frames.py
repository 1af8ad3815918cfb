"""instant-ngp's scenes: what the file says of each camera counts, where nerfstudio's parser reads the top alone."""

import pytest
from nerfstudio.cameras.cameras import CameraType
from nerfstudio.data.dataparsers.instant_ngp_dataparser import InstantNGP, InstantNGPDataParserConfig

from s3im_methods.data.checked_parser import checked_parser
from s3im_methods.data.checks.scene import check_scene
from s3im_methods.data.depth.listing import METADATA_KEY
from s3im_methods.errors import InputError


def parsed(scene, split="train", **settings):
    scene.write()
    config = InstantNGPDataParserConfig(data=scene.folder, **{"eval_mode": "interval", "eval_interval": 6, **settings})
    check_scene(config)
    said: list[str] = []
    outputs = checked_parser(config, say=said.append).setup().get_dataparser_outputs(split)
    return outputs, [line for line in said if "train_filenames" not in line]


def test_one_view_is_held_out_and_fl_y_counts(scene):
    scene.meta["fl_y"] = 12.0
    outputs, said = parsed(scene, "val")
    assert outputs.cameras.shape == (1,) and said == []
    assert outputs.cameras.fy.tolist() == [[12.0]] and outputs.cameras.fx.tolist() == [[9.0]]
    assert outputs.cameras.camera_to_worlds[0, :, 3].tolist() == pytest.approx([0.0, 0.5 / 3, 2 / 3], rel=1e-3)


def test_upstream_still_gives_one_view_a_camera_of_the_wrong_shape(scene):
    scene.write()
    config = InstantNGPDataParserConfig(data=scene.folder, eval_mode="interval", eval_interval=6)
    assert InstantNGP(config).get_dataparser_outputs("val").cameras.shape == ()


def test_each_frame_has_its_camera(scene):
    for k, frame in enumerate(scene.meta["frames"]):
        frame |= {"fl_x": 8.0 + k, "k1": 0.01 * k}
    outputs, said = parsed(scene)
    assert outputs.cameras.fx.flatten().tolist() == [9.0, 10.0, 11.0, 12.0, 13.0]
    assert outputs.cameras.distortion_params[:, 0].tolist() == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05])
    assert len(said) == 1 and "each frame's own fl_x" in said[0]


@pytest.mark.parametrize("where", ["top", "frames", "is_fisheye"])
def test_camera_model(scene, where):
    if where == "is_fisheye":
        scene.meta["is_fisheye"] = True
    for holder in [scene.meta] if where == "top" else scene.meta["frames"] if where == "frames" else []:
        holder["camera_model"] = "OPENCV_FISHEYE"
    outputs, _ = parsed(scene)
    assert set(outputs.cameras.camera_type.flatten().tolist()) == {CameraType.FISHEYE.value}


def test_masks_and_depth_by_other_names(scene):
    for frame in scene.meta["frames"]:
        frame |= {"mask_filename": frame.pop("mask_path"), "depth_path": frame.pop("depth_file_path")}
    outputs, _ = parsed(scene)
    assert [path.name for path in outputs.mask_filenames] == [f"{k}.png" for k in range(1, 6)]
    assert outputs.metadata[METADATA_KEY].frames[0]["depth_file_path"] == "depths/1.png"


def test_what_is_not_read_is_said(scene):
    scene.meta |= {"k": 0.2, "orientation_override": "none"}
    del scene.meta["k1"]
    outputs, said = parsed(scene)
    assert outputs.cameras.distortion_params[0, 0] == pytest.approx(0.2)
    assert any("`k` is read as `k1`" in line for line in said)


@pytest.mark.parametrize(
    ("angles", "said"),
    [
        (
            {"camera_angle_x": 50},
            "camera_angle_x in .* is 50: give the horizontal field of view in radians, between 0 and",
        ),
        ({"camera_angle_x": 3.2}, "pi, or in degrees as x_fov"),
        ({"x_fov": 180}, "x_fov in .* is 180: give the horizontal field of view in degrees, between 0 and 180"),
        ({"x_fov": 50, "camera_angle_y": 40}, "camera_angle_y in .* is 40: .* vertical .* or in degrees as y_fov"),
        ({"fl_x": 9, "y_fov": -3}, "y_fov in .* is -3: give the vertical"),
        ({"x_fov": 50, "camera_angle_x": 50}, None),
        ({"fl_x": 9, "camera_angle_x": 50}, None),
        ({"fl_x": 9, "fl_y": 9, "camera_angle_y": 40}, None),
        ({"camera_angle_x": 0.9}, None),
    ],
)
def test_angles_of_view_in_another_unit(scene, angles, said):
    scene.meta = {key: value for key, value in scene.meta.items() if key not in ("fl_x", "fl_y")} | angles
    if said is None:
        parsed(scene)
        return
    with pytest.raises(InputError, match=said):
        parsed(scene)


def test_an_angle_of_one_frame(scene):
    scene.meta["x_fov"] = 50
    for key in ("fl_x", "fl_y"):
        del scene.meta[key]
    scene.meta["frames"][2]["x_fov"] = 200
    with pytest.raises(InputError, match=r"x_fov of 'images/2.png' in .* is 200: give the horizontal"):
        parsed(scene)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m["frames"].append({**m["frames"][0], "file_path": "./images/../images/0.png"}), "Two frames"),
        (lambda m: m.update(camera_model="opencv"), "does not know"),
        (lambda m: m["frames"][2].update(fl_x=-3), "fl_x of 'images/2.png' in .* is -3: give a number above 0"),
        (lambda m: m["frames"][2].update(k1="a"), "k1 of 'images/2.png' in .* is 'a': give a number"),
    ],
)
def test_faults(scene, change, said):
    change(scene.meta)
    with pytest.raises(InputError, match=said):
        parsed(scene)
