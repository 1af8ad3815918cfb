"""Each fault of a scene for nerfstudio-data gets its sentence: what is wrong, where, what to do.

"{s}" in a sentence stands for the scene's folder, "{t}" for its transforms.json.
"""

import numpy as np
import pytest

NAN = float("nan")


def entry(frame, row, column, value):
    frame["transform_matrix"][row][column] = value


def from_frames(meta, key, values):
    """Move a value from the top into the frames, all but those where it is None."""
    del meta[key]
    for frame, value in zip(meta["frames"], values, strict=True):
        frame.update({} if value is None else {key: value})


# What a test does to the JSON object and its frames, and the sentence.
IN_TRANSFORMS = {
    "no frames": (
        lambda m, f: m.pop("frames"),
        "{t} has no frames: write it again, for instance with ns-process-data, which says how many images got a pose.",
    ),
    "empty frames": (
        lambda m, f: f.clear(),
        "{t} has no frames: write it again, for instance with ns-process-data, which says how many images got a pose.",
    ),
    "frames of another kind": (
        lambda m, f: m.update(frames={"a": 1}),
        "{t} has {'a': 1} as frames instead of a list: write it again, for instance with ns-process-data, "
        "which says how many images got a pose.",
    ),
    "a frame that is a number": (
        lambda m, f: f.__setitem__(2, 7),
        "Frame 3 in {t} is 7 instead of an object: fix it there, or write it again, for instance with ns-process-data.",
    ),
    "no file_path": (lambda m, f: f[2].pop("file_path"), "Frame 3 in {t} has no file_path: add it or drop that frame."),
    "file_path null": (
        lambda m, f: f[2].update(file_path=None),
        "The file_path of frame 3 in {t} is null: give the name of a file.",
    ),
    "one image": (
        lambda m, f: f.__delitem__(slice(1, None)),
        "{t} has one image only, but a radiance field needs at least 2 views to learn depth from: take "
        "more pictures from different places.",
    ),
    "no pose": (
        lambda m, f: f[1].pop("transform_matrix"),
        "1 of 6 poses in {t} is unusable, namely that of 'images/1.png', whose transform_matrix is "
        "missing: correct it or drop such frames.",
    ),
    "pose of 3 rows": (
        lambda m, f: f[1]["transform_matrix"].pop(),
        "1 of 6 poses in {t} is unusable, namely that of 'images/1.png', whose transform_matrix is not 4 "
        "rows of 4 numbers: correct it or drop such frames.",
    ),
    "pose of ragged rows": (
        lambda m, f: f[1]["transform_matrix"][2].pop(),
        "1 of 6 poses in {t} is unusable, namely that of 'images/1.png', whose transform_matrix is not 4 "
        "rows of 4 numbers: correct it or drop such frames.",
    ),
    "pose with NaN, twice": (
        lambda m, f: [entry(f[k], 0, 3, NAN) for k in (1, 4)],
        "2 of 6 poses in {t} are unusable, first that of 'images/1.png', whose transform_matrix holds NaN"
        " in row 1, column 4: correct it or drop such frames.",
    ),
    "pose too large for float32": (
        lambda m, f: entry(f[1], 0, 3, 1e39),
        "1 of 6 poses in {t} is unusable, namely that of 'images/1.png', whose transform_matrix holds "
        "1e+39 in row 1, column 4: correct it or drop such frames.",
    ),
    "pose with text": (
        lambda m, f: entry(f[1], 2, 0, "1"),
        "1 of 6 poses in {t} is unusable, namely that of 'images/1.png', whose transform_matrix holds '1'"
        " in row 3, column 1: correct it or drop such frames.",
    ),
    "singular pose": (
        lambda m, f: entry(f[1], 1, 1, 0.0),
        "1 of 6 poses in {t} is unusable, namely that of 'images/1.png', whose transform_matrix is "
        "singular (its first three columns span no space): correct it or drop such frames.",
    ),
    "flat pose": (
        lambda m, f: entry(f[1], 1, 1, 1e-4),
        "1 of 6 poses in {t} is unusable, namely that of 'images/1.png', whose transform_matrix is "
        "singular (its first three columns span no space): correct it or drop such frames.",
    ),
    "parallel axes": (
        lambda m, f: [entry(f[1], 0, 1, 1.0), entry(f[1], 1, 1, 1e-4)],
        "1 of 6 poses in {t} is unusable, namely that of 'images/1.png', whose transform_matrix is "
        "singular (its first three columns span no space): correct it or drop such frames.",
    ),
    "mirrored pose": (
        lambda m, f: entry(f[1], 0, 0, -1.0),
        "1 of 6 poses in {t} is unusable, namely that of 'images/1.png', whose transform_matrix is "
        "mirrored (its axes are not x right, y up, z backwards): correct it or drop such frames.",
    ),
    "pose with a wrong last row": (
        lambda m, f: entry(f[1], 3, 3, 2),
        "1 of 6 poses in {t} is unusable, namely that of 'images/1.png', whose transform_matrix does not "
        "end in the row 0, 0, 0, 1: correct it or drop such frames.",
    ),
    "all at one place": (
        lambda m, f: [x.update(transform_matrix=f[3]["transform_matrix"]) for x in f],
        "All 6 cameras in {t} stand at the same place, which leaves no depth to learn from: give real "
        "camera positions as transform_matrix, for instance from ns-process-data.",
    ),
    "no focal lengths": (lambda m, f: [m.pop("fl_x"), m.pop("fl_y")], "{t} gives no fl_x, fl_y: add them in pixels."),
    "an angle for the focal length": (
        lambda m, f: [m.pop("fl_x"), m.update(camera_angle_x=0.7)],
        "{t} gives no fl_x: add it in pixels, or add `instant-ngp-data` at the end of the command.",
    ),
    "focal length of some frames": (
        lambda m, f: from_frames(m, "fl_x", [9, 9, None, None, 9, 9]),
        "{t} gives no fl_x for 'images/2.png': add it in pixels.",
    ),
    "focal length 0": (lambda m, f: m.update(fl_y=0), "fl_y in {t} is 0: give the focal length in pixels, above 0."),
    "focal length NaN": (
        lambda m, f: m.update(fl_x=NAN),
        "fl_x in {t} is NaN: give the focal length in pixels, above 0.",
    ),
    "focal length in words": (
        lambda m, f: m.update(fl_x="9"),
        "fl_x in {t} is '9': give the focal length in pixels, above 0.",
    ),
    "width 0 in a frame": (
        lambda m, f: from_frames(m, "w", [8, 8, 0, 8, 8, 8]),
        "w of 'images/2.png' in {t} is 0: give the image's width in pixels, 1 or more.",
    ),
    "height below 1": (lambda m, f: m.update(h=0.5), "h in {t} is 0.5: give the image's height in pixels, 1 or more."),
    "principal point infinite": (
        lambda m, f: m.update(cx=float("inf")),
        "cx in {t} is Infinity: give the principal point in pixels.",
    ),
    "unknown camera": (
        lambda m, f: m.update(camera_model="PINHOLE2"),
        "The camera_model in {t} is 'PINHOLE2', which nerfstudio does not know: give one of "
        "SIMPLE_PINHOLE, PINHOLE, SIMPLE_RADIAL, RADIAL, OPENCV, OPENCV_FISHEYE, EQUIRECTANGULAR, "
        "OMNIDIRECTIONALSTEREO_L, OMNIDIRECTIONALSTEREO_R, VR180_L, VR180_R, ORTHOPHOTO, FISHEYE624.",
    ),
    "camera of another kind": (
        lambda m, f: m.update(camera_model=[]),
        "The camera_model in {t} is [], which nerfstudio does not know: give one of SIMPLE_PINHOLE, PINHOLE, "
        "SIMPLE_RADIAL, RADIAL, OPENCV, OPENCV_FISHEYE, EQUIRECTANGULAR, OMNIDIRECTIONALSTEREO_L, "
        "OMNIDIRECTIONALSTEREO_R, VR180_L, VR180_R, ORTHOPHOTO, FISHEYE624.",
    ),
    "distortion null": (lambda m, f: m.update(k2=None), "k2 in {t} is null: give a number, 0 for none."),
    "distortion of a frame": (
        lambda m, f: [m.pop("k1"), f[4].update(p1="0")],
        "p1 of 'images/4.png' in {t} is '0': give a number, 0 for none.",
    ),
    "four distortion parameters": (
        lambda m, f: m.update(distortion_params=[0, 0, 0, 0]),
        "distortion_params in {t} is [0, 0, 0, 0]: give the 6 numbers that the camera model OPENCV has.",
    ),
    "fisheye without distortion": (
        lambda m, f: m.update(camera_model="FISHEYE624"),
        "distortion_params in {t} is missing: give the 12 numbers that the camera model FISHEYE624 has.",
    ),
    "orientation": (
        lambda m, f: m.update(orientation_override="left"),
        "orientation_override in {t} is 'left': give pca, up, vertical or none or drop it.",
    ),
    "applied scale": (
        lambda m, f: m.update(applied_scale=[1]),
        "applied_scale in {t} is [1]: give a number above 0 or drop it.",
    ),
    "applied transform": (
        lambda m, f: m.update(applied_transform=f[0]["transform_matrix"]),
        "applied_transform in {t} is not 3 rows of 4 numbers: correct or drop it.",
    ),
    "fisheye radius": (
        lambda m, f: m.update(fisheye_crop_radius=0),
        "fisheye_crop_radius in {t} is 0: give pixels above 0 or drop it.",
    ),
    "an image twice": (
        lambda m, f: f[3].update(file_path="./images/2.png"),
        "Two frames in {t} name the image '{s}/images/2.png': drop one of them.",
    ),
    "no test split": (
        lambda m, f: m.pop("test_filenames"),
        "{t} lists train_filenames and val_filenames but not test_filenames, and nerfstudio needs all "
        "three to train and then evaluate: add what is missing (val_filenames and test_filenames may be "
        "the same).",
    ),
    "empty test split": (
        lambda m, f: m.update(test_filenames=[]),
        "test_filenames in {t} lists no image: list 1 or more.",
    ),
    "one training image": (
        lambda m, f: m.update(train_filenames=["images/1.png", "images/1.png"]),
        "train_filenames in {t} lists one image only: list 2 or more.",
    ),
    "split with unknown names": (
        lambda m, f: m.update(train_filenames=["images/1.png", "1.png", "2.png"]),
        "train_filenames in {t} lists '1.png', which is not the file_path of a frame (2 of 3 names are unknown): "
        "correct or drop it.",
    ),
    "split of another kind": (
        lambda m, f: m.update(val_filenames="images/1.png"),
        "val_filenames in {t} is not a list of file names: give a list of the frames' file_paths.",
    ),
    "masks of some frames": (
        lambda m, f: [f[0].pop("mask_path"), f[3].pop("mask_path")],
        "2 of 6 frames in {t} are without mask_path, for instance 'images/0.png': give it for every frame or for none.",
    ),
    "depth of some frames": (
        lambda m, f: f[3].pop("depth_file_path"),
        "1 of 6 frames in {t} is without depth_file_path, for instance 'images/3.png': give it for every "
        "frame or for none.",
    ),
    "mask_path null": (
        lambda m, f: f[3].update(mask_path=None),
        "The mask_path of frame 4 in {t} is null: give the name of a file.",
    ),
    "mask without its ending": (
        lambda m, f: f[3].update(mask_path="masks/3"),
        "1 of 6 masks is missing, namely '{s}/masks/3' (listed in {t}; did you mean '3.png', which is "
        "there): put back what is missing or drop mask_path from every frame.",
    ),
    "mask in capitals": (
        lambda m, f: f[3].update(mask_path="masks/3.PNG"),
        "1 of 6 masks is missing, namely '{s}/masks/3.PNG' (listed in {t}; did you mean '3.png', which is"
        " there): put back what is missing or drop mask_path from every frame.",
    ),
    "Windows separators": (
        lambda m, f: f[3].update(mask_path="masks\\3.png"),
        "1 of 6 masks is missing, namely '{s}/masks\\3.png' (listed in {t}; the name has Windows "
        "separators, write / instead of \\ there): put back what is missing or drop mask_path from every "
        "frame.",
    ),
    "a place on a Windows machine": (
        lambda m, f: f[3].update(mask_path="C:\\Users\\me\\fox\\masks\\3.png"),
        "1 of 6 masks is missing, namely '{s}/C:\\Users\\me\\fox\\masks\\3.png' (listed in {t}; did you mean "
        "'masks/3.png', which is there): put back what is missing or drop mask_path from every frame.",
    ),
    "a slash too many": (
        lambda m, f: f[3].update(mask_path="/masks/3.png"),
        "1 of 6 masks is missing, namely '/masks/3.png' (listed in {t}; did you mean 'masks/3.png', which is there): "
        "put back what is missing or drop mask_path from every frame.",
    ),
    "a space at the end": (
        lambda m, f: f[3].update(mask_path="masks/3.png "),
        "1 of 6 masks is missing, namely '{s}/masks/3.png ' (listed in {t}; did you mean '3.png', which is there): put "
        "back what is missing or drop mask_path from every frame.",
    ),
    "unprintable name": (
        lambda m, f: f[3].update(mask_path="\ud800\0\n"),
        "1 of 6 masks is missing, namely '{s}/\\ud800\\x00\\n' (listed in {t}): put back what is missing or "
        "drop mask_path from every frame.",
    ),
}


