"""What an ns-export command cannot do, or would pass over, is refused by its flags alone."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nerfstudio.scripts import exporter

from s3im_methods.errors import InputError
from s3im_methods.exporters.ns_export.flags import check_flags

SURFACE = SimpleNamespace(sdf_field=None)
POINTS, TSDF = exporter.ExportPointCloud, exporter.ExportTSDFMesh
POISSON, MARCHING = exporter.ExportPoissonMesh, exporter.ExportMarchingCubesMesh


def command(kind: Any, **flags: Any) -> Any:
    return kind(Path("config.yml"), Path("out"), **flags)


def refusal(kind: Any, **flags: Any) -> str:
    with pytest.raises(InputError) as error:
        check_flags(command(kind, **flags), SURFACE)
    return str(error.value)


@pytest.mark.parametrize("kind", [POINTS, TSDF, POISSON, MARCHING, exporter.ExportCameraPoses])
def test_defaults_pass(kind):
    check_flags(command(kind), SURFACE)


@pytest.mark.parametrize(
    ("kind", "flags"),
    [
        (POINTS, {"remove_outliers": False, "num_points": 1, "normal_method": "open3d", "save_world_frame": True}),
        (POINTS, {"obb_center": (0, 0, 0), "obb_rotation": (0, 0, 1), "obb_scale": (1, 1, 1), "std_ratio": 2.0}),
        (TSDF, {"resolution": 64, "unwrap_method": "custom", "px_per_uv_triangle": 6, "target_num_faces": None}),
        (TSDF, {"resolution": [32, 64, 16], "texture_method": "tsdf", "use_bounding_box": False}),
        (TSDF, {"refine_mesh_using_initial_aabb_estimate": True, "refinement_epsilon": 0.0}),
        (POISSON, {"bounding_box_min": (-2, -2, -2), "bounding_box_max": (0, 0, 0), "save_point_cloud": True}),
        (MARCHING, {"resolution": 1024, "isosurface_threshold": 0.1, "target_num_faces": 100}),
    ],
)
def test_what_acts_passes(kind, flags):
    check_flags(command(kind, **flags), SURFACE)


@pytest.mark.parametrize(
    ("kind", "name", "value", "least"),
    [
        (POINTS, "num_points", 0, 1),
        (POISSON, "num_rays_per_batch", 0, 1),
        (TSDF, "downscale_factor", 0, 1),
        (TSDF, "batch_size", -1, 1),
        (MARCHING, "num_pixels_per_side", 0, 1),
        (POISSON, "target_num_faces", 0, 4),
    ],
)
def test_too_little(kind, name, value, least):
    assert refusal(kind, **{name: value}) == f"--{name.replace('_', '-')} is {value}: give {least} or more."


def test_numbers_that_are_none():
    assert refusal(POINTS, std_ratio=0.0) == "--std-ratio is 0: give a number above 0."
    assert "--std-ratio" in refusal(POISSON, std_ratio=float("nan"))
    assert "--isosurface-threshold is nan" in refusal(MARCHING, isosurface_threshold=float("nan"))
    negative = {"refine_mesh_using_initial_aabb_estimate": True, "refinement_epsilon": -1.0}
    assert refusal(TSDF, **negative) == "--refinement-epsilon is -1: give 0 or more."


@pytest.mark.parametrize("kind", [TSDF, POISSON, MARCHING])
def test_inverted_boxes(kind):
    answer = refusal(kind, bounding_box_min=(0, 3, 0), bounding_box_max=(1, 2, 1))
    assert (
        answer
        == "The box is empty: along y it runs from 3 to 2. Give another --bounding-box-min or --bounding-box-max."
    )
    assert "--bounding-box-max is 1 nan 1: give three" in refusal(kind, bounding_box_max=(1, float("nan"), 1))


@pytest.mark.parametrize("kind", [POINTS, POISSON])
def test_half_an_oriented_box(kind):
    assert refusal(kind, obb_center=(0, 0, 0)) == (
        "An oriented box needs all of its flags: give --obb-rotation and --obb-scale too."
    )
    whole = {"obb_center": (0, 0, 0), "obb_rotation": (0, 0, 0)}
    assert refusal(kind, **whole, obb_scale=(1, -1, 1)) == "--obb-scale is 1 -1 1: give three sides above 0."


@pytest.mark.parametrize(
    ("kind", "flags", "idle", "because"),
    [
        (TSDF, {"texture_method": "tsdf", "num_pixels_per_side": 64}, "num-pixels-per-side", "--texture-method tsdf"),
        (TSDF, {"texture_method": "tsdf", "target_num_faces": None}, "target-num-faces", "--texture-method tsdf"),
        (POISSON, {"texture_method": "point_cloud", "unwrap_method": "custom"}, "unwrap-method", "point_cloud"),
        (MARCHING, {"px_per_uv_triangle": 8}, "px-per-uv-triangle", "--unwrap-method xatlas"),
        (MARCHING, {"unwrap_method": "custom", "num_pixels_per_side": 64}, "num-pixels-per-side", "custom"),
        (POINTS, {"remove_outliers": False, "std_ratio": 2.0}, "std-ratio", "--remove-outliers False"),
        (POISSON, {"normal_method": "open3d", "normal_output_name": "x"}, "normal-output-name", "open3d"),
        (TSDF, {"use_bounding_box": False, "bounding_box_max": (2, 2, 2)}, "bounding-box-max", "--use-bounding-box"),
        (POISSON, {"use_bounding_box": False, "bounding_box_max": (2, 2, 2)}, "bounding-box-max", "False"),
        (TSDF, {"refinement_epsilon": 0.5}, "refinement-epsilon", "--refine-mesh-using-initial-aabb-estimate False"),
    ],
)
def test_flags_without_effect(kind, flags, idle, because):
    answer = refusal(kind, **flags)
    assert answer.startswith(f"--{idle} has no effect with ")
    assert because in answer


def test_a_default_that_is_typed_counts_as_asked_for(monkeypatch):
    monkeypatch.setattr("sys.argv", ["ns-export", "tsdf", "--texture_method=tsdf", "--num-pixels-per-side", "2048"])
    assert "--num-pixels-per-side has no effect" in refusal(TSDF, texture_method="tsdf")


def test_resolutions():
    assert refusal(MARCHING, resolution=500).startswith("--resolution is 500: give a multiple of 512, or use s3im")
    assert "multiple of 512" in refusal(MARCHING, resolution=0)
    assert refusal(TSDF, resolution=[8, 8]).startswith("--resolution is 8 8: give one number, or three")
    assert refusal(TSDF, resolution=0).startswith("--resolution is 0: ")
    assert refusal(TSDF, resolution=[8, 8, 1]).startswith("--resolution is 8 8 1: ")


def test_what_nerfstudio_never_reads():
    assert refusal(MARCHING, simplify_mesh=True).startswith("--simplify-mesh has no effect in nerfstudio")


def test_methods_that_lack_what_is_exported():
    with pytest.raises(InputError, match="needs splatfacto"):
        check_flags(command(exporter.ExportGaussianSplat), SURFACE)
    with pytest.raises(InputError, match="needs a method with a signed distance"):
        check_flags(command(MARCHING), SimpleNamespace())
