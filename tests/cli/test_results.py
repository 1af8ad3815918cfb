"""The command line ``s3im results``: table, next step, page."""

import re
import shlex
from urllib.parse import unquote

import pytest
from PIL import Image
from run_folders import make_run

from s3im_methods.cli.main import main
from s3im_methods.runs.picture_notes import save_with_note


@pytest.fixture(autouse=True)
def no_screen(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def test_the_table_and_what_to_type_next(tmp_path, capsys):
    run = make_run(tmp_path, "a")
    main(["results", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["method", "scene", "steps", "PSNR", "time", "finished", "folder"]
    assert lines[1].split()[:5] == ["s3im-tensorf", "object", "40", "-", "90"] and str(run) in lines[1]
    assert lines[-1] == f"Next: ns-eval --load-config {run / 'config.yml'} --output-path {run / 'metrics.json'}"
    assert not (tmp_path / "results.html").exists()


def test_what_to_type_next_can_be_pasted(tmp_path, capsys):
    run = make_run(tmp_path / "my runs", "a")
    main(["results", str(tmp_path)])
    command = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert command[1:] == ["ns-eval", "--load-config", f"{run}/config.yml", "--output-path", f"{run}/metrics.json"]


def test_the_page_shows_the_pictures_of_each_run(tmp_path, capsys):
    run, other = make_run(tmp_path, "a"), make_run(tmp_path, "b")
    picture = tmp_path / "pictures" / "my <view>.png"
    picture.parent.mkdir()
    save_with_note(Image.new("RGB", (2, 2)), picture, {"run": str(run), "steps": 40, "psnr": 20.0, "views": 1})
    main(["results", str(tmp_path), "--open"])
    page = tmp_path / "results.html"
    assert f"Wrote {page}: open {page.as_uri()} in a browser." in capsys.readouterr().out
    text = page.read_text()
    (source,) = re.findall(r'<img [^>]*src="([^"]*)"', text)
    assert (tmp_path / unquote(source)).samefile(picture)
    assert f"s3im overview --load-config {other / 'config.yml'}" in text and "20.00" in text


def test_nothing_to_list_gives_one_sentence(tmp_path):
    with pytest.raises(SystemExit) as refusal:
        main(["results", str(tmp_path)])
    assert str(refusal.value) == f"No run in '{tmp_path}': give a folder that ns-train wrote to, such as outputs."