@pytest.mark.parametrize("fault", IN_TRANSFORMS)
def test_fault_in_transforms(scene, refusal, fault):
    break_it, sentence = IN_TRANSFORMS[fault]
    break_it(scene.meta, scene.meta["frames"])
    scene.write()
    assert refusal(scene.config()) == sentence.replace("{t}", "'{s}/transforms.json'")


def test_overlong_name(scene, refusal):
    scene.meta["frames"][3]["mask_path"] = "x" * 5000
    scene.write()
    sentence = refusal(scene.config())
    assert sentence.startswith("1 of 6 masks is missing, namely '{s}/xxx")
    assert len(sentence) < 1000


IN_TEXT = {
    "nothing": (b" \n", "{t} is empty: write it again, for instance with ns-process-data."),
    "a comma too many": (
        b'{\n  "frames": [\n    1,\n  ]\n}',
        "{t} is not valid JSON at line 4, column 3 (Expecting value): fix it there, or write it again, "
        "for instance with ns-process-data.",
    ),
    "cut off": (
        b'{"frames": [',
        "{t} is not valid JSON at line 1, column 13 (Expecting value): fix it there, or write it again,"
        " for instance with ns-process-data.",
    ),
    "a list": (
        b"[1, 2]",
        '{t} holds [1, 2] instead of an object with "frames": write it again, for instance with ns-process-data.',
    ),
    "null": (
        b"null",
        '{t} holds null instead of an object with "frames": write it again, for instance with ns-process-data.',
    ),
    "not text": (b'{"a": "\xff"}', "{t} is not UTF-8 text (at byte 7): save it as UTF-8."),
    "byte order mark": (
        b"\xef\xbb\xbf{}",
        "{t} begins with a byte order mark: save it as UTF-8 without one.",
    ),
}


