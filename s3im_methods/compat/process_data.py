"""Let ns-process-data work with newer COLMAPs and ffmpegs, and in folders whose names have spaces.

nerfstudio 1.1.5 writes its commands as lines of shell, some without quotes, and in the options of COLMAP 3.8. COLMAP
3.13 renamed two of these and refuses the old names (nerfstudio's issue 3733). COLMAP 3.12 cannot read the vocabulary
tree that nerfstudio downloads (issue 3664), and brings its own. ffmpeg 9 has no ``-vsync``, which frames of a film are
taken with.
"""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

from packaging.version import Version

from s3im_methods.console import say

_RENAMED = {"SiftExtraction.use_gpu": "FeatureExtraction.use_gpu", "SiftMatching.use_gpu": "FeatureMatching.use_gpu"}
_TREE_OPTION, _OWN_TREE, _OWN_TREE_SINCE = "VocabTreeMatching.vocab_tree_path", Path("of-colmap"), Version("3.12")


def suit_colmap(colmap_utils: Any) -> None:
    """Change nerfstudio's module of COLMAP's commands."""
    run_command, get_vocab_tree = colmap_utils.run_command, colmap_utils.get_vocab_tree
    get_colmap_version, programs = colmap_utils.get_colmap_version, ["colmap"]

    def run(cmd: str, verbose: bool = False) -> str | None:
        return run_command(suited(cmd, _known_options(cmd)), verbose=verbose)

    def version(colmap_cmd: str, *args: Any, **kwargs: Any) -> Version:
        programs[:] = [colmap_cmd]
        return get_colmap_version(colmap_cmd, *args, **kwargs)

    def tree() -> Path:
        return _OWN_TREE if get_colmap_version(*programs) >= _OWN_TREE_SINCE else get_vocab_tree()

    colmap_utils.run_command, colmap_utils.get_vocab_tree, colmap_utils.get_colmap_version = run, tree, version


def suited(command: str, known: frozenset[str]) -> str:
    """A command of nerfstudio's for COLMAP, with each value quoted and each option as the installed COLMAP has it.

    A line says which options were left out because that has nothing like them.

    Args:
        command: A line of shell, whose options begin with two dashes.
        known: The options that the installed program has; none if that could not be found out.

    Example:
        >>> suited("colmap exhaustive_matcher --database_path a b.db", frozenset())
        "colmap exhaustive_matcher --database_path 'a b.db'"
    """
    program, *options = command.split(" --")
    for option in options:
        name, between, value = re.fullmatch(r"([^ =]+)([ =]?)(.*)", option, flags=re.DOTALL).groups()  # type: ignore[union-attr]
        value = value.strip().removeprefix('"').removesuffix('"')
        if name == _TREE_OPTION and value == str(_OWN_TREE):
            continue
        if known and name not in known:
            if _RENAMED.get(name) not in known:
                say(f"The installed COLMAP has no option --{name}, so it is left out.")
                continue
            name = _RENAMED[name]
        program += f" --{name}{between}{shlex.quote(value) if value else ''}"
    return program


def _known_options(command: str) -> frozenset[str]:
    program, *options = command.split(" --")
    return frozenset(re.findall(r"--([\w.]+)", _output_of(f"{program} -h"))) if options else frozenset()


def _output_of(command: str) -> str:
    done = subprocess.run(command, shell=True, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout + done.stderr


def suit_ffmpeg(process_data_utils: Any) -> None:
    """Change nerfstudio's module that copies photos and takes frames from films."""
    run_command = process_data_utils.run_command

    def run(cmd: str, verbose: bool = False) -> str | None:
        # Of photos of several sizes, each is turned by itself.
        turned = re.fullmatch(r"ffmpeg -y -i (.+) (-metadata:s:v:0 rotate=0) (.+)", cmd, flags=re.DOTALL)
        if turned is not None:
            cmd = f"ffmpeg -y -i {shlex.quote(turned[1])} {turned[2]} {shlex.quote(turned[3])}"
        if " -vsync vfr" in cmd and "-fps_mode" in _output_of("ffmpeg -hide_banner -h full"):
            # The old option is of all outputs, the new one of the output that follows.
            cmd = re.sub(r'( -map "\[out\d+\]")', r"\1 -fps_mode vfr", cmd.replace(" -vsync vfr", ""))
        return run_command(cmd, verbose=verbose)

    process_data_utils.run_command = run
