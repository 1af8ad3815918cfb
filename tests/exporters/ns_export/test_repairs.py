"""nerfstudio's own commands, run on a model that sees a ball from its middle, with the repairs and without."""

import inspect
from types import SimpleNamespace
from typing import Any

import numpy as np
import open3d as o3d
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datamanagers.base_datamanager import VanillaDataManager
from nerfstudio.exporter import texture_utils, tsdf_utils
from nerfstudio.pipelines.base_pipeline import VanillaPipeline
from nerfstudio.scripts import exporter
from PIL import Image

from s3im_methods.engine.pipeline import S3IMPipeline
from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.memory import MemoryBudget
from s3im_methods.exporters.mesh.world_frame import WorldFrame
from s3im_methods.exporters.ns_export import repairs, world
from s3im_methods.models.s3im_mixin import S3IMMixin

RADIUS = 0.75
TURN = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
SCENE = WorldFrame(np.eye(3), np.zeros(3), 1.0)
RAYS = 1 << 14


class Manager(VanillaDataManager):
    """Draws rays from the origin in all directions."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.train_pixel_sampler: Any = SimpleNamespace(num_rays_per_batch=RAYS)
        self.drawn = 0

    def next_train(self, step: int) -> Any:
        self.drawn += 1
        if self.drawn > 60:
            raise RuntimeError("it never ends")
        directions = torch.nn.functional.normalize(torch.randn(self.train_pixel_sampler.num_rays_per_batch, 3), dim=-1)
        one = torch.ones_like(directions[:, :1])
        return RayBundle(torch.zeros_like(directions), directions, one, one.long()), {}


class Model:
    """A ball around the origin, coloured by its place; its normals point at the origin."""

    config = SimpleNamespace()

    def __call__(self, bundle: RayBundle) -> dict[str, torch.Tensor]:
        one = torch.ones_like(bundle.origins[:, :1])
        shown = bundle.directions / 2 + 0.5
        outputs = {"rgb": shown, "grey": torch.full_like(shown, 0.25), "normals": 1 - shown}
        return {**outputs, "depth": RADIUS * one, "accumulation": one}

    def get_outputs_for_camera_ray_bundle(self, bundle: RayBundle) -> dict[str, torch.Tensor]:
        shown = bundle.origins.clamp(-1, 1) / 2 + 0.5
        return {"rgb": shown, "grey": torch.full_like(shown, 0.25), "accumulation": torch.ones_like(shown[..., :1])}

    def get_rgba_image(self, outputs: dict[str, torch.Tensor], name: str = "rgb") -> torch.Tensor:
        return torch.cat([outputs[name], torch.ones_like(outputs[name][..., :1])], dim=-1)


@pytest.fixture(autouse=True)
def stock(monkeypatch):
    """nerfstudio's own functions, which its modules have again after each test."""
    for holder, name in (
        (exporter, "generate_point_cloud"),
        (tsdf_utils.TSDF, "integrate_tsdf"),
        (tsdf_utils.TSDF, "get_mesh"),
        (tsdf_utils, "export_tsdf_mesh"),
        (texture_utils, "export_textured_mesh"),
    ):
        monkeypatch.setattr(holder, name, inspect.unwrap(getattr(holder, name)))
    kind = o3d.t.geometry.PointCloud
    monkeypatch.setattr(kind, "from_legacy", kind.from_legacy)
    monkeypatch.setattr(exporter, "validate_pipeline", lambda *_: None)
    torch.manual_seed(0)


@pytest.fixture()
def export(tmp_path, monkeypatch):
    """Runs a command into tmp_path, by default with the repairs; the world before ``applied_transform`` is where
    ``frame`` says, and that of the poses in the file is where the scene is.

    Returns how often rays were drawn.
    """

    def run(
        kind: Any, frame: WorldFrame | None = None, repaired: bool = True, clouds: dict | None = None, **flags: Any
    ) -> int:
        model = Model()
        manager = Manager()
        manager.train_dataparser_outputs = SimpleNamespace(  # type: ignore[assignment]
            transform_poses_to_original_space=lambda poses: torch.cat(
                [poses[..., :3], torch.tensor(TURN.T).to(poses) @ poses[..., 3:]], dim=-1
            )
        )

        def load(path: Any) -> Any:
            if repaired:
                repairs.repair_export(model.config, clouds)
            return None, SimpleNamespace(model=model, datamanager=manager, device=torch.device("cpu")), None, None

        monkeypatch.setattr(exporter, "eval_setup", load)
        monkeypatch.setattr(world, "original_frame", lambda _: frame)
        monkeypatch.setattr("s3im_methods.exporters.mesh.training_split.training_split", lambda _: None)
        monkeypatch.setattr("s3im_methods.exporters.mesh.world_frame.world_frame", lambda _: SCENE)
        kind(tmp_path / "config.yml", tmp_path, **flags).main()
        return manager.drawn

    return run


