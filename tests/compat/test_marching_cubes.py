"""ns-export marching-cubes on a CPU: one closed surface, and what the command then does with it."""

import inspect
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from nerfstudio.exporter import marching_cubes
from nerfstudio.pipelines.base_pipeline import VanillaPipeline
from nerfstudio.scripts import exporter

from s3im_methods.compat.marching_cubes import replace_marching_cubes, sparse_marching_cubes
from s3im_methods.engine.pipeline import S3IMPipeline
from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh import outline_level
from s3im_methods.exporters.mesh.memory import MemoryBudget
from s3im_methods.models.s3im_mixin import S3IMMixin

NAME = "generate_mesh_with_multires_marching_cubes"
RADIUS = 0.5


@pytest.fixture()
def stock(monkeypatch):
    """nerfstudio's own function, which its modules have again after the test."""
    original = inspect.unwrap(getattr(marching_cubes, NAME))
    for module in (marching_cubes, exporter):
        monkeypatch.setattr(module, NAME, original)
    return original


def ball(points: torch.Tensor, radius: float = RADIUS) -> torch.Tensor:
    assert points.ndim == 2
    assert points.dtype == torch.float32
    return points.norm(dim=-1) - radius


@pytest.mark.parametrize("threshold", [0.0, 0.1, -0.1])
def test_a_sphere_is_closed_and_as_large_as_it_is(threshold):
    mesh = sparse_marching_cubes(ball, 64, isosurface_threshold=threshold)
    assert isinstance(mesh, trimesh.Trimesh)
    assert mesh.is_watertight
    assert mesh.euler_number == 2
    # Positive, because the faces look outwards.
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * (RADIUS + threshold) ** 3, rel=0.01)
    assert np.linalg.norm(mesh.vertices, axis=1) == pytest.approx(RADIUS + threshold, abs=1e-3)
    assert (mesh.vertex_normals * mesh.vertices).sum(axis=1) == pytest.approx(RADIUS + threshold, abs=1e-2)


class Surface:
    """A surface method's pipeline; its mesh is not the zero of what the command asks the field for."""

    def __init__(self, kind: str = "occupancy", shrunk: float | None = None):
        self.model = SimpleNamespace(surface_kind=kind, level_from_masks=shrunk is not None)
        self.model.surface_value = (lambda x: torch.sigmoid(-20 * ball(x))) if kind == "occupancy" else ball
        self._model = self.model


@pytest.fixture()
def made(stock, monkeypatch):
    """Makes a mesh of a pipeline as the command does, whose own field is another ball."""
    # Reading masks has tests of its own.
    monkeypatch.setattr(outline_level, "_mask_level", lambda pipeline, flag, say: say(flag) or 0.1)

    def mesh(pipeline, threshold=0.0, words=()):
        replace_marching_cubes("cpu", pipeline)
        monkeypatch.setattr(sys, "argv", ["ns-export", "marching-cubes", *words])
        return getattr(exporter, NAME)(lambda points: ball(points, 0.9), 64, isosurface_threshold=threshold)

    return mesh


@pytest.mark.parametrize(
    ("threshold", "radius"), [(0.0, RADIUS), (0.5, RADIUS), (1 / (1 + np.exp(-2.0)), RADIUS - 0.1)]
)
def test_of_an_occupancy_it_is_the_level_of_one_half_unless_another_is_given(made, threshold, radius, capsys):
    assert np.linalg.norm(made(Surface(), threshold).vertices, axis=1) == pytest.approx(radius, abs=1e-3)
    said = "This method has an occupancy: the mesh is its level of 0.5." in capsys.readouterr().out
    assert said == (threshold == 0)


@pytest.mark.parametrize(("threshold", "radius"), [(0.0, RADIUS + 0.1), (0.05, RADIUS + 0.05)])
def test_where_masks_say_the_level_it_is_theirs_unless_another_is_given(made, threshold, radius, capsys):
    assert np.linalg.norm(made(Surface("sdf", 0.1), threshold).vertices, axis=1) == pytest.approx(radius, abs=1e-3)
    assert ("--isosurface-threshold" in capsys.readouterr().out) == (threshold == 0)


def test_an_occupancy_has_no_level_above_1(made):
    with pytest.raises(InputError, match="--isosurface-threshold is 2, and this method has an occupancy: give"):
        made(Surface(), 2.0)