@pytest.mark.parametrize("fault", IN_TEXT)
def test_fault_in_text(scene, refusal, fault):
    text, sentence = IN_TEXT[fault]
    scene.path("transforms.json").write_bytes(text)
    assert refusal(scene.config()) == sentence.replace("{t}", "'{s}/transforms.json'")


@pytest.mark.parametrize("text", ["[" * 200_000, '{"frames": [' + "9" * 20_000 + "]}"], ids=["depth", "digits"])
def test_text_that_stops_the_json_reader(scene, refusal, text):
    scene.path("transforms.json").write_text(text)
    assert refusal(scene.config()) == (
        "'{s}/transforms.json' is nested too deeply or holds too long a number: write it again, for instance with "
        "ns-process-data."
    )


# What a test does to the scene, the parser's settings, and the sentence.
IN_FILES = {
    "images missing": (
        lambda s: [s.path(f"images/{k}.png").unlink() for k in (2, 3, 5)],
        {},
        "3 of 6 images are missing, first '{s}/images/2.png' (listed in {t}): put back what is missing or"
        " drop those frames from that list.",
    ),
    "first image missing": (
        lambda s: s.path("images/0.png").unlink(),
        {},
        "1 of 6 images is missing, namely '{s}/images/0.png' (listed in {t}): put back what is missing or"
        " drop those frames from that list.",
    ),
    "image is a folder": (
        lambda s: [s.path("images/3.png").unlink(), s.path("images/3.png").mkdir()],
        {},
        "1 of 6 images is missing, namely '{s}/images/3.png' (listed in {t}; it is a folder): put back "
        "what is missing or drop those frames from that list.",
    ),
    "image empty": (
        lambda s: s.cut("images/3.png", 0),
        {},
        "1 of 6 images is unreadable, namely '{s}/images/3.png' (it is empty): copy or write such files "
        "again, or drop their frames from {t}.",
    ),
    "PNG cut off": (
        lambda s: s.cut("images/3.png", 100),
        {},
        "1 of 6 images is unreadable, namely '{s}/images/3.png' (it is cut off or damaged): copy or write"
        " such files again, or drop their frames from {t}.",
    ),
    "PNG with a wrong byte": (
        lambda s: s.spoil("images/3.png"),
        {},
        "1 of 6 images is unreadable, namely '{s}/images/3.png' (it is cut off or damaged): copy or write"
        " such files again, or drop their frames from {t}.",
    ),
    "JPEG cut off": (
        lambda s: [s.use_jpeg(), s.cut("images/0.jpg", -60)],
        {},
        "1 of 6 images is unreadable, namely '{s}/images/0.jpg' (it is cut off or damaged): copy or write"
        " such files again, or drop their frames from {t}.",
    ),
    "PNG cut off, twice": (
        lambda s: [s.cut("images/3.png", 100), s.cut("images/0.png", 90)],
        {},
        "2 of 6 images are unreadable, first '{s}/images/0.png' (it is cut off or damaged): copy or write"
        " such files again, or drop their frames from {t}.",
    ),
    "image is text": (
        lambda s: s.path("images/3.png").write_text("no picture"),
        {},
        "1 of 6 images is unreadable, namely '{s}/images/3.png' (it is in no image format that Pillow "
        "knows): copy or write such files again, or drop their frames from {t}.",
    ),
    "images of another size": (
        lambda s: [s.save(f"images/{k}.png", "RGB", (16, 12)) for k in (1, 2)],
        {},
        "2 of 6 images are not of the size that {t} gives, first '{s}/images/1.png' with 16 x 12 instead "
        "of 8 x 6 pixels: put the original back, or correct w, h, fl_x, fl_y, cx and cy.",
    ),
    "image a pixel too high": (
        lambda s: s.save("images/1.png", "RGB", (8, 7)),
        {},
        "1 of 6 images is not of the size that {t} gives, namely '{s}/images/1.png' with 8 x 7 instead of"
        " 8 x 6 pixels: put the original back, or correct w, h, fl_x, fl_y, cx and cy.",
    ),
    "palette image": (
        lambda s: s.save("images/1.png", "P"),
        {},
        "1 of 6 images is neither 8-bit grey, RGB nor RGBA, namely '{s}/images/1.png' (Pillow's mode P): "
        "convert it to 8-bit RGB.",
    ),
    "alpha in one image": (
        lambda s: s.save("images/1.png", "RGBA"),
        {},
        "'{s}/images/1.png' has an alpha channel but '{s}/images/0.png' has none: save all images of the "
        "scene with one, or all without.",
    ),
    "mask missing": (
        lambda s: s.path("masks/1.png").unlink(),
        {},
        "1 of 6 masks is missing, namely '{s}/masks/1.png' (listed in {t}): put back what is missing or "
        "drop mask_path from every frame.",
    ),
    "mask cut off": (
        lambda s: s.cut("masks/1.png", 70),
        {},
        "1 of 6 masks is unreadable, namely '{s}/masks/1.png' (it is cut off or damaged): copy or write "
        "such files again, or drop their frames from {t}.",
    ),
    "mask of another size": (
        lambda s: s.save("masks/1.png", "L", (8, 5)),
        {},
        "1 of 6 masks is not of its image's size, namely '{s}/masks/1.png' with 8 x 5 where "
        "'{s}/images/1.png' has 8 x 6 pixels: save it in the image's size.",
    ),
    "mask of a picture that is to be turned": (
        lambda s: [s.save("masks/1.png", "L", (6, 8)), s.turn("images/1.png", 6)],
        {},
        "1 of 6 masks is not of its image's size, namely '{s}/masks/1.png' with 6 x 8 where '{s}/images/1.png' has 8 x "
        "6 pixels, because its EXIF orientation 6 says that it is to be shown turned by 90 degrees clockwise: save it "
        "with the rotation applied.",
    ),
    "picture that is to be turned": (
        lambda s: [s.save("images/1.png", "RGB", (6, 8)), s.turn("images/1.png", 8)],
        {},
        "1 of 6 images is not of the size that {t} gives, namely '{s}/images/1.png' with 6 x 8 instead of 8 x 6 "
        "pixels, because its EXIF orientation 8 says that it is to be shown turned by 90 degrees counterclockwise: "
        "save it with the rotation applied.",
    ),
    "depth missing": (
        lambda s: s.path("depths/1.png").unlink(),
        {},
        "1 of 6 depth maps is missing, namely '{s}/depths/1.png' (listed in {t}): put back what is "
        "missing or drop depth_file_path from every frame.",
    ),
    "depth cut off": (
        lambda s: s.cut("depths/1.png", 70),
        {},
        "1 of 6 depth maps is unreadable, namely '{s}/depths/1.png' (it is cut off or damaged): copy or "
        "write such files again, or drop their frames from {t}.",
    ),
    "depth in no format": (
        lambda s: s.path("depths/1.png").write_text("depth"),
        {},
        "1 of 6 depth maps is unreadable, namely '{s}/depths/1.png' (OpenCV cannot read it): copy or "
        "write such files again, or drop their frames from {t}.",
    ),
    "depth array cut off": (
        lambda s: s.cut("depths/5.npy", 150),
        {},
        "1 of 6 depth maps is unreadable, namely '{s}/depths/5.npy' (it is not a complete array of numbers): "
        "copy or write such files again, or drop their frames from {t}.",
    ),
    "depth array of objects": (
        lambda s: np.save(s.path("depths/5.npy"), np.array([[None]])),
        {},
        "1 of 6 depth maps is unreadable, namely '{s}/depths/5.npy' (it is not a complete array of numbers): "
        "copy or write such files again, or drop their frames from {t}.",
    ),
    "depth array of text": (
        lambda s: np.save(s.path("depths/5.npy"), np.array([["a"]])),
        {},
        "1 of 6 depth maps is unreadable, namely '{s}/depths/5.npy' (it is not a complete array of numbers): "
        "copy or write such files again, or drop their frames from {t}.",
    ),
    "depth array with 3 channels": (
        lambda s: np.save(s.path("depths/5.npy"), np.ones((6, 8, 3))),
        {},
        "1 of 6 depth maps is unreadable, namely '{s}/depths/5.npy' (its shape is (6, 8, 3) instead of "
        "(height, width)): copy or write such files again, or drop their frames from {t}.",
    ),
    "no downscaled images": (
        lambda s: None,
        {"downscale_factor": 4},
        "6 of 6 images are missing, first '{s}/images_4/0.png' (listed in {t}): write the copies "
        "downscaled by 4 into images_4/, or add `nerfstudio-data --downscale-factor 1` at the end of the "
        "command.",
    ),
    "downscaled images of full size": (
        lambda s: [s.save_all("_2", 2), s.save("images_2/3.png")],
        {"downscale_factor": 2},
        "1 of 6 images is not of the size that {t} gives, namely '{s}/images_2/3.png' with 8 x 6 instead "
        "of 4 x 3 pixels (w x h divided by 2): write the downscaled copies again, in that size.",
    ),
    "no downscaled depth": (
        lambda s: [s.save_all("_2", 2), s.path("depths_2/3.png").unlink()],
        {"downscale_factor": 2},
        "1 of 6 depth maps is missing, namely '{s}/depths_2/3.png' (listed in {t}): write the copies "
        "downscaled by 2 into depths_2/, or add `nerfstudio-data --downscale-factor 1` at the end of the "
        "command.",
    ),
    "two images, one downscaled name": (
        lambda s: [s.meta["frames"][1].update(file_path="more/2.png"), s.write()],
        {"downscale_factor": 2},
        "Two frames in {t} name the image '{s}/images_2/2.png' (by 'more/2.png' and 'images/2.png'), "
        "because copies downscaled by 2 lie in one folder: rename one, or add `nerfstudio-data "
        "--downscale-factor 1` at the end of the command.",
    ),
    "downscale factor 0": (lambda s: None, {"downscale_factor": 0}, "--downscale-factor is 0: give 1 or more."),
    "mask colour out of range": (
        lambda s: None,
        {"mask_color": (255.0, 0.0, 0.0)},
        "--mask-color is 255 0 0: give red, green and blue from 0 to 1, 1 1 1 for white.",
    ),
    "mask colour without masks": (
        lambda s: [[f.pop("mask_path") for f in s.meta["frames"]], s.write()],
        {"mask_color": (0.0, 0.0, 0.0)},
        "--mask-color is set but {t} lists no masks: add mask_path or drop that flag.",
    ),
    "too few for the default split": (
        lambda s: s.unsplit(),
        {},
        "The 6 images of {t} split into 6 for training and 0 for evaluation by --eval-mode fraction and "
        "--train-split-fraction 0.9, but at least 2 and 1 are needed: add `nerfstudio-data --eval-mode "
        "interval --eval-interval 8` at the end of the command, or take more pictures.",
    ),
    "two images by interval": (
        lambda s: [s.meta["frames"].__delitem__(slice(2, None)), s.unsplit()],
        {"eval_mode": "interval"},
        "The 2 images of {t} split into 1 for training and 1 for evaluation by --eval-mode interval and "
        "--eval-interval 8, but at least 2 and 1 are needed: add `nerfstudio-data --eval-mode all` at the end"
        " of the command, or take more pictures.",
    ),
    "everything for training": (
        lambda s: s.unsplit(),
        {"train_split_fraction": 1.0},
        "The 6 images of {t} split into 6 for training and 0 for evaluation by --eval-mode fraction and "
        "--train-split-fraction 1, but at least 2 and 1 are needed: add `nerfstudio-data --eval-mode interval"
        " --eval-interval 8` at the end of the command, or take more pictures.",
    ),
    "nothing for training": (
        lambda s: s.unsplit(),
        {"train_split_fraction": 0.0},
        "The 6 images of {t} split into 0 for training and 6 for evaluation by --eval-mode fraction and "
        "--train-split-fraction 0, but at least 2 and 1 are needed: add `nerfstudio-data --eval-mode interval"
        " --eval-interval 8` at the end of the command, or take more pictures.",
    ),
    "fraction above 1": (
        lambda s: s.unsplit(),
        {"train_split_fraction": 1.5},
        "--train-split-fraction is 1.5: give a number from 0 to 1.",
    ),
    "interval 0": (
        lambda s: s.unsplit(),
        {"eval_mode": "interval", "eval_interval": 0},
        "--eval-interval is 0: give a whole number from 2 upwards.",
    ),
    "names without train or eval": (
        lambda s: s.unsplit(),
        {"eval_mode": "filename"},
        "'0.png' of {t} has neither train nor eval in its name, by which --eval-mode filename splits: "
        "rename it or choose another --eval-mode.",
    ),
}


