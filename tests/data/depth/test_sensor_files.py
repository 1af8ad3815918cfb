"""Sensor depth of a scene, as training and depth-report read it: unit, constants for none, and what is said of both."""

from pathlib import Path

import numpy as np
import pytest
import torch

from s3im_methods.data.depth.survey import survey
from s3im_methods.errors import InputError


def stem(frame) -> str:
    return Path(frame["file_path"]).stem


def store(room, change, ending=".npy") -> None:
    """Give each frame a depth file made of its exact depth."""
    room.each(lambda f: f.update(depth_file_path=room.write(f"s/{stem(f)}{ending}", change(room.exact(f)))))


def metres(room, **settings) -> np.ndarray:
    return room.dataset(**settings).depth_maps.get(0).metres


def lines(room, parser=None, **settings) -> list[str]:
    dataset = room.dataset(parser=parser, **settings)
    dataset.depth_maps.check_files()
    return survey(dataset.depth_maps, dataset.cameras).lines()


@pytest.fixture
def exact(room):
    name = room.dataset().image_filenames[0].name
    return room.exact(next(f for f in room.frames if f["file_path"].endswith(name)))


def test_the_unit_is_said_and_nothing_else(room):
    (line,) = lines(room)
    assert line.endswith(
        "In the sensor's files 16-bit numbers count 0.001 metres each (assumed), as depth along the viewing axis "
        "(assumed)."
    )


def test_the_parsers_flag_holds_for_floats_where_it_was_given(room, exact):
    store(room, lambda z: (100 * z).astype(np.float32))
    flag = {"depth_unit_scale_factor": 0.01}
    assert metres(room, parser=flag) == pytest.approx(exact, rel=1e-5)
    (line,) = lines(room, flag)
    assert "floating-point numbers count 0.01 metres each (--depth-unit-scale-factor)" in line
    assert metres(room, parser=flag, unit=0.02) == pytest.approx(2 * exact, rel=1e-5)


def test_floats_in_metres_beside_whole_numbers_stay_in_metres(room, exact):
    for index, frame in enumerate(room.frames):
        whole = (room.exact(frame) * 500).round().astype(np.uint16)
        name = f"s/{stem(frame)}.npy"
        frame["depth_file_path"] = room.write(name, room.exact(frame).astype(np.float32) if index % 2 else whole)
    room.save()
    dataset = room.dataset(parser={"depth_unit_scale_factor": 0.002})
    for index in range(len(dataset)):
        frame = next(f for f in room.frames if f["file_path"].endswith(dataset.image_filenames[index].name))
        assert dataset.depth_maps.get(index).metres == pytest.approx(room.exact(frame), abs=2e-3)


@pytest.mark.parametrize("factor", [1, 1000])
def test_what_the_file_says_of_whole_numbers_holds_for_floats_where_it_fits(room, exact, factor):
    room.meta["depth_unit"] = "millimetre, z-depth"
    store(room, lambda z: (factor * z).astype(np.float32))
    assert metres(room) == pytest.approx(exact, rel=1e-5)
    (line,) = lines(room)
    assert ("told from the values, though depth_unit of the scene says 0.001" in line) is (factor == 1)


@pytest.mark.parametrize("where", ["header", "frames"])
def test_the_scenes_file_says_the_unit(room, exact, where):
    store(room, lambda z: (z * 500).round().astype(np.uint16))
    if where == "header":
        room.meta["integer_depth_scale"] = 0.002
        room.save()
    else:
        room.each(lambda f: f.update(integer_depth_scale=0.002))
    assert metres(room) == pytest.approx(exact, abs=2e-3)
    assert "(integer_depth_scale of the scene)" in lines(room)[0]


def test_the_scenes_file_says_what_is_measured(room, exact):
    room.meta["depth_is_euclidean"] = True
    room.save()
    assert metres(room) == pytest.approx(metres_along(room), rel=1e-6)
    assert (metres(room) < exact - 1e-3).any()
    assert lines(room)[0].endswith("as distance along the ray (depth_is_euclidean of the scene).")


def metres_along(room) -> np.ndarray:
    room.meta.pop("depth_is_euclidean")
    room.save()
    found = metres(room, convention="distance")
    room.meta["depth_is_euclidean"] = True
    room.save()
    return found


@pytest.mark.parametrize(("factor", "unit"), [(1000, "0.001"), (100, "0.01")])
def test_other_units_in_floats_are_told_with_the_factor(room, factor, unit):
    room.meta.pop("ply_file_path")
    store(room, lambda z: (factor * z).astype(np.float32))
    assert lines(room)[-1].endswith(f"set --pipeline.datamanager.depth.unit {unit}.")


def test_points_tell_a_wrong_scale(room):
    store(room, lambda z: (2.5 * z).astype(np.float32))
    assert lines(room)[-1].startswith("Sensor depth is 2.")
    assert lines(room)[-1].endswith("set --pipeline.datamanager.depth.unit 0.4.") or "unit 0.3" in lines(room)[-1]


def test_eight_bits_need_a_unit(room, exact):
    store(room, lambda z: (z * 50).astype(np.uint8), ".png")
    with pytest.raises(InputError, match=r"s/.*.png' holds 8-bit numbers, which reach only 0.255 metres"):
        lines(room)
    room.meta["depth_unit"] = "millimetre, z-depth"
    room.save()
    with pytest.raises(InputError, match="holds 8-bit numbers"):
        metres(room)
    assert metres(room, unit=0.02) == pytest.approx(exact, abs=0.021)
    room.meta["depth_unit"] = 0.02
    room.save()
    assert len(lines(room)) == 1