def test_the_box_cuts_and_its_border_has_no_faces():
    mesh = sparse_marching_cubes(ball, 32, (-1.0, -1.0, 0.0), (1.0, 1.0, 1.0))
    assert not mesh.is_watertight
    assert mesh.bounds == pytest.approx(np.array([[-RADIUS, -RADIUS, 0], [RADIUS] * 3]), abs=1e-3)
    assert mesh.area == pytest.approx(2 * np.pi * RADIUS**2, rel=0.01)


def test_only_the_surface_is_evaluated():
    """512 nodes along each side would be 134 million."""
    asked = []
    sparse_marching_cubes(lambda points: asked.append(len(points)) or ball(points, 0.1), 512)
    assert sum(asked) < 4e6
    assert max(asked) <= 1 << 18


def test_points_are_made_on_the_models_device():
    with pytest.raises(RuntimeError, match="meta tensors"):
        sparse_marching_cubes(ball, 8, device="meta")


def test_gradients_are_not_kept():
    weight = torch.ones(1, requires_grad=True)
    assert sparse_marching_cubes(lambda points: ball(points) * weight, 16).is_watertight


def test_a_level_that_is_never_taken_names_the_range():
    with pytest.raises(InputError, match=r"no surface where the signed distance is 3: .* runs from -0\.5 to 1\.232\."):
        sparse_marching_cubes(ball, 32, isosurface_threshold=3.0)


def test_an_empty_box_is_refused():
    with pytest.raises(InputError, match=r"from \(0, 1, 0\) to \(1, 1, 1\) is empty"):
        sparse_marching_cubes(ball, 32, (0, 1, 0), (1, 1, 1))


def test_too_large_a_surface_names_the_commands_own_flags(monkeypatch):
    monkeypatch.setattr(MemoryBudget, "of_this_machine", lambda: MemoryBudget(1e6))
    with pytest.raises(InputError, match=r"--bounding-box-min and --bounding-box-max\.$"):
        sparse_marching_cubes(ball, 128)


@pytest.mark.parametrize(
    ("free", "advice"), [(4e6, "use s3im export-mesh, which takes smaller ones"), (5e7, "512 fits")]
)
def test_what_fits_is_a_resolution_that_the_command_takes(monkeypatch, free, advice):
    monkeypatch.setattr(MemoryBudget, "of_this_machine", lambda: MemoryBudget(free))
    with pytest.raises(InputError, match=f"can be used: {advice}, or a smaller box"):
        sparse_marching_cubes(lambda points: points.norm(dim=-1) - 0.1, 1024)


def test_a_coarse_mask_is_refused():
    with pytest.raises(NotImplementedError, match="coarse mask"):
        sparse_marching_cubes(ball, 32, coarse_mask=torch.ones(4, 4, 4, dtype=torch.bool))


def test_a_pipeline_for_evaluation_puts_it_where_the_command_finds_it(stock, monkeypatch):
    monkeypatch.setattr(VanillaPipeline, "__init__", lambda *_, **__: None)
    config = SimpleNamespace(model=SimpleNamespace(_target=S3IMMixin), datamanager=SimpleNamespace(dataparser=None))
    S3IMPipeline(config, "cpu", "inference")  # type: ignore[arg-type]
    for module in (marching_cubes, exporter):
        assert getattr(module, NAME).func is sparse_marching_cubes
        assert getattr(module, NAME).keywords == {"device": "cpu"}
    # The last pipeline counts, and nerfstudio's function stays the one underneath.
    S3IMPipeline(config, "cuda:0", "inference")  # type: ignore[arg-type]
    assert getattr(exporter, NAME).keywords == {"device": "cuda:0"}
    assert inspect.unwrap(getattr(exporter, NAME)) is stock


def test_it_reaches_a_script_that_imported_it(stock, monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], NAME, stock, raising=False)
    replace_marching_cubes("cpu")
    assert getattr(sys.modules["__main__"], NAME).func is sparse_marching_cubes


