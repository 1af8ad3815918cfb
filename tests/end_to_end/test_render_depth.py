"""Raw depth of a trained run, by the command that a user types."""

import json

import numpy as np
import pytest
from ns_commands import run
from PIL import Image

pytestmark = pytest.mark.slow


def test_depth_of_all_views(trained, tmp_path):
    output = run("s3im", "render-depth", "--load-config", str(trained / "config.yml"), "--output-dir", str(tmp_path))
    assert "Wrote the depth of 3 views" in output
    about = json.loads((tmp_path / "eval" / "depths.json").read_text())
    assert (about["method"], about["unit"], len(about["files"])) == ("s3im-nerfacto-lite", "metre", 3)
    for name in about["files"].values():
        depth = np.load(tmp_path / "eval" / name)
        assert (depth.shape, depth.dtype) == ((24, 32), np.float32)
        assert np.isfinite(depth).all()
        assert (depth > 0).any()


def test_training_views_as_png(trained, tmp_path):
    flags = ["--split", "train", "--file-format", "png", "--output-name", "expected_depth", "--measure", "distance"]
    run("s3im", "render-depth", "--load-config", str(trained / "config.yml"), "--output-dir", str(tmp_path), *flags)
    depth = np.array(Image.open(tmp_path / "train" / "train_0000.png"))
    assert (depth.shape, depth.dtype) == ((24, 32), np.uint16)


def test_a_config_that_is_not_there(tmp_path):
    output = run("s3im", "render-depth", "--load-config", str(tmp_path / "c.yml"), "--output-dir", "x", fails=True)
    assert "Traceback" not in output
    assert "give the config.yml that ns-train wrote" in output
