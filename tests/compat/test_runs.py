"""nerfstudio's loaders are ours by the time anyone calls them; what they do is tested in tests/engine."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from nerfstudio.scripts import train
from nerfstudio.utils import eval_utils

from s3im_methods import method_configs  # noqa: F401 (It applies the workarounds.)
from s3im_methods.errors import InputError

CONFIG = next((Path(__file__).parents[1] / "fixtures" / "runs").glob("s3im-nerfacto-lite/*/config.yml"))


def test_both_loaders_say_what_is_wrong(tmp_path):
    with pytest.raises(InputError, match=r"^No config at '.*nothing\.yml'"):
        eval_utils.eval_setup(tmp_path / "nothing.yml")
    config: Any = yaml.load(CONFIG.read_text(encoding="utf-8"), Loader=yaml.Loader)
    config.load_config = tmp_path / "nothing.yml"
    with pytest.raises(InputError, match=r"^No config at '.*nothing\.yml'"):
        train.main(config)


def test_so_does_a_command_that_imports_its_loader_first(tmp_path):
    """As ns-eval does: its first import leads to the plugins."""
    code = f"from nerfstudio.utils.eval_utils import eval_setup; eval_setup({str(tmp_path / 'nothing.yml')!r})"
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1].startswith("No config at '")
    assert "Traceback" not in result.stderr


def test_upstream_still_loads_the_recorded_checkpoint():
    """When this fails, nerfstudio looks beside config.yml: drop its half of ``compat.runs``."""
    source = inspect.getsource(inspect.unwrap(eval_utils.eval_setup))
    assert "config.load_dir = config.get_checkpoint_dir()" in source
    config: Any = yaml.load(CONFIG.read_text(encoding="utf-8"), Loader=yaml.Loader)
    assert config.get_checkpoint_dir() == Path("runs/s3im-nerfacto-lite/0.1.0/nerfstudio_models")


def test_upstream_still_drops_the_other_flags():
    """When this fails, nerfstudio keeps the command line's flags beside --load-config: drop that half."""
    source = inspect.getsource(inspect.unwrap(train.main))
    assert "config = yaml.load(config.load_config.read_text(), Loader=yaml.Loader)" in source