class Model:
    """As much of a signed-distance method as the command asks for; its colour is the place."""

    radius = 0.1
    config = SimpleNamespace(sdf_field=None)
    field = SimpleNamespace(forward_geonetwork=lambda points: torch.stack([ball(points, 0.1), points[:, 0]], dim=-1))

    def get_outputs_for_camera_ray_bundle(self, bundle):
        place = bundle.origins + bundle.directions * bundle.fars / 2
        return {"rgb": (place / self.radius).clamp(-1, 1) / 2 + 0.5, "accumulation": torch.ones_like(bundle.fars)}

    def get_rgba_image(self, outputs, name):
        return torch.cat([outputs[name], outputs["accumulation"]], dim=-1)


@pytest.fixture()
def command(stock, tmp_path, monkeypatch):
    """Runs ns-export's command on :class:`Model`, or on one with more, and returns its folder."""

    def load(path):
        pipeline = SimpleNamespace(model=Model(), device=torch.device("cpu"))
        vars(pipeline.model).update(vars_of_model)
        pipeline._model = pipeline.model
        replace_marching_cubes("cpu", pipeline)
        return None, pipeline, None, None

    vars_of_model: dict[str, Any] = {}

    monkeypatch.setattr(exporter, "eval_setup", load)

    def run(more=None, **flags):
        vars_of_model.update(more or {})
        exporter.ExportMarchingCubesMesh(
            tmp_path / "config.yml", tmp_path / "out", resolution=512, target_num_faces=400, **flags
        ).main()

    return run


@pytest.mark.parametrize("unwrap", ["xatlas", "custom"])
def test_the_command_finishes_on_a_cpu(command, tmp_path, unwrap):
    command(unwrap_method=unwrap, num_pixels_per_side=64)
    mesh = trimesh.load_mesh(tmp_path / "out" / "sdf_marching_cubes_mesh.ply", process=False)
    assert mesh.is_watertight
    assert np.linalg.norm(mesh.vertices, axis=1) == pytest.approx(Model.radius, abs=1e-4)
    textured: Any = trimesh.load_mesh(tmp_path / "out" / "mesh.obj")
    assert 300 < len(textured.faces) <= 400
    assert np.linalg.norm(textured.vertices, axis=1) == pytest.approx(Model.radius, rel=0.04)
    colours = textured.visual.to_color().vertex_colors[:, :3] / 255.0
    assert np.abs(colours - (textured.vertices / Model.radius / 2 + 0.5)).mean() < 0.05


@pytest.mark.parametrize(("words", "radius"), [([], 0.12), (["--isosurface-threshold", "0"], 0.1)])
def test_a_zero_that_the_user_types_is_the_zero(command, tmp_path, monkeypatch, words, radius):
    monkeypatch.setattr(outline_level, "_mask_level", lambda pipeline, flag, say: 0.02)
    monkeypatch.setattr(sys, "argv", ["ns-export", "marching-cubes", *words])
    command({"surface_value": lambda points: ball(points, 0.1), "level_from_masks": True}, unwrap_method="custom")
    mesh = trimesh.load_mesh(tmp_path / "out" / "sdf_marching_cubes_mesh.ply", process=False)
    assert np.linalg.norm(mesh.vertices, axis=1) == pytest.approx(radius, abs=1e-4)


def test_without_a_surface_nothing_is_written(command, tmp_path):
    with pytest.raises(InputError, match="There is no surface"):
        command(isosurface_threshold=-2.0)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture()
def small_crops(stock):
    """nerfstudio's own function with crops of 8 nodes in place of 512, which take seconds and gigabytes."""
    scope = dict(vars(marching_cubes))
    exec(inspect.getsource(stock).replace("512", "8"), scope)
    return scope[NAME]


def test_upstream_still_needs_cuda(small_crops):
    """When this and the next fail, nerfstudio makes whole meshes on any device: remove ``compat.marching_cubes``."""
    if torch.cuda.is_available():
        pytest.skip("on a machine with a GPU it does not show")
    with pytest.raises((AssertionError, RuntimeError), match=r"CUDA|NVIDIA"):
        small_crops(ball, 16)


def test_upstream_still_has_seams(small_crops, monkeypatch):
    """See there; issue 2721."""
    monkeypatch.setattr(torch.Tensor, "cuda", lambda tensor: tensor)
    mesh = small_crops(ball, 16)
    assert len(mesh.faces) > 0
    assert not mesh.is_watertight