def test_true_and_false_are_no_depth(room):
    store(room, lambda z: z > 1)
    with pytest.raises(InputError, match="holds true and false, which is not depth"):
        lines(room)


@pytest.mark.parametrize(("value", "kind"), [(1e10, np.float32), (65504, np.float16), (65535, np.uint16)])
def test_sky_is_counted_and_left_out(room, exact, value, kind):
    def sky(z):
        values = (z * 1000 if kind is np.uint16 else z).astype(kind)
        values[:9] = value
        return values

    store(room, sky, ".png" if kind is np.uint16 else ".npy")
    found = metres(room)
    assert not found[:9].any()
    assert found[9:] == pytest.approx(exact[9:], rel=2e-3, abs=1e-3)
    assert lines(room)[1] == f"These stored depth values are treated as no reading: {value:g} ({6 * 9 * 48} times)."


def test_a_far_plane_that_all_views_share_is_left_out_and_a_limit_told(room):
    def sky(far):
        def change(z):
            values = z.astype(np.float32)
            values[:9] = far
            return values

        return change

    store(room, sky(80.0))
    assert metres(room).max() < 20
    # Evaluation views are read alike, whatever their split shows by itself.
    assert room.dataset("val").depth_maps.get(0).metres.max() < 20
    store(room, lambda z: np.minimum(z, 1.5).astype(np.float32))
    assert metres(room).max() == 1.5
    assert "share one largest value, 1.5, on many pixels" in " ".join(lines(room))


def test_monocular_constants_and_holes_are_counted(room):
    def spoil(z):
        values = z * 3
        values[0, :5], values[1, :7] = 1e10, np.nan
        return values

    room.add_monocular(spoil)
    found = room.dataset(source="monocular").depth_maps.get(0)
    assert (found.invalid, found.constants) == (7, {1e10: 5})
    assert not found.metres[0, :5].any() and not found.metres[1, :7].any()


def test_confidence_scale_is_told_from_the_values(room):
    steps = np.tile(np.array([0, 1, 2], dtype=np.uint8), (36, 16))
    room.each(lambda f: room.write(f"conf/{stem(f)}.png", steps))
    dataset = room.dataset(confidence_folder="conf")
    assert torch.equal(dataset[0]["depth_confidence"][..., 0], torch.from_numpy(steps / np.float32(2)))
    assert "so 2 counts as full confidence" in lines(room, confidence_folder="conf")[-1]


def two_cameras(room) -> None:
    """Let the images of the first half of the frames stand in cam0, the others in cam1, with the same names."""
    half = len(room.frames) // 2
    for index, frame in enumerate(room.frames):
        place = f"images/cam{index // half}/{index % half:04d}.png"
        (room.folder / place).parent.mkdir(exist_ok=True)
        (room.folder / frame["file_path"]).rename(room.folder / place)
        frame["file_path"] = place
    for key in ("train_filenames", "val_filenames", "test_filenames"):
        room.meta.pop(key, None)
    room.save()


def test_monocular_folders_of_two_cameras(room):
    two_cameras(room)
    for index, frame in enumerate(room.frames):
        name = frame["file_path"].replace("images/", "mono/").replace(".png", ".npy")
        (room.folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(room.folder / name, (room.exact(frame) * (index + 2)).astype(np.float32))
    dataset = room.dataset(source="monocular", monocular_folder="mono")
    for image, fit in ((i, dataset.depth_maps.get(i).alignment) for i in range(len(dataset))):
        frame = next(f for f in room.frames if str(dataset.image_filenames[image]).endswith(f["file_path"]))
        assert fit is not None and fit.scale == pytest.approx(1 / (room.frames.index(frame) + 2), rel=0.01)
    flat = room.folder / "mono/cam0"
    with pytest.raises(InputError, match=r"could be the monocular depth map of 'images/cam0/0000.png' and of"):
        room.dataset(source="monocular", monocular_folder=str(flat.relative_to(room.folder)))


def test_a_folder_in_which_nothing_fits_is_refused(room):
    (room.folder / "mono").mkdir()
    np.save(room.folder / "mono/other.npy", np.ones((36, 48)))
    with pytest.raises(InputError, match=r"mono' holds no monocular depth map for any of 8 images"):
        room.dataset(monocular_folder="mono")


def test_one_depth_map_for_two_images_is_refused(room):
    room.each(lambda f: f.update(depth_file_path=room.frames[0]["depth_file_path"]))
    with pytest.raises(InputError, match=r"is the depth map of 'images/.*' and of 'images/.*': give each"):
        lines(room)


def test_two_confidence_maps_beside_one_depth_map_are_refused(room):
    full = np.full((36, 48), 255, dtype=np.uint8)
    for ending in (".png", ".npy"):
        room.each(lambda f, ending=ending: room.write(f"depths/{stem(f)}_conf{ending}", full))
    with pytest.raises(InputError, match=r"Both '.*_conf.npy' and '.*_conf.png' could be the confidence map of"):
        room.dataset(confidence_suffix="_conf")


def test_a_transposed_map_is_told_by_its_sides(room):
    store(room, lambda z: np.ascontiguousarray(z.T).astype(np.float32))
    with pytest.raises(InputError, match="it seems to be transposed, so swap its axes"):
        lines(room)
