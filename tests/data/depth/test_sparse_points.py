"""Points come out in the scene's coordinates, from the cloud or from the COLMAP model beside it."""

import numpy as np
import open3d as o3d
import pytest
from scipy.spatial.transform import Rotation

from s3im_methods.errors import InputError

# What nerfstudio assumes that ns-process-data did to a COLMAP model.
ASSUMED = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]])


def write_colmap(room, xyz, seen):
    """A COLMAP model in text form, in which the first training image sees the points ``seen``."""
    folder = room.folder / "colmap" / "sparse" / "0"
    folder.mkdir(parents=True)
    points = [f"{number} {x} {y} {z} 1 2 3 0.5 1 {number}" for number, (x, y, z) in enumerate(xyz, start=7)]
    (folder / "points3D.txt").write_text("\n".join(points) + "\n")
    matches = " ".join(f"1.0 1.0 {number + 7}" for number in seen) + " 2.0 2.0 -1"
    (folder / "images.txt").write_text(f"1 1 0 0 0 0 0 0 1 train_0000.png\n{matches}\n")


def image_line(number, frame, name, turn, moved=(0.0, 0.0, 0.0)) -> str:
    """What COLMAP writes of a frame's pose in its own coordinates, which ``turn`` leads out of."""
    pose = np.array(frame["transform_matrix"])
    rotation = (turn.T @ pose[:3, :3] @ np.diag([1.0, -1, -1])).T
    x, y, z, w = Rotation.from_matrix(rotation).as_quat()
    t = -rotation @ (turn.T @ pose[:3, 3] + moved)
    return f"{number} {w} {x} {y} {z} {t[0]} {t[1]} {t[2]} 1 {name}"


def cloud(room) -> np.ndarray:
    return np.asarray(o3d.io.read_point_cloud(str(room.folder / "points.ply")).points)  # pyright: ignore[reportArgumentType]


def test_the_cloud_lies_where_the_cameras_look(room):
    room.meta["applied_transform"] = [[0, 0, 1, 3], [1, 0, 0, 0], [0, 1, 0, -2]]
    room.save()
    dataset = room.dataset(source="sparse")
    name = dataset.image_filenames[0].name
    exact = room.exact(next(f for f in room.frames if f["file_path"].endswith(name)))
    found = dataset.depth_maps.get(0).metres
    assert np.median(np.abs(found - exact)[found > 0]) < 0.02


@pytest.mark.parametrize("with_cloud", [True, False])
def test_a_colmap_model_tells_which_points_a_view_sees(room, with_cloud):
    expected = room.dataset(source="sparse").depth_maps
    exact, projected = room.exact(room.frames[0]), expected.get(0).metres
    assert "train_0000" in room.frames[0]["file_path"]
    points = cloud(room)
    write_colmap(room, points @ ASSUMED, range(0, len(points), 50))
    if not with_cloud:
        room.meta.pop("ply_file_path")
        room.save()
    dataset = room.dataset(source="sparse")
    found = dataset.depth_maps.get(0).metres
    assert 0 < np.count_nonzero(found) < np.count_nonzero(projected)
    assert np.isfinite(exact).all()
    assert not dataset.depth_maps.get(1).metres.any()
    both = (found > 0) & (projected > 0)
    # The nearest of several points in a pixel may be another one.
    assert (found >= projected - 1e-4)[both].all()
    assert np.isclose(found, projected, rtol=1e-4)[both].mean() > 0.3


def test_a_model_that_does_not_know_the_images_gives_way_to_the_cloud(room):
    before = room.dataset(source="sparse").depth_maps.get(1).metres
    points = cloud(room)
    write_colmap(room, points @ ASSUMED, [0])
    for name in ("images.txt",):
        path = room.folder / "colmap/sparse/0" / name
        path.write_text(path.read_text().replace("train_0000.png", "other.png"))
    # The COLMAP folder makes nerfstudio assume a transform, which the cloud has been through already.
    assert room.dataset(source="sparse").depth_maps.get(1).metres == pytest.approx(before, abs=1e-4)