@pytest.mark.parametrize("fault", IN_FILES)
def test_fault_in_files_and_flags(scene, refusal, fault):
    break_it, settings, sentence = IN_FILES[fault]
    break_it(scene)
    assert refusal(scene.config(**settings)) == sentence.replace("{t}", "'{s}/transforms.json'")


def test_downscaling_that_nerfstudio_chooses_itself(large_scene, refusal):
    large_scene.save("images_2/0.png", "RGB", (850, 2))
    assert (
        refusal(large_scene.config())
        == "5 of 6 images are missing, first '{s}/images_2/1.png' (listed in '{s}/transforms.json'): write "
        "the copies downscaled by 2 into images_2/, or add `nerfstudio-data --downscale-factor 1` at the "
        "end of the command."
    )


def test_one_downscaled_mask_for_two_images_is_refused(large_scene, refusal):
    large_scene.save_all("_2", 2)
    for frame in large_scene.meta["frames"][:2]:
        name = f"masks/{frame['file_path'][7:-4]}/m.png"
        large_scene.save(name, "L")
        frame["mask_path"] = name
    large_scene.save("masks_2/m.png", "L", (850, 2))
    large_scene.write()
    assert refusal(large_scene.config()).startswith(
        "'{s}/masks_2/m.png' would be the mask of both 'masks/0/m.png' and 'masks/1/m.png', because copies downscaled "
        "by 2 lie in one folder: rename one"
    )
