"""ns-render camera-path refuses what is no camera path before it loads the run."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from s3im_methods.compat.camera_paths import check_camera_path
from s3im_methods.errors import InputError

CAMERA = {"camera_to_world": np.eye(4).flatten().tolist(), "fov": 60, "aspect": 1}
PATH = {"render_width": 32, "render_height": 24, "seconds": 1.5, "camera_type": "perspective", "camera_path": [CAMERA]}


def written(folder: Path, **changes) -> Path:
    found = copy.deepcopy(PATH) | changes
    path = folder / "camera_path.json"
    path.write_text(json.dumps({key: value for key, value in found.items() if value is not None}))
    return path


def test_what_nerfstudio_reads_passes(tmp_path):
    assert check_camera_path(written(tmp_path)) == tmp_path / "camera_path.json"
    nested = {**CAMERA, "camera_to_world": np.eye(4).tolist(), "render_time": 0.5}
    check_camera_path(written(tmp_path, camera_path=[nested], camera_type=None))
    panorama = {"camera_to_world": CAMERA["camera_to_world"]}
    check_camera_path(written(tmp_path, camera_path=[panorama], camera_type="equirectangular"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seconds": None}, "seconds is missing"),
        ({"render_width": 0}, "render_width is 0, not a number above 0"),
        ({"render_height": "24"}, "render_height is '24', not a number"),
        ({"camera_path": []}, "camera_path lists no cameras"),
        ({"camera_path": [CAMERA, {**CAMERA, "camera_to_world": [1, 0]}]}, "camera 1 has no camera_to_world"),
        ({"camera_path": [{**CAMERA, "camera_to_world": [float("nan")] * 16}]}, "camera 0 has no camera_to_world"),
        ({"camera_path": [{**CAMERA, "fov": None}]}, "camera 0 has no fov"),
        ({"camera_path": [{**CAMERA, "fov": 180}]}, "camera 0 has no fov"),
    ],
)
def test_what_is_no_camera_path_is_refused(tmp_path, changes, sentence):
    with pytest.raises(InputError, match=f"^--camera-path-filename is '.*json', in which {sentence}"):
        check_camera_path(written(tmp_path, **changes))


@pytest.mark.parametrize(
    ("content", "sentence"), [("", "is no JSON"), ("[]", "there is no object"), ("{}", "render_width is missing")]
)
def test_other_files_are_refused(tmp_path, content, sentence):
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(InputError, match=sentence):
        check_camera_path(tmp_path / "other.json")
    with pytest.raises(InputError, match="cannot be read"):
        check_camera_path(tmp_path / "gone.json")
    with pytest.raises(InputError, match="cannot be read"):
        check_camera_path(tmp_path)


def test_the_command_looks_before_it_loads(tmp_path):
    from nerfstudio.scripts.render import RenderCameraPath

    import s3im_methods.method_configs  # noqa: F401 (It puts the repairs in place.)

    command = RenderCameraPath(
        load_config=tmp_path / "gone.yml", output_path=tmp_path / "a.mp4", camera_path_filename=tmp_path / "gone.json"
    )
    with pytest.raises(InputError, match="--camera-path-filename"):
        command.main()


def test_upstream_still_opens_it_after_the_run():
    """When this fails, nerfstudio looks first: remove ``compat.camera_paths``."""
    import inspect

    from nerfstudio.scripts import render

    source = inspect.getsource(render)
    main = source[source.index("class RenderCameraPath") :]
    assert main.index("eval_setup(") < main.index("open(self.camera_path_filename")
