"""What comes after a training: s3im export, overview, results and turntable, as a user types them."""

import numpy as np
import open3d as o3d
import pytest
from ns_commands import STEPS, run
from PIL import Image

pytestmark = pytest.mark.slow


def test_several_exports_load_the_run_once(trained, tmp_path):
    said = run(
        *("s3im", "export", str(trained), "--output-dir", str(tmp_path), "--mesh", "--pointcloud", "--tsdf"),
        *("--poisson", "--resolution", "32", "--num-points", "3000"),
    )
    assert said.count("Done loading checkpoint") == 1
    assert said.splitlines()[-1].startswith(f"All is in {tmp_path}: mesh.ply, point_cloud.ply, tsdf_mesh.ply")
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.ply" for name in ("mesh", "point_cloud", "tsdf_mesh", "poisson_mesh")
    }
    cloud = o3d.io.read_point_cloud(str(tmp_path / "point_cloud.ply"))  # pyright: ignore[reportArgumentType]
    mesh = o3d.io.read_triangle_mesh(str(tmp_path / "mesh.ply"))  # pyright: ignore[reportArgumentType]
    assert len(cloud.points) > 1000
    # Both are in the coordinates of the room, in metres.
    for points in (np.asarray(cloud.points), np.asarray(mesh.vertices)):
        assert (np.quantile(points, 0.9, axis=0) - np.quantile(points, 0.1, axis=0)).max() > 1.5


def test_results_lists_the_run_with_the_psnr_and_the_picture_of_its_overview(trained, tmp_path):
    said = run("s3im", "overview", "--load-config", str(trained / "config.yml"))
    assert f"Wrote {trained / 'overview.png'}: " in said
    assert f"Next: s3im turntable --load-config {trained / 'config.yml'}" in said
    psnr = said.split("drawn views ")[1].split(" dB")[0]
    listed = run("s3im", "results", str(trained.parents[2]), "--open")
    row = next(line for line in listed.splitlines() if str(trained) in line).split()
    assert row[1:4] == ["room", str(STEPS), psnr]
    assert "overview.png" in (trained.parents[2] / "results.html").read_text()


def test_a_film_of_a_run(trained, tmp_path):
    flags = ["--size", "32", "--seconds", "0.5", "--frame-rate", "8"]
    config = ["--load-config", str(trained / "config.yml")]
    said = run("s3im", "turntable", *config, *flags, "--output-path", str(tmp_path / "film.mp4"))
    assert "Filming a loop through the training cameras: 4 frames of 32 x 24 pixels." in said
    assert (tmp_path / "film.mp4").stat().st_size > 500
    run("s3im", "turntable", *config, *flags, "--output-path", str(tmp_path / "frames"), "--path", "orbit")
    frames = [np.asarray(Image.open(path)).astype(float) for path in sorted((tmp_path / "frames").iterdir())]
    assert len(frames) == 4 and frames[0].shape == (24, 32, 3)
    # The camera moves, and what it sees is no single colour.
    assert frames[0].std() > 5 and np.abs(frames[0] - frames[2]).mean() > 2
