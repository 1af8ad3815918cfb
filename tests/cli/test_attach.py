"""The command line ``s3im attach``: bad flags, and a scene that ``s3im check`` then sees with masks and depth."""

import json

import numpy as np
import pytest
from PIL import Image

from s3im_methods.cli.main import main
from s3im_methods.scenes import RoomConfig, write_scene


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "Give --masks FOLDER, --depth FOLDER, --confidence FOLDER or --record3d EXPORT"),
        (["--depth", "a", "--record3d", "b"], "Give --depth or --record3d, not both"),
        (["--depth", "a", "--invert"], "--invert has no effect without --masks"),
        (["--masks", "a"], "'gone' "),
    ],
)
def test_bad_input_gives_one_sentence(flags, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as refusal:
        main(["attach", "gone", *flags])
    assert sentence in str(refusal.value)


def test_a_scene_has_its_masks_and_depth_afterwards(tmp_path, capsys):
    config = RoomConfig(width=24, height=18, train_views=10, test_views=2, supersampling=1, light_samples=2)
    scene = write_scene(config, tmp_path / "room")
    meta = json.loads((scene / "transforms.json").read_text())
    (scene / "depths").rename(tmp_path / "my depths")
    (tmp_path / "my masks").mkdir()
    for frame in meta["frames"]:
        del frame["depth_file_path"]
        mask = np.zeros((18, 24), np.uint8)
        mask[4:14, 6:18] = 255
        Image.fromarray(mask).save(tmp_path / "my masks" / f"{frame['file_path'].split('/')[-1]}.png")
    (scene / "transforms.json").write_text(json.dumps(meta))
    flags = ["--masks", str(tmp_path / "my masks"), "--depth", str(tmp_path / "my depths")]
    main(["attach", str(scene), *flags])
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"12 masks, white on 28% of the photos: {scene / 'masks'}",
        f"12 depth maps: {scene / 'depths'}",
        f"{scene / 'transforms.json'} lists them. Next: s3im check {scene} --picture check.png",
    ]
    main(["check", str(scene), "--json"])
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert "27.8% of the pixels" in rows["masks"] and "depth" in rows
    with pytest.raises(SystemExit, match=r"12 of 12 frames in .* have a mask_path already"):
        main(["attach", str(scene), *flags])
    main(["attach", str(scene), *flags, "--replace"])


@pytest.mark.parametrize("replace", [False, True])
def test_a_refused_file_leaves_the_scene_as_it_was(tmp_path, replace):
    config = RoomConfig(width=24, height=18, train_views=4, test_views=2, supersampling=1, light_samples=2)
    scene = write_scene(config, tmp_path / "room")
    meta = json.loads((scene / "transforms.json").read_text())
    for kind in ("masks", "depth"):
        (tmp_path / kind).mkdir()
    for frame in meta["frames"]:
        name = f"{frame['file_path'].split('/')[-1]}.png"
        Image.new("L", (24, 18), 255).save(tmp_path / "masks" / name)
        Image.fromarray(np.full((18, 24), 1000, np.uint16)).save(tmp_path / "depth" / name)
        if not replace:
            del frame["depth_file_path"]
    (scene / "transforms.json").write_text(json.dumps(meta))
    if not replace:
        (scene / "depths").rename(tmp_path / "elsewhere")
    last = max((tmp_path / "depth").iterdir())
    good = last.read_bytes()
    last.write_bytes(good[:60])
    before = {file: file.read_bytes() for file in scene.rglob("*") if file.is_file()}
    flags = ["--masks", str(tmp_path / "masks"), "--depth", str(tmp_path / "depth"), *(["--replace"] * replace)]
    with pytest.raises(SystemExit, match=r"The depth map '.*' cannot be used, it is cut off"):
        main(["attach", str(scene), *flags])
    assert {file: file.read_bytes() for file in scene.rglob("*") if file.is_file()} == before
    last.write_bytes(good)
    main(["attach", str(scene), *flags])


def test_depth_that_is_not_trusted_counts_as_none(tmp_path, capsys):
    """ARKit's confidence is 0, 1 or 2, in maps of the depth's own size."""
    config = RoomConfig(width=24, height=18, train_views=8, test_views=2, supersampling=1, light_samples=2)
    scene = write_scene(config, tmp_path / "room")
    meta = json.loads((scene / "transforms.json").read_text())
    (tmp_path / "maps").mkdir()
    for number, frame in enumerate(meta["frames"]):
        doubtful = np.full((18, 24), 2, np.uint8)
        doubtful[:9] = number % 2
        Image.fromarray(doubtful).save(tmp_path / "maps" / f"{frame['file_path'].split('/')[-1][:-4]}.png")
    main(["attach", str(scene), "--confidence", str(tmp_path / "maps")])
    assert "10 confidence maps: " in capsys.readouterr().out
    command = ["depth-report", str(scene), "--output-path", str(tmp_path / "a.png")]
    main([*command, "--depth.confidence-threshold", "0.6"])
    said = " ".join(capsys.readouterr().out.split())
    assert "so 2 counts as full confidence" in said
    assert "10 of 10 images have depth, on 50.0 % of their pixels" in said
    with pytest.raises(SystemExit) as refusal:
        main(["attach", str(scene), "--confidence", str(tmp_path / "maps")])
    assert "a confidence_file_path already: add --replace" in str(refusal.value)
    for frame in meta["frames"]:
        del frame["depth_file_path"]
    (scene / "transforms.json").write_text(json.dumps(meta))
    with pytest.raises(SystemExit) as refusal:
        main(["attach", str(scene), "--confidence", str(tmp_path / "maps")])
    assert "--confidence has no effect, because" in str(refusal.value)