def cloud_of(path: Any) -> Any:
    return o3d.t.io.read_point_cloud(str(path))  # pyright: ignore[reportArgumentType]


FEW = {"num_rays_per_batch": 2000, "remove_outliers": False}


def test_poisson_reconstructs_with_one_thread(export, monkeypatch):
    asked = []
    original = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson

    def noted(cloud: Any, **settings: Any) -> Any:
        asked.append(settings)
        return original(cloud, **settings)

    monkeypatch.setattr(o3d.geometry.TriangleMesh, "create_from_point_cloud_poisson", noted)
    export(exporter.ExportPoissonMesh, num_points=500, texture_method="point_cloud", **FEW)
    assert asked == [{"depth": 9, "n_threads": 1}]


def test_as_many_points_as_asked_for(export, tmp_path):
    export(exporter.ExportPointCloud, num_points=500, **FEW)
    cloud = cloud_of(tmp_path / "point_cloud.ply")
    assert len(cloud.point.positions) == 500
    assert np.linalg.norm(cloud.point.positions.numpy(), axis=1) == pytest.approx(RADIUS, rel=1e-5)


@pytest.mark.parametrize("far", [0.0, 4.5e6])
def test_in_the_world_frame_normals_turn_with_the_points(export, tmp_path, far):
    frame = WorldFrame(TURN, np.array([far, -far, 2.0]), 0.5)
    export(exporter.ExportPointCloud, frame, num_points=500, save_world_frame=True, **FEW)
    cloud = cloud_of(tmp_path / "point_cloud.ply")
    points, normals = (part.numpy().astype(np.float64) for part in (cloud.point.positions, cloud.point.normals))
    middle = frame.to_world(np.zeros((1, 3)))
    assert np.abs(np.linalg.norm(points - middle, axis=1) - RADIUS / 0.5).max() < 1e-5
    assert np.abs(normals + (points - middle) / (RADIUS / 0.5)).max() < 1e-5
    # Colours tell the directions in the scene, by which the turn itself is checked.
    shown = cloud.point.colors.numpy() / 255.0 * 2 - 1
    assert np.abs((points - middle) / (RADIUS / 0.5) - shown @ TURN).max() < 0.02
    assert (b"property double x" in (tmp_path / "point_cloud.ply").read_bytes()[:300]) == (far > 0)


@pytest.mark.parametrize("together", [False, True])
def test_beside_a_mesh_points_are_in_its_coordinates(export, tmp_path, together):
    """``s3im export`` writes both; nerfstudio's own command goes back before ``applied_transform``."""
    before = WorldFrame(np.eye(3), np.zeros(3), 0.5)
    export(
        exporter.ExportPointCloud, before, clouds={} if together else None, num_points=500, save_world_frame=True, **FEW
    )
    radius = np.linalg.norm(cloud_of(tmp_path / "point_cloud.ply").point.positions.numpy(), axis=1)
    assert radius == pytest.approx(RADIUS if together else RADIUS / 0.5, rel=1e-5)


def test_a_box_without_points_ends(export, tmp_path):
    box = {"obb_center": (9.0, 0, 0), "obb_rotation": (0.0, 0.0, 0.0), "obb_scale": (1.0, 1, 1)}
    with pytest.raises(InputError, match=r"0 lie in the box.*--obb-center"):
        export(exporter.ExportPointCloud, num_points=50, num_rays_per_batch=RAYS, **box)
    assert list(tmp_path.iterdir()) == []


def test_poisson_keeps_to_its_box_and_has_names_of_its_own(export, tmp_path):
    box = {"bounding_box_min": (-1.0, -1.0, -0.25), "bounding_box_max": (1.0, 1.0, 1.0)}
    texture = {"num_pixels_per_side": 32, "target_num_faces": 200}
    export(exporter.ExportPoissonMesh, num_points=3000, save_point_cloud=True, **box, **texture, **FEW)
    files = {"poisson_mesh.ply", "poisson_mesh.obj", "poisson_mesh.mtl", "poisson_mesh.png", "poisson_point_cloud.ply"}
    assert {path.name for path in tmp_path.iterdir()} == files
    heights = cloud_of(tmp_path / "poisson_point_cloud.ply").point.positions.numpy()[:, 2]
    assert -0.25 < heights.min() < -0.2
    assert heights.max() > 0.7
    assert "mtllib poisson_mesh.mtl\n" in (tmp_path / "poisson_mesh.obj").read_text()[:200]
    assert (tmp_path / "poisson_mesh.mtl").read_text() == "newmtl texture\nKd 1 1 1\nmap_Kd poisson_mesh.png\n"
    path: Any = str(tmp_path / "poisson_mesh.obj")
    second: Any = o3d.io.read_triangle_mesh(path, True)
    assert len(second.textures) >= 1 and len(second.triangles) > 100