def test_damaged_and_empty_reconstructions_are_refused(room):
    folder = room.folder / "colmap" / "sparse" / "0"
    folder.mkdir(parents=True)
    for name in ("points3D.bin", "images.bin"):
        (folder / name).write_bytes(b"\x05" * 11)
    with pytest.raises(InputError, match=r"The COLMAP model in .* is damaged: write it again"):
        room.dataset(source="sparse").depth_maps.get(0)
    for name in ("points3D.bin", "images.bin"):
        (folder / name).unlink()
    (room.folder / "points.ply").write_bytes(b"ply\n")
    with pytest.raises(InputError, match=r"points.ply' holds no points: write it again"):
        room.dataset(source="sparse").depth_maps.get(0)


def test_images_of_two_cameras_see_their_own_points(room):
    for index, frame in enumerate(room.frames[:2]):
        place = f"images/cam{index}/0000.png"
        (room.folder / place).parent.mkdir()
        (room.folder / frame["file_path"]).rename(room.folder / place)
        frame["file_path"] = place
    room.meta = {key: value for key, value in room.meta.items() if not key.endswith("_filenames")}
    room.save()
    points = cloud(room)
    write_colmap(room, points @ ASSUMED, range(0, len(points), 50))
    path = room.folder / "colmap/sparse/0/images.txt"
    matches = path.read_text().splitlines()[1]
    first, second = (image_line(k + 1, room.frames[k], f"cam{k}/0000.png", ASSUMED) for k in (0, 1))
    path.write_text(f"{first}\n{matches}\n{second}\n1.0 1.0 7\n")
    dataset = room.dataset(source="sparse", parser={"eval_mode": "all"})
    place = next(i for i, image in enumerate(dataset.image_filenames) if image.parent.name == "cam0")
    assert np.count_nonzero(dataset.depth_maps.get(place).metres) > 10
    first, second = first.replace("cam0/", "a/"), second.replace("cam1/", "b/")
    path.write_text(f"{first}\n{matches}\n{second}\n1.0 1.0 7\n")
    with pytest.raises(InputError, match=r"Both 'a/0000.png' and 'b/0000.png' could be the COLMAP image of"):
        room.dataset(source="sparse", parser={"eval_mode": "all"}).depth_maps.get(place)


@pytest.mark.parametrize("turn", [ASSUMED, np.eye(3)])
def test_the_models_coordinates_are_told_by_where_its_cameras_stand(room, turn):
    """nerfstudio takes a model's axes for turned by ns-process-data, whoever wrote transforms.json."""
    expected = room.dataset(source="sparse").depth_maps.get(0).metres
    points = cloud(room)
    write_colmap(room, points @ turn, range(0, len(points), 20))
    path = room.folder / "colmap/sparse/0/images.txt"
    matches = path.read_text().splitlines()[1]
    lines = [f"{image_line(k + 1, room.frames[k], f'train_000{k}.png', turn)}\n{matches}" for k in range(4)]
    path.write_text("\n".join(lines) + "\n")
    found = room.dataset(source="sparse").depth_maps.get(0).metres
    both = (found > 0) & (expected > 0)
    assert both.sum() > 10 and np.isclose(found, expected, rtol=1e-4)[both].mean() > 0.3


def test_a_model_whose_cameras_stand_elsewhere_is_refused(room):
    points = cloud(room)
    write_colmap(room, points @ ASSUMED, range(0, len(points), 20))
    lines = [image_line(k + 1, room.frames[k], f"train_000{k}.png", ASSUMED, (5.0, 0, 0)) for k in range(4)]
    (room.folder / "colmap/sparse/0/images.txt").write_text("\n1.0 1.0 7\n".join([*lines, ""]))
    with pytest.raises(InputError, match=r"has its cameras elsewhere than .* give the applied_transform"):
        room.dataset(source="sparse").depth_maps.get(0)


@pytest.mark.parametrize("ending", [None, ".bin", ".txt"])
def test_a_model_without_points_is_none(room, ending):
    folder = room.folder / "colmap/sparse/0"
    folder.mkdir(parents=True)
    for name in ("points3D", "images") if ending else ():
        (folder / f"{name}{ending}").write_bytes(b"\0" * 8 if ending == ".bin" else b"# none\n")
    assert room.dataset(source="sparse").depth_maps.get(0).metres.any()
    room.meta["ply_file_path"] = "gone.ply"
    room.drop()
    dataset = room.dataset(source="auto-or-none")
    assert dataset.depth_maps.source == "none"
