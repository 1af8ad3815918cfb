"""Keys of transforms.json: put where nerfstudio's parser looks, refused, named, or of no interest."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from nerfstudio.cameras.cameras import CameraType

from s3im_methods.data.checked_parser import checked_parser
from s3im_methods.data.checks.scene import check_scene
from s3im_methods.errors import InputError


def frames(meta: dict, **values: Any) -> None:
    for frame in meta["frames"]:
        frame.update(values)


def split(scene, change) -> tuple[Any, list[str]]:
    """The training views after a change of the file, and what was said."""
    change(scene.meta)
    scene.write()
    check_scene(scene.config(), with_depth=False)
    lines: list[str] = []
    return checked_parser(scene.config(), say=lines.append).setup().get_dataparser_outputs("train"), lines


HONOURED = {
    "fl_x per frame beside another": (
        lambda m: [f.update(fl_x=10.0 + k) for k, f in enumerate(m["frames"])],
        lambda o: o.cameras.fx[:, 0].tolist() == [10.0, 11.0, 12.0, 13.0],
        "each frame's own fl_x is used in place of the one at the top",
    ),
    "fl_x per frame beside both": (
        lambda m: [m.update(fl_y=18.0), *(f.update(fl_x=10.0 + k) for k, f in enumerate(m["frames"]))],
        lambda o: o.cameras.fy[:, 0].tolist() == [20.0, 22.0, 24.0, 26.0],
        "each frame's fl_y is scaled in the same ratio as its fl_x",
    ),
    "fl_x per frame, fl_y at the top": (
        lambda m: [m.pop("fl_x"), *(f.update(fl_x=9.0 + k) for k, f in enumerate(m["frames"]))],
        lambda o: o.cameras.fy[:, 0].tolist() == [9.0, 10.0, 11.0, 12.0],
        "each frame's fl_y is scaled in the same ratio as its fl_x",
    ),
    "fl_y per frame beside both": (
        lambda m: m["frames"][1].update(fl_y=18.0),
        lambda o: o.cameras.fx[:, 0].tolist() == [9.0, 18.0, 9.0, 9.0],
        "each frame's fl_x is scaled in the same ratio as its fl_y",
    ),
    "angles of view per frame": (
        lambda m: [f.update(x_fov=50 + 10 * k) for k, f in enumerate(m["frames"])],
        lambda o: (
            torch.allclose(o.cameras.fx[1], o.cameras.fy[1])
            and o.cameras.fx[1].item() == pytest.approx(6.928, abs=1e-3)
        ),
        "`x_fov` of its frames is read as `fl_x`",
    ),
    "cx of one frame only": (
        lambda m: m["frames"][2].update(cx=5.0),
        lambda o: o.cameras.cx[:, 0].tolist() == [4.0, 4.0, 5.0, 4.0],
        "each frame's own cx is used",
    ),
    "k1 per frame beside another": (
        lambda m: [m["frames"][1].update(k1=0.3)],
        lambda o: o.cameras.distortion_params[:, 0].tolist() == pytest.approx([0.1, 0.3, 0.1, 0.1]),
        "each frame's own lens distortion is used",
    ),
    "k2 per frame and k1 at the top": (
        lambda m: frames(m, k2=0.2),
        lambda o: o.cameras.distortion_params[0, :2].tolist() == pytest.approx([0.1, 0.2]),
        "each frame's own lens distortion is used",
    ),
    "k4 alone on a fisheye": (
        lambda m: [m.pop("k1"), m.update(k4=0.01, camera_model="OPENCV_FISHEYE")],
        lambda o: o.cameras.distortion_params[0, 3].item() == pytest.approx(0.01),
        "`k4` is used, although no other distortion is given",
    ),
    "k4 at the top and k1 per frame": (
        lambda m: [m.pop("k1"), m.update(k4=0.01), frames(m, k1=0.2)],
        lambda o: o.cameras.distortion_params[0, [0, 3]].tolist() == pytest.approx([0.2, 0.01]),
        "`k4` at the top is used for all frames",
    ),
    "k of SIMPLE_RADIAL": (
        lambda m: [m.pop("k1"), m.update(k=0.05, camera_model="SIMPLE_RADIAL")],
        lambda o: o.cameras.distortion_params[0, 0].item() == pytest.approx(0.05),
        "`k` is read as `k1`",
    ),
    "k per frame": (
        lambda m: [m.pop("k1"), frames(m, k=0.05)],
        lambda o: o.cameras.distortion_params[0, 0].item() == pytest.approx(0.05),
        "`k` is read as `k1`",
    ),
    "camera_model per frame": (
        lambda m: frames(m, camera_model="OPENCV_FISHEYE"),
        lambda o: (o.cameras.camera_type == CameraType.FISHEYE.value).all(),
        "the cameras are read as OPENCV_FISHEYE",
    ),
    "is_fisheye": (
        lambda m: m.update(is_fisheye=True),
        lambda o: (o.cameras.camera_type == CameraType.FISHEYE.value).all(),
        "the cameras are read as OPENCV_FISHEYE",
    ),
    "mask_filename": (
        lambda m: [f.update(mask_filename=f.pop("mask_path")) for f in m["frames"]],
        lambda o: [path.name for path in o.mask_filenames] == ["0.png", "1.png", "2.png", "3.png"],
        "`mask_filename` is read as `mask_path`",
    ),
    "depth_path of some frames": (
        lambda m: (
            [f.update(depth_path=f.pop("depth_file_path")) for f in m["frames"][:3]]
            + [f.pop("depth_file_path") for f in m["frames"][3:]]
        ),
        lambda o: o.metadata["depth_frames"].frames[0]["depth_file_path"] == "depths/0.png",
        "`depth_path` is read as `depth_file_path`",
    ),
}


@pytest.mark.parametrize("case", HONOURED)
def test_other_words_and_places_count_with_one_line(scene, case):
    change, holds, said = HONOURED[case]
    outputs, lines = split(scene, change)
    assert holds(outputs)
    (line,) = lines
    assert said in line and str(scene.path("transforms.json")) in line


@pytest.mark.parametrize("at_top", [True, False])
def test_an_upright_image_has_its_own_centre(scene, at_top):
    for name in ("images", "masks"):
        scene.save(f"{name}/1.png", "RGB" if name == "images" else "L", (6, 8))

    def turn(meta: dict) -> None:
        meta["cx"] = 4.1
        meta["frames"][1].update(w=6, h=8)
        if not at_top:
            size = {key: meta.pop(key) for key in ("w", "h")}
            meta["frames"] = [{**size, **frame} for frame in meta["frames"]]

    outputs, (line,) = split(scene, turn)
    assert outputs.cameras.cx[:, 0].tolist() == pytest.approx([4.1, 3.0, 4.1, 4.1])
    assert outputs.cameras.cy[:, 0].tolist() == [3.0, 4.0, 3.0, 3.0]
    assert "frames of another size get the middle of their image as cx, cy" in line


def test_an_image_that_lacks_a_pixel_keeps_the_centre_at_the_top(scene):
    scene.save("images/1.png", "RGB", (7, 6))
    scene.save("masks/1.png", "L", (7, 6))

    def cut(meta: dict) -> None:
        meta["cx"] = 4.2
        meta["frames"][1].update(w=7)

    outputs, (line,) = split(scene, cut)
    assert outputs.cameras.cx[:, 0].tolist() == pytest.approx([4.2] * 4)
    assert "middle" not in line


SILENT = {
    "as it is": lambda m: None,
    "the same per frame": lambda m: frames(m, fl_x=9.0, k1=0.1, w=8, camera_model="OPENCV"),
    "all intrinsics per frame": lambda m: [
        frames(m, **{key: m.pop(key) for key in ("fl_x", "fl_y", "cx", "cy", "w", "h")}, camera_angle_x=0.836)
    ],
    "fl_x per frame, all alike": lambda m: [m.update(fl_y=9), frames(m, fl_x=m.pop("fl_x"))],
    "pinholes per frame": lambda m: frames(m, camera_model="PINHOLE"),
    "instant-ngp's": lambda m: m.update(aabb_scale=16, scale=0.33, offset=[0.5, 0.5, 0.5], camera_angle_x=0.836),
    "no rolling shutter": lambda m: m.update(rolling_shutter=[0, 0, 0, 0], k5=0, is_fisheye=False),
    "notes": lambda m: frames(m, sharpness=30.5, colmap_im_id=4, timestamp=1.5, source="x", blur_score=3),
    "what nobody knows": lambda m: [m.update(weather="rain"), frames(m, my_note="foo", zz=1)],
    "k of 0 beside k1": lambda m: m.update(k=0.1),
    "one moment": lambda m: frames(m, time=0.0),
}


@pytest.mark.parametrize("case", SILENT)
def test_what_changes_nothing_is_not_mentioned(scene, case):
    before, _ = split(scene, lambda m: None)
    outputs, lines = split(scene, SILENT[case])
    assert lines == []
    for name in ("fx", "cx", "camera_to_worlds", "distortion_params", "camera_type"):
        assert torch.equal(getattr(outputs.cameras, name), getattr(before.cameras, name))


def test_a_crop_radius_is_read_for_fisheye_cameras_only(scene):
    _, lines = split(scene, lambda m: m.update(fisheye_crop_radius=3.0))
    assert len(lines) == 1 and "`fisheye_crop_radius` (only fisheye images are cropped): this is ignored" in lines[0]
    outputs, lines = split(scene, lambda m: m.update(fisheye_crop_radius=3.0, camera_model="OPENCV_FISHEYE"))
    assert lines == [] and outputs.cameras.metadata["fisheye_crop_radius"] == 3.0


NAMED = {
    "misspelt": (
        lambda m: [f.update(depth_file_pth=f.pop("depth_file_path")) for f in m["frames"]],
        "`depth_file_pth` of its frames is not read: did you mean `depth_file_path`?",
    ),
    "misspelt at the top": (
        lambda m: m.update(aplied_scale=2.0),
        "`aplied_scale` is not read: did you mean `applied_scale`?",
    ),
    "a rational lens": (lambda m: m.update(k5=0.1), "`k5` (nerfstudio has fewer radial terms)"),
    "a rolling shutter": (
        lambda m: m.update(rolling_shutter=[0, 0, 0.3, 0]),
        "`rolling_shutter` (every image counts as taken at one moment)",
    ),
    "another angle of view": (
        lambda m: m.update(camera_angle_x=0.5),
        "camera_angle_x would be a focal length of 15.67 pixels, and is ignored because fl_x is 9.",
    ),
    "another angle of view in the frames": (
        lambda m: frames(m, x_fov=28.648),
        "x_fov would be a focal length of 15.67 pixels, and is ignored because fl_x is 9.",
    ),
    "two words for one frame's lens": (
        lambda m: m["frames"][2].update(camera_angle_y=0.3, fl_y=9),
        "camera_angle_y would be a focal length of 19.85 pixels, and is ignored because fl_y is 9.",
    ),
    "what moves": (
        lambda m: [f.update(time=k / 5) for k, f in enumerate(m["frames"])],
        "`time` of its frames (the scene counts as standing still)",
    ),
    "a cloud that is gone": (lambda m: m.update(ply_file_path="gone.ply"), "The ply_file_path 'gone.ply' of "),
}


@pytest.mark.parametrize("case", NAMED)
def test_what_is_not_read_is_named_once(scene, case):
    change, said = NAMED[case]
    _, lines = split(scene, change)
    (line,) = lines
    assert said in line


REFUSED = {
    "two kinds of cameras": (
        lambda m: m["frames"][0].update(camera_model="OPENCV_FISHEYE"),
        "mixes cameras of the models OPENCV and OPENCV_FISHEYE",
    ),
    "another kind than the top's": (
        lambda m: [m.update(camera_model="OPENCV"), frames(m, camera_model="OPENCV_FISHEYE")],
        "mixes cameras of the models OPENCV and OPENCV_FISHEYE",
    ),
    "a fisheye that is none": (
        lambda m: m.update(camera_model="PINHOLE", is_fisheye=True),
        "mixes cameras of the models OPENCV_FISHEYE and PINHOLE",
    ),
    "an unknown model": (lambda m: frames(m, camera_model="FOV"), "is 'FOV', which nerfstudio does not know"),
    "k against k1": (lambda m: m.update(k=0.7), "k in "),
    "masks by another name, of some": (
        lambda m: (
            [f.update(mask_filename=f.pop("mask_path")) for f in m["frames"][:3]]
            + [f.pop("mask_path") for f in m["frames"][3:]]
        ),
        "3 of 6 frames in ",
    ),
    "applied_scale 0": (lambda m: m.update(applied_scale=0), "applied_scale in "),
    "applied_transform singular": (
        lambda m: m.update(applied_transform=[[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]]),
        "is singular",
    ),
    "applied_transform sheared": (
        lambda m: m.update(applied_transform=[[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]),
        "is sheared",
    ),
    "poses of rows for columns": (
        lambda m: [f.update(transform_matrix=list(zip(*f["transform_matrix"], strict=True))) for f in m["frames"]],
        "but in that column, as if rows were columns",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_taken_either_way_is_refused(scene, case):
    change, said = REFUSED[case]
    change(scene.meta)
    scene.write()
    with pytest.raises(InputError, match=said):
        check_scene(scene.config())


def test_the_file_is_left_alone(scene):
    before = json.loads(Path(scene.path("transforms.json")).read_text())
    split(scene, HONOURED["mask_filename"][0])
    written = json.loads(Path(scene.path("transforms.json")).read_text())
    assert written == scene.meta != before
