"""The folder of a run: its name, and that one training at a time writes into it."""

import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nerfstudio.utils.rich_utils import CONSOLE

from s3im_methods.engine.run_folder import claim, name_run
from s3im_methods.errors import InputError
from s3im_methods.method_configs import s3im_nerfacto_lite


def config(out: Path, **changes: Any) -> Any:
    result = copy.deepcopy(s3im_nerfacto_lite.config)
    result.output_dir, result.experiment_name = out, "room"
    for name, value in changes.items():
        setattr(result, name, value)
    return result


def test_two_runs_of_one_second_have_two_folders(tmp_path):
    runs = [config(tmp_path) for _ in range(3)]
    for run in runs:
        name_run(run)
    folders = {run.get_base_dir() for run in runs}
    assert len(folders) == 3 and all(folder.is_dir() for folder in folders)


def test_what_the_user_has_named_stays(tmp_path):
    run = config(tmp_path, timestamp="one")
    name_run(run)
    assert run.get_base_dir() == tmp_path / "room" / "s3im-nerfacto-lite" / "one"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (".", "deep"),
        ("..", "scene"),
        ("../", "scene"),
        ("../../other", "other"),
        ("images/", "images"),
        ("/", "unnamed"),
    ],
)
def test_the_scene_gives_the_name(tmp_path, monkeypatch, data, name):
    (tmp_path / "scene" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "scene" / "deep")
    run = config(tmp_path / "out", experiment_name=None, data=Path(data))
    name_run(run)
    assert run.experiment_name == name
    assert run.get_base_dir().parents[2] == tmp_path / "out"


OTHER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_run_folder import claim, config
claim(config(Path({out!r}), timestamp="one"))
print("claimed", flush=True)
sys.stdin.read()
"""


def test_a_second_training_is_kept_out_until_the_first_has_ended(tmp_path):
    code = OTHER.format(tests=str(Path(__file__).parent), out=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert any("claimed" in line for line in other.stdout)
        with pytest.raises(InputError, match=r"^Another training is at work in '.*one': wait until"):
            claim(config(tmp_path, timestamp="one"))
        claim(config(tmp_path, timestamp="two"))
        other.kill()
    claim(config(tmp_path, timestamp="one"))
    # This process has it already.
    claim(config(tmp_path, timestamp="one"))


def test_a_run_that_will_be_replaced_is_named(tmp_path):
    run = config(tmp_path, timestamp="one")
    run.get_checkpoint_dir().mkdir(parents=True)
    (run.get_checkpoint_dir() / "step-000002999.ckpt").touch()
    with CONSOLE.capture() as said:
        claim(run)
    assert "holds a run up to step 2999, whose checkpoints this training replaces" in " ".join(said.get().split())
    run.load_dir = run.get_checkpoint_dir()
    with CONSOLE.capture() as said:
        claim(run)
    assert said.get() == ""


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "room").touch()
    for timestamp in ("one", "{timestamp}"):
        with pytest.raises(InputError, match="cannot be written"):
            run = config(tmp_path, timestamp=timestamp)
            name_run(run)
            claim(run)


def test_upstream_still_names_runs_by_the_second():
    """When this fails, nerfstudio's runs have names of their own: drop the half of ``name_run`` that is about time."""
    runs = [config(Path("out")) for _ in range(2)]
    for run in runs:
        run.set_timestamp()
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d_\d{6}", run.timestamp) for run in runs)