def test_the_default_box_of_poisson_cuts_nothing(export, tmp_path, monkeypatch):
    """Nor does nerfstudio's: rooms lie outside it."""
    monkeypatch.setitem(globals(), "RADIUS", 3.0)
    export(exporter.ExportPoissonMesh, num_points=2000, save_point_cloud=True, texture_method="point_cloud", **FEW)
    assert len(cloud_of(tmp_path / "poisson_point_cloud.ply").point.positions) == 2000


def test_the_named_colours_are_those_of_points_and_texture(export, tmp_path):
    texture = {"num_pixels_per_side": 32, "target_num_faces": 200}
    export(exporter.ExportPoissonMesh, num_points=2000, rgb_output_name="grey", **texture, **FEW)
    colours = np.asarray(Image.open(tmp_path / "poisson_mesh.png"))[..., :3]
    assert np.abs(colours.astype(int) - 64).max() <= 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (
            {"depth_output_name": "rgb"},
            "--depth-output-name is 'rgb', and the model has no output of that name with one",
        ),
        (
            {"rgb_output_name": "depth"},
            "--rgb-output-name is 'depth', and the model has no output of that name with 3",
        ),
        ({"rgb_output_name": "x"}, "give one of grey, normals, rgb"),
        ({"normal_output_name": "depth"}, "--normal-output-name is 'depth'"),
    ],
)
def test_outputs_that_are_something_else(export, flags, words):
    with pytest.raises(InputError, match=words):
        export(exporter.ExportPointCloud, num_points=50, **flags, **FEW)


def test_too_few_points_for_a_surface(export):
    with pytest.raises(InputError, match="50 points are too few for a surface"):
        export(exporter.ExportPoissonMesh, num_points=50, **FEW)


def test_nothing_is_left_of_the_points(export, tmp_path):
    with pytest.raises(InputError, match="No point is left after outliers were removed"):
        export(exporter.ExportPointCloud, num_points=1, num_rays_per_batch=100)
    assert list(tmp_path.iterdir()) == []


def cameras(*sizes: int, kind: CameraType = CameraType.PERSPECTIVE) -> Cameras:
    width = torch.tensor(sizes)[:, None]
    return Cameras(
        torch.eye(4)[None, :3].repeat(len(sizes), 1, 1), 10.0, 10.0, 8.0, 8.0, width, width, camera_type=kind
    )


@pytest.mark.parametrize(
    ("of", "flags", "words"),
    [
        (cameras(16, 24), {}, "images of one size, and this scene has 2"),
        (cameras(16, kind=CameraType.FISHEYE), {}, "reads every camera as a pinhole"),
        (cameras(16), {"downscale_factor": 9}, "--downscale-factor 9 leaves nothing of images of 16 x 16"),
    ],
)
def test_cameras_that_a_tsdf_cannot_fuse(of, flags, words):
    command = exporter.ExportTSDFMesh("c", "o", **flags)  # type: ignore[arg-type]
    pipeline = SimpleNamespace(datamanager=SimpleNamespace(train_dataset=SimpleNamespace(cameras=of)))
    with pytest.raises(InputError, match=words):
        repairs._export_tsdf_mesh(command, None, pipeline)


@pytest.mark.parametrize("resolution", [256, [256, 128, 512]])
def test_a_tsdf_that_does_not_fit_is_refused_before_rendering(monkeypatch, resolution):
    """56 bytes a voxel, of which there are 256 x 256 x 256 in both."""
    monkeypatch.setattr(MemoryBudget, "of_this_machine", lambda _: MemoryBudget(56 * 128**3))
    command = exporter.ExportTSDFMesh("c", "o", resolution=resolution)  # type: ignore[arg-type]
    data = SimpleNamespace(train_dataset=SimpleNamespace(cameras=cameras(16)))
    longest = 256 if resolution == 256 else 512
    fits = {256: 115, 512: 230}[longest]
    with pytest.raises(
        InputError, match=rf"--resolution {longest} needs 0.9 GiB or more, .* can be used: {fits} fits\."
    ):
        repairs._export_tsdf_mesh(command, None, SimpleNamespace(datamanager=data, device="cpu"))


