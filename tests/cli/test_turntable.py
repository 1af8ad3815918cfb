"""The command line ``s3im turntable``: its bad input, and films of a mesh. A run is filmed by the end-to-end tests."""

import subprocess
import sys

import pytest
import trimesh

from s3im_methods.cli.main import main


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "Give either --load-config with a run's config.yml, or --mesh with a mesh."),
        (["--mesh", "a.ply", "--load-config", "c.yml"], "Give either --load-config with a run's config.yml, or --mesh"),
        (["--mesh", "a.ply", "--size", "8"], "--size is 8: give 16 or more."),
        (["--mesh", "a.ply", "--seconds", "0"], "--seconds is 0: give a number above 0."),
        (["--mesh", "a.ply", "--frame-rate", "nan"], "--frame-rate is nan: give a number above 0."),
        (["--mesh", "a.ply", "--frame-rate", "60", "--output-path", "a.gif"], "--frame-rate is 60, and browsers show"),
        (["--mesh", "a.ply", "--path", "loop"], "--path has no effect with --mesh: leave it out."),
        (["--mesh", "a.ply", "--output-name", "depth"], "--output-name has no effect with --mesh: leave it out."),
        (["--load-config", "gone.yml", "--output-path", "frames"], "No config at 'gone.yml': "),
        (["--mesh", "gone.ply", "--output-path", "frames"], "No mesh at 'gone.ply': "),
    ],
)
def test_bad_input_gives_one_sentence(flags, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as refusal:
        main(["turntable", *flags])
    assert str(refusal.value).startswith(sentence)


def test_a_mesh_is_filmed(tmp_path, capsys):
    trimesh.creation.icosphere(2, 1.0).export(tmp_path / "ball.ply")
    flags = ["--mesh", str(tmp_path / "ball.ply"), "--size", "33", "--seconds", "0.5", "--frame-rate", "4"]
    main(["turntable", *flags, "--output-path", str(tmp_path / "ball.mp4")])
    said = capsys.readouterr().out
    assert said == (
        f"Wrote {tmp_path / 'ball.mp4'}: 2 frames of 32 x 32 pixels, 0.5 s. Open it in a browser or a player.\n"
    )
    main(["turntable", *flags, "--output-path", str(tmp_path / "frames")])
    assert f"{tmp_path / 'frames' / 'frame_0000.png'} is the first." in capsys.readouterr().out
    assert (tmp_path / "ball.mp4").stat().st_size > 500 and len(list((tmp_path / "frames").iterdir())) == 2


def test_the_command_imports_nothing_heavy():
    heavy = "{'torch', 'open3d', 'nerfstudio', 'numpy', 'PIL', 'trimesh', 'scipy'}"
    code = f"import sys, s3im_methods.cli.turntable; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
