"""The Python scripts that a reader pastes do what their pages say, on files of the layout that they are for."""

import json
import re
from pathlib import Path

import numpy as np
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs"


def script(page: str) -> str:
    """The one script of a page."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return code


def write_scene(scene: Path, count: int) -> None:
    scene.mkdir()
    frames = [{"file_path": f"images/frame_{index + 1:05d}.jpg"} for index in range(count)]
    (scene / "transforms.json").write_text(json.dumps({"frames": frames}))


def test_masks_become_part_of_the_scene(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_scene(tmp_path / "SCENE", 2)
    (tmp_path / "SCENE" / "masks").mkdir()
    for index in (1, 2):
        Image.new("L", (33, 16), 255).save(f"SCENE/masks/frame_{index:05d}.png")
    exec(script("photos.md"), {})
    frames = json.loads(Path("SCENE/transforms.json").read_text())["frames"]
    assert [frame["mask_path"] for frame in frames] == ["masks/frame_00001.png", "masks/frame_00002.png"]
    # As nerfstudio looks for the masks of copies, and as ffmpeg rounds their sizes.
    sizes = {factor: Image.open(f"SCENE/masks_{factor}/frame_00002.png").size for factor in (2, 4, 8)}
    assert sizes == {2: (16, 8), 4: (8, 4), 8: (4, 2)}


def test_depth_of_record3d_goes_to_the_frames_that_were_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_scene(tmp_path / "SCENE", 3)
    for kind, ending in (("rgb", "jpg"), ("depth", "exr")):
        (tmp_path / "EXPORT" / kind).mkdir(parents=True)
        for index in range(11):
            (tmp_path / "EXPORT" / kind / f"{index}.{ending}").write_text(str(index))
    exec(script("phone-depth.md"), {})
    frames = json.loads(Path("SCENE/transforms.json").read_text())["frames"]
    # Of eleven frames nerfstudio takes three, evenly spread.
    taken = [Path("SCENE", frame["depth_file_path"]).read_text() for frame in frames]
    assert taken == [str(index) for index in np.linspace(0, 10, 3).astype(int)]
