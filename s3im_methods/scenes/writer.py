"""Renders a scene into a folder: in the layout that nerfstudio's ``nerfstudio-data`` parser reads, or in another."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from s3im_methods.outputs import refuse_cut_off
from s3im_methods.scenes.config import ObjectConfig, SceneConfig
from s3im_methods.scenes.staging import GENERATOR, MARKER, staged_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from s3im_methods.scenes.build import BuiltScene
    from s3im_methods.scenes.cameras import Camera
    from s3im_methods.scenes.render import View

_POINTS = 20_000

_README = """This scene was made by `s3im scene`; every number in it is exact up to the rounding of its file format.

transforms.json  nerfstudio's format: pinhole cameras, OpenGL axes (x right, y up, z backwards), z-up world, metres
images/*.png     8-bit sRGB; RGBA with straight alpha where the background is transparent
depths/*.png     16-bit, millimetres along the viewing axis at the pixel's centre, 0 for nothing (depth_file_path)
depths_npy/*.npy float32 [h, w], the same depth in metres (depth_npy_path)
normals/*.npy    float32 [h, w, 3], unit, world axes, towards the camera, zeros for nothing (normal_npy_path)
mesh.ply         the mesh that the rays met, with lit vertex colours
points.ply       surface points seen by the training views (ply_file_path)

The centre of the top left pixel is (0.5, 0.5). Test views are also the validation views.
"""


def write_scene(config: SceneConfig, out: Path | str, overwrite: bool = False, progress: bool = False) -> Path:
    """Render a scene into a folder, which appears only when it is complete.

    Args:
        config: ``RoomConfig`` or ``ObjectConfig``.
        out: Folder to write; it must not exist or be empty, unless ``overwrite``.
        overwrite: Replace a scene that this function wrote before.
        progress: Show a progress bar on stderr.

    Returns:
        The folder.

    Raises:
        InputError: If the config is out of range or the folder cannot be used.
    """
    out = Path(out)
    config.check()

    from rich.console import Console
    from rich.progress import Progress

    from s3im_methods.scenes.build import build_scene

    with staged_folder(out, overwrite) as stage, Progress(console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task("Building and lighting", total=None)
        if isinstance(config, ObjectConfig) and config.moving:
            bar.update(task, description="Lighting and rendering", total=config.train_views + config.test_views)
            _write_moving(stage, config, lambda: bar.advance(task))
            return out
        scene = build_scene(config)
        cameras = [(f"train_{k:04d}", c) for k, c in enumerate(scene.train)]
        cameras += [(f"test_{k:04d}", c) for k, c in enumerate(scene.test)]
        bar.update(task, description="Rendering", total=len(cameras))
        views = _rendered(scene, config, cameras, lambda: bar.advance(task))
        (_write_idr if config.layout == "idr" else _write_nerfstudio)(stage, config, scene, cameras, views)
        _write_mesh(stage / "mesh.ply", scene)
    return out


def _rendered(
    scene: "BuiltScene", config: SceneConfig, cameras: "list[tuple[str, Camera]]", advance: Callable[[], None]
) -> "Iterator[View]":
    for _, camera in cameras:
        yield scene.renderer.render(camera, config.supersampling)
        advance()


def _write_nerfstudio(
    stage: Path,
    config: SceneConfig,
    scene: "BuiltScene",
    cameras: "list[tuple[str, Camera]]",
    views: "Iterator[View]",
) -> None:
    for folder in ("images", "depths", "depths_npy", "normals"):
        (stage / folder).mkdir()
    points = []
    for (name, camera), view in zip(cameras, views, strict=True):
        _write_view(stage, name, view, config)
        if name.startswith("train"):
            points.append(_surface_points(view, camera, _POINTS // config.train_views, [config.seed, len(points)]))
    _write_points(stage / "points.ply", points)
    (stage / "README.txt").write_text(_README, encoding="utf-8")
    (stage / "transforms.json").write_text(json.dumps(_transforms(config, cameras), indent=1), encoding="utf-8")


def _write_idr(
    stage: Path,
    config: SceneConfig,
    scene: "BuiltScene",
    cameras: "list[tuple[str, Camera]]",
    views: "Iterator[View]",
) -> None:
    from s3im_methods.scenes.idr_layout import IDR_README, write_idr_cameras, write_idr_view

    for number, ((_, camera), view) in enumerate(zip(cameras, views, strict=True)):
        write_idr_view(stage, number, view, camera, isinstance(config, ObjectConfig))
    write_idr_cameras(stage / "cameras_sphere.npz", [camera for _, camera in cameras], scene.solid.vertices)
    (stage / "README.txt").write_text(IDR_README, encoding="utf-8")
    (stage / MARKER).write_text(json.dumps({"generator": GENERATOR, **_settings(config)}, indent=1), encoding="utf-8")


def _write_moving(stage: Path, config: ObjectConfig, advance: Callable[[], None]) -> None:
    from s3im_methods.scenes.moving import write_moving

    write_moving(stage, config, lambda view: _image(view, config), _write_mesh, advance)
    (stage / MARKER).write_text(json.dumps({"generator": GENERATOR, **_settings(config)}, indent=1), encoding="utf-8")


def _settings(config: SceneConfig) -> dict:
    return {"settings": {"scene": type(config).__name__, **asdict(config)}}


def _transforms(config: SceneConfig, cameras: "list[tuple[str, Camera]]") -> dict:
    files = {name: f"images/{name}.png" for name, _ in cameras}
    test = [file for name, file in files.items() if name.startswith("test")]
    return {
        "generator": GENERATOR,
        **_settings(config),
        "camera_model": "OPENCV",
        "fl_x": config.focal,
        "fl_y": config.focal,
        "cx": config.width / 2,
        "cy": config.height / 2,
        "w": config.width,
        "h": config.height,
        **dict.fromkeys(("k1", "k2", "p1", "p2"), 0.0),
        "ply_file_path": "points.ply",
        "train_filenames": [file for name, file in files.items() if name.startswith("train")],
        "val_filenames": test,
        "test_filenames": test,
        "frames": [
            {
                "file_path": files[name],
                "depth_file_path": f"depths/{name}.png",
                "depth_npy_path": f"depths_npy/{name}.npy",
                "normal_npy_path": f"normals/{name}.npy",
                "transform_matrix": camera.pose.tolist(),
            }
            for name, camera in cameras
        ],
    }


def _image(view: "View", config: SceneConfig) -> "NDArray[np.uint8]":
    """What is written of a view, with the background that the config asks for."""
    import numpy as np

    if not isinstance(config, ObjectConfig):
        return view.colour
    share = view.alpha[..., None]
    if config.background == "transparent":
        return np.concatenate([view.colour, share], axis=-1)
    return np.round(share / 255.0 * view.colour + 255.0 * (1.0 - share / 255.0)).astype(np.uint8)


def _write_view(stage: Path, name: str, view: "View", config: SceneConfig) -> None:
    import numpy as np
    from PIL import Image

    Image.fromarray(_image(view, config)).save(stage / "images" / f"{name}.png")
    millimetres = np.round(view.depth.astype(np.float64) * 1000).astype(np.uint16)
    Image.fromarray(millimetres).save(stage / "depths" / f"{name}.png")
    np.save(stage / "depths_npy" / f"{name}.npy", view.depth)
    np.save(stage / "normals" / f"{name}.npy", view.normal)


def _surface_points(view: "View", camera: "Camera", count: int, seed: list[int]) -> tuple:
    import numpy as np

    seen = np.argwhere(view.depth > 0)
    chosen = np.random.default_rng(seed).choice(len(seen), size=min(count, len(seen)), replace=False)
    rows, columns = seen[chosen].T
    rays = camera.directions(rows + 0.5, columns + 0.5)
    return camera.origin + view.depth[rows, columns, None] * rays, view.colour[rows, columns]


def _write_points(path: Path, points: list[tuple]) -> None:
    import numpy as np
    import open3d as o3d

    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(np.concatenate([p for p, _ in points])))
    cloud.colors = o3d.utility.Vector3dVector(np.concatenate([c for _, c in points]) / 255.0)
    _checked(o3d.io.write_point_cloud(str(path), cloud), path)  # pyright: ignore[reportArgumentType]


def _write_mesh(path: Path, scene: "BuiltScene", units_per_metre: float = 1.0) -> None:
    import numpy as np
    import open3d as o3d

    mesh = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(units_per_metre * scene.solid.vertices.astype(np.float64)),
        o3d.utility.Vector3iVector(scene.solid.triangles.astype(np.int32)),
    )
    mesh.vertex_colors = o3d.utility.Vector3dVector(scene.renderer.vertex_colours() / 255.0)
    _checked(o3d.io.write_triangle_mesh(str(path), mesh), path)  # pyright: ignore[reportArgumentType]


def _checked(written: bool, path: Path) -> None:
    # Open3D reports a missing folder by its return value, and a full disk not at all.
    if not written:
        raise OSError(f"Open3D could not write {path.name}")
    refuse_cut_off(path)