@pytest.mark.parametrize("short_of_memory", ["cpu", "cuda"])
def test_a_tsdf_has_to_fit_on_the_cpu_and_on_the_gpu(monkeypatch, short_of_memory):
    """nerfstudio makes it on the one and moves it to the other."""
    budgets = {device: MemoryBudget(1e6 if device == short_of_memory else 1e12) for device in ("cpu", "cuda")}
    monkeypatch.setattr(MemoryBudget, "of_this_machine", budgets.__getitem__)
    command = exporter.ExportTSDFMesh("c", "o", resolution=256)  # type: ignore[arg-type]
    data = SimpleNamespace(train_dataset=SimpleNamespace(cameras=cameras(16)))
    with pytest.raises(InputError, match=r"--resolution 256 needs 0\.9 GiB or more"):
        repairs._export_tsdf_mesh(command, None, SimpleNamespace(datamanager=data, device="cuda"))


def test_a_pipeline_of_ours_checks_the_command_that_builds_it(tmp_path, monkeypatch):
    monkeypatch.setattr(VanillaPipeline, "__init__", lambda *_, **__: None)
    config: Any = SimpleNamespace(
        model=SimpleNamespace(_target=S3IMMixin), datamanager=SimpleNamespace(dataparser=None)
    )
    monkeypatch.setattr(exporter, "eval_setup", lambda _, **__: S3IMPipeline(config, "cpu", "inference"))
    with pytest.raises(InputError, match="needs splatfacto"):
        exporter.ExportGaussianSplat(tmp_path / "config.yml", tmp_path).main()
    # Outside of an export there is nothing to check.
    S3IMPipeline(config, "cpu", "inference")
    assert not hasattr(vars(exporter)["generate_point_cloud"], "func")


def test_upstream_still_leaves_normals_unturned(export, tmp_path):
    """When this fails, nerfstudio turns normals too: remove ``move_to_world`` where nothing is far away."""
    export(exporter.ExportPointCloud, repaired=False, num_points=500, save_world_frame=True, **FEW)
    cloud = cloud_of(tmp_path / "point_cloud.ply")
    assert np.abs(cloud.point.normals.numpy() + cloud.point.positions.numpy() / RADIUS).max() > 0.5


def test_upstream_still_loops_for_ever_where_a_box_has_no_points(export):
    """When this fails, nerfstudio gives up by itself: remove the end from ``WantedPoints``."""
    box = {"obb_center": (9.0, 0, 0), "obb_rotation": (0.0, 0.0, 0.0), "obb_scale": (1.0, 1, 1)}
    with pytest.raises(RuntimeError, match="it never ends"):
        export(exporter.ExportPointCloud, repaired=False, num_points=50, **box, **FEW)


def test_upstream_still_does_not_read_these_flags():
    """When one fails, nerfstudio reads it: remove its repair or refusal."""
    assert "bounding_box" not in inspect.getsource(exporter.ExportPoissonMesh.main)
    assert "simplify_mesh" not in inspect.getsource(exporter.ExportMarchingCubesMesh.main)
    assert 'get_rgba_image(outputs, "rgb")' in inspect.getsource(texture_utils.export_textured_mesh)


def test_upstream_still_has_one_name_for_all_textured_meshes():
    """When this fails, nerfstudio's files have names of their own: remove ``ns_export.file_names``."""
    assert 'output_dir / "mesh.obj"' in inspect.getsource(texture_utils.export_textured_mesh)


def test_exports_of_a_run_that_is_loaded_once_draw_points_once(export, tmp_path):
    clouds, few = {}, {**FEW, "num_points": 3000}
    # Two batches, and one to look at the outputs.
    assert export(exporter.ExportPointCloud, WorldFrame(TURN, np.ones(3), 2.0), clouds=clouds, **few) == 3
    moved = cloud_of(tmp_path / "point_cloud.ply").point.positions.numpy()
    poisson = {**few, "texture_method": "point_cloud", "save_point_cloud": True}
    assert export(exporter.ExportPoissonMesh, clouds=clouds, **poisson) == 1
    drawn = cloud_of(tmp_path / "poisson_point_cloud.ply").point.positions.numpy()
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), RADIUS, rtol=1e-5)
    assert len(drawn) == len(moved) == 3000
    # Another number of points, a box, and an export by itself have points of their own.
    assert export(exporter.ExportPointCloud, clouds=clouds, **{**few, "num_points": 1000}) == 2
    box = {"obb_center": (0.0, 0.0, 0.0), "obb_rotation": (0.0, 0.0, 0.0), "obb_scale": (4.0, 4.0, 4.0)}
    assert export(exporter.ExportPointCloud, clouds=clouds, **few, **box) == 3
    assert export(exporter.ExportPointCloud, **few) == 3
