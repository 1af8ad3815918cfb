"""The page of a comparison: what stands in it, however far the comparison came, and that it needs nothing else."""

import itertools
import json
import re
import shutil
from html.parser import HTMLParser

import pytest
from fake_comparison import write_comparison, write_run

from s3im_methods.compare.report import write_report
from s3im_methods.errors import InputError


class Page(HTMLParser):
    """Text and tags of a page; fails where tags do not close each other."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        assert self.open == []
        targets = [each["id"] for _, each in self.tags if "id" in each]
        assert len(targets) == len(set(targets))
        assert {str(each["href"])[1:] for each in self.having("a")} <= set(targets)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("|".join(self.words).split())

    def having(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [found for name, found in self.tags if name == tag and wanted.items() <= found.items()]


def page_of(folder) -> Page:
    return Page(write_report(folder).read_text(encoding="utf-8"))


def table_rows(folder, kind: str) -> list[list[str]]:
    """Cells of the rows of the first table of a class."""
    html = write_report(folder).read_text(encoding="utf-8")
    table = re.search(rf'<table class="{kind}">(.*?)</table>', html, re.DOTALL)
    assert table is not None
    rows = re.findall(r"<tr>(.*?)</tr>", table[1], re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[re.sub(r"<[^>]+>", "", cell) for cell in row] for row in cells]


def set_values(folder, pattern: str, **values):
    """Change what stands in the ``run.json`` of some runs."""
    for path in folder.glob(f"runs/{pattern}/run.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_page_has_everything(tmp_path):
    page = page_of(write_comparison(tmp_path / "out"))
    for part in ("s3im-nerfacto-lite on fox, lego", "0, 1, 2", "1,000 steps each", "cpu, 1 thread", "nerfstudio 1.1.5"):
        assert part in page.text
    assert "has the norm of the method's own, so compare it with none." in page.text
    assert len(page.having("svg", class_="curve")) == 2 * 2
    assert len(page.having("img", class_="full")) == len(page.having("img", class_="crop")) == 2 * 2 * 4
    assert len([each for each in page.having("img") if str(each["alt"]).endswith(": error")]) == 2 * 2 * 3
    assert len(page.having("div", class_="slider")) == 2 * 2
    assert "18 of 100 comparisons" in page.text


def test_the_page_needs_nothing_else(tmp_path):
    html = write_report(write_comparison(tmp_path / "out")).read_text(encoding="utf-8")
    assert not re.findall(r"https?:|//[a-z]|@import|url\(", re.sub(r"data:image/jpeg;base64,[\w+/=]+", "", html))
    page = Page(html)
    assert all(str(each["src"]).startswith("data:image/jpeg;base64,") for each in page.having("img"))
    assert [each["href"] for each in page.having("link")] == ["data:,"]
    assert not any("src" in each for each in page.having("script"))


def test_numbers_are_those_of_the_runs(tmp_path):
    folder = write_comparison(tmp_path / "out", scenes=["fox"], views=0)
    for loss, values in {"none": (20.0, 22.0, 24.0), "s3im": (20.5, 22.4, 24.6), "control": (20.0, 22.1, 23.9)}.items():
        for seed, value in enumerate(values):
            set_values(folder, f"*-{loss}-{seed}", metrics={"psnr": value, "lpips": 1 - value / 100})
    assert table_rows(folder, "summary")[0][:4] == ["variant", "n", "PSNR in dB ↑", "LPIPS ↓"]
    assert [row[:4] for row in table_rows(folder, "summary")[2:]] == [
        ["none", "3", "22.00 ± 2.00", "0.7800 ± 0.0200"],
        ["s3im", "3", "22.50 ± 2.05★", "0.7750 ± 0.0205★"],
        ["control", "3", "22.00 ± 1.95", "0.7800 ± 0.0195"],
    ]
    rows = table_rows(folder, "differences")[2:]
    assert [row[0] for row in rows] == ["s3im − none", "s3im − control", "control − none"]  # noqa: RUF001
    assert rows[0][2:] == ["+0.500 ± 0.058 ▲ gain", "−0.00500 ± 0.00058 ▲ gain"]  # noqa: RUF001
    assert rows[2][2] == "+0.000 ± 0.058 noise"


def test_a_loss_is_called_one(tmp_path):
    folder = write_comparison(tmp_path / "out", scenes=["fox"], views=0)
    for seed in range(3):
        set_values(folder, f"*-s3im-{seed}", metrics={"psnr": 10.0 + seed})
    assert table_rows(folder, "differences")[2][2].endswith("▼ loss")


def test_names_are_text_and_not_markup(tmp_path):
    nasty = "<b>&\"'</script>"
    folder = write_comparison(
        tmp_path / "out", scenes=["<b>&", nasty], methods=[nasty], axes={"loss": ["none", nasty], nasty: ["<i>"]}
    )
    html = write_report(folder).read_text(encoding="utf-8")
    page = Page(html)
    assert "<i>" not in html and "<b>&" not in html
    assert "|<b>&|" in page.text and "<i>" in page.text and nasty in page.text
    assert html.count("</script>") == 1


def test_one_seed_is_not_judged(tmp_path):
    page = page_of(folder := write_comparison(tmp_path / "out", seeds=[0]))
    assert "With one seed nothing can be said" in page.text
    assert "★" not in "".join(map(str, table_rows(folder, "summary")))
    assert all(cell.endswith(" one seed") for row in table_rows(folder, "differences")[2:5] for cell in row[2:])
    assert not page.having("polygon")


def test_one_variant_has_no_differences_but_its_truth_under_the_slider(tmp_path):
    page = page_of(write_comparison(tmp_path / "out", axes={}))
    assert "as it is" in page.text and not page.having("section", id="differences")
    assert not page.having("a", href="#differences")
    assert page.text.count("left |truth|as it is|right |truth|as it is") == 4
    assert "control" not in page.text


@pytest.mark.parametrize(
    "losses, said, unsaid",
    [
        (["none", "s3im"], "compare it with none.", "control"),
        (["none", "add"], "There is no control here.", "with none."),
        (["none", "add", "control"], "Compare add with it", "There is no control here."),
    ],
)
def test_the_page_names_the_fair_opponent(tmp_path, losses, said, unsaid):
    text = page_of(write_comparison(tmp_path / "out", axes={"loss": losses})).text
    assert said in text and unsaid not in text


def test_two_methods_have_tables_and_diagrams_of_their_own(tmp_path):
    folder = write_comparison(tmp_path / "out", methods=["one", "two"], views=1)
    page = page_of(folder)
    assert len(page.having("table", class_="summary")) == len(page.having("table", class_="differences")) == 2
    assert len(page.having("svg", class_="curve")) == 2 * 2 * 2
    assert len(page.having("img", class_="full")) == 2 * (1 + 2 * 3)
    assert "s3im (two)" in page.text


def test_a_table_has_the_metrics_of_its_method_only(tmp_path):
    folder = write_comparison(tmp_path / "out", scenes=["fox"], methods=["one", "two"], views=0)
    set_values(folder, "two-*", metrics={"psnr": 20.0, "depth_rmse": 0.1, "depth_rmse_metres": 0.2})
    html = write_report(folder).read_text(encoding="utf-8")
    one, two = re.findall(r'<table class="summary">(.*?)</table>', html, re.DOTALL)
    assert "LPIPS" in one and "depth rmse metres" not in one
    assert "LPIPS" not in two and "depth rmse metres ↓" in two and "depth rmse ↓" not in two


def test_without_pictures_it_says_so(tmp_path):
    assert "No pictures were kept." in page_of(write_comparison(tmp_path / "out", views=0)).text


def test_without_a_truth_there_are_no_errors(tmp_path):
    folder = write_comparison(tmp_path / "out", scenes=["fox"])
    shutil.rmtree(folder / "scenes")
    page = page_of(folder)
    assert len(page.having("img", class_="full")) == 2 * 3
    assert not [each for each in page.having("img") if str(each["alt"]).endswith(": error")]


def test_pictures_that_do_not_fit_are_named(tmp_path):
    folder = write_comparison(tmp_path / "out", scenes=["fox"], views=1)
    (folder / "runs/s3im-nerfacto-lite-fox-s3im-0/view_000.png").write_bytes(b"broken off")
    small = write_comparison(tmp_path / "small", scenes=["fox"], views=1, size=(30, 40))
    name = "runs/s3im-nerfacto-lite-fox-control-0/view_000.png"
    shutil.copy(small / name, folder / name)
    page = page_of(folder)
    assert "cannot be read or has another size: s3im, control." in page.text
    assert [each["data-title"] for each in page.having("img", class_="full")] == ["truth", "none"]


def test_the_first_seed_with_a_picture_is_shown(tmp_path):
    folder = write_comparison(tmp_path / "out", scenes=["fox"], views=1)
    (folder / "runs/s3im-nerfacto-lite-fox-s3im-0/view_000.png").unlink()
    page = page_of(folder)
    assert page.text.count("dB, SSIM 0.700, seed 0") == 2 and page.text.count("dB, SSIM 0.700, seed 1") == 1


def test_what_was_not_measured_is_a_dash(tmp_path):
    folder = write_comparison(tmp_path / "out", scenes=["fox"])
    set_values(folder, "*-none-*", metrics={}, curve=[], views=[], device="", train_seconds=None, peak_memory_mb=None)
    set_values(folder, "*-s3im-0", metrics={"psnr": 25.0, "ssim": None, "lpips": float("nan")})
    rows = {row[0]: row for row in table_rows(folder, "summary")[2:]}
    assert rows["none"] == ["none", "3", *["–"] * 5]  # noqa: RUF001
    assert rows["s3im"][3].endswith(" (n = 2)★") and "n =" not in rows["s3im"][2]
    differences = {row[0]: row for row in table_rows(folder, "differences")[2:]}
    assert differences["s3im − none"][1:] == ["–"] * 4  # noqa: RUF001


def test_views_that_are_trained_on_are_called_so(tmp_path):
    folder = write_comparison(tmp_path)
    about = json.loads((folder / "compare.json").read_text())
    for count, claimed in ((0, True), (2, False)):
        (folder / "compare.json").write_text(json.dumps({**about, "trained_on": {"fox": count, "lego": 0}}))
        said = page_of(folder).text
        assert ("which no run has trained on" in said) is claimed
        assert ("fox: 2 of the evaluated views are trained on too" in said) is not claimed


def test_runs_that_were_not_made_alike_are_named(tmp_path):
    folder = write_comparison(tmp_path)
    quiet = page_of(folder).text
    assert "different versions" not in quiet and "have no mesh" not in quiet and "Runs of equal time" not in quiet
    first = sorted(folder.glob("runs/*/run.json"))[0]
    run = json.loads(first.read_text())
    run |= {"versions": {"s3im_methods": "0.2.0"}, "device": "cpu, 8 threads", "no_mesh": "There is no surface."}
    first.write_text(json.dumps(run))
    said = page_of(folder).text
    assert "Runs were made with different versions (" in said and "s3im_methods 0.2.0" in said
    assert (
        f"runs have no mesh, so that metrics of meshes are those of the others. The first is {run['id']}: There" in said
    )
    # Of equal steps it does not matter how fast they were made.
    assert "Runs of equal time" not in said
    about = json.loads((folder / "compare.json").read_text())
    (folder / "compare.json").write_text(json.dumps({**about, "steps": None, "seconds": 60}))
    assert "Runs of equal time were made on different devices (cpu, 1 thread; cpu, 8 threads)" in page_of(folder).text


def test_runs_whose_settings_differ_by_more_than_their_commands_are_named(tmp_path):
    folder = write_comparison(tmp_path, scenes=["fox"])
    paths = sorted(folder.glob("runs/*fox*/run.json"))
    name = "pipeline.model.s3im.denominators"
    data = "pipeline.datamanager.data"

    def said(*settings: dict | None, command: str = "ns-train x") -> str:
        for path, each in zip(paths, itertools.chain(settings, itertools.repeat(settings[0])), strict=False):
            run = {key: value for key, value in json.loads(path.read_text()).items() if key != "settings"}
            run["command"] = command
            path.write_text(json.dumps(run if each is None else {**run, "settings": each}))
        return page_of(folder).text

    free = {name: "free", data: "a/fox", "pipeline.datamanager.train_num_images_to_sample_from": -1}
    held = {**free, name: None}
    assert "may not be comparable" not in said(None)
    assert "may not be comparable" not in said(free, {**free, data: "a/edited"}, free)
    # Of another seed as of another variant.
    for settings in ((free, free, held), (free, free, free, free, held)):
        page = said(*settings)
        assert page.count("may not be comparable") == 1
        assert ": they differ in --pipeline.model.s3im.denominators (was 'free', is null), and" in page
        assert "may not be comparable" not in said(*settings, command="ns-train x --pipeline.model.s3im.denominators f")
    # What a command says of the data parser has no path, and one flag of a sampler may change its class.
    parsed = {**free, "pipeline.datamanager.dataparser.eval_mode": "all"}
    assert "may not be comparable" in said(free, parsed)
    assert "may not be comparable" not in said(free, parsed, command="ns-train x nerfstudio-data --eval-mode all")
    patched = {**free, "pipeline.datamanager.pixel_sampler.patch_size": 8}
    assert "may not be comparable" in said(free, patched)
    typed = "s3im train x --pipeline.datamanager.pixel-sampler.patch-share 0.5"
    assert "may not be comparable" not in said(free, patched, command=typed)
    # A setting that an older version did not have.
    old = {key: value for key, value in free.items() if key != name}
    assert "--pipeline.model.s3im.denominators (was 'not there', is null)" in said(old, held)
    assert ": the settings of one were not recorded" in said(free, None)


def test_what_keeps_the_gradients_norm_is_told_by_the_settings(tmp_path):
    folder = write_comparison(tmp_path, scenes=["fox"], axes={"loss": ["none", "s3im"]})
    assert "In s3im, S3IM and the method's own colour loss are scaled together" in page_of(folder).text
    for path in folder.glob("runs/*/run.json"):
        settings = {"pipeline.model.s3im.balance": "add"}
        path.write_text(json.dumps({**json.loads(path.read_text()), "settings": settings}))
    assert "are scaled together" not in page_of(folder).text


def test_both_ends_of_a_training_are_told(tmp_path):
    folder = write_comparison(tmp_path, scenes=["fox"])
    about = json.loads((folder / "compare.json").read_text())
    (folder / "compare.json").write_text(json.dumps({**about, "steps": 30000, "seconds": 60}))
    assert "at most 30,000 steps and 60 s of training each" in page_of(folder).text


def test_runs_that_are_not_done_are_named(tmp_path):
    folder = write_comparison(tmp_path / "out", scenes=["fox"])
    runs = folder / "runs"
    (runs / "s3im-nerfacto-lite-fox-none-0" / "run.json").unlink()
    (runs / "s3im-nerfacto-lite-fox-none-1" / "run.json").write_text('{"id": "half')
    (runs / "s3im-nerfacto-lite-fox-none-2" / "run.json").write_text('{"id": "x", "scene": "fox"}')
    (runs / "broken").mkdir()
    (runs / "broken" / "log.txt").write_text("start\nRuntimeError: out of <memory>\n\n")
    (runs / "new").mkdir()
    text = page_of(folder).text
    assert "6 counted, 5 not" in text and "Not counted (5)" in text
    assert "broken|: it is not finished; its log ends with: RuntimeError: out of <memory>." in text
    assert "new|: it is not finished and has no log." in text
    assert text.count("its run.json cannot be read") == 2


def test_nothing_finished_is_a_page_too(tmp_path):
    folder = write_comparison(tmp_path / "out", axes={"loss": []})
    text = page_of(folder).text
    assert "No run is finished yet." in text and "No run was started." in text


def test_the_smallest_description_is_enough(tmp_path):
    (tmp_path / "compare.json").write_text("{}")
    write_run(tmp_path, "fox", "m", {"loss": "s3im"}, 0, [], [100], base=20.0)
    (row,) = table_rows(tmp_path, "summary")[2:]
    assert row[:2] == ["s3im", "1"] and 20 < float(row[2]) < 22


@pytest.mark.parametrize("content", [None, "{broken", "[]"])
def test_a_folder_of_something_else_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "compare.json").write_text(content)
    with pytest.raises(InputError) as caught:
        write_report(tmp_path)
    assert str(caught.value) == f"No readable compare.json in '{tmp_path}': give the folder that s3im compare wrote."
    assert not (tmp_path / "report.html").exists()


def test_many_pictures_stay_under_the_limit(tmp_path, monkeypatch):
    folder = write_comparison(tmp_path / "out", scenes=["fox"], views=2, size=(240, 320))
    sizes = []
    for limit in (10_000_000, 150_000):
        monkeypatch.setattr("s3im_methods.compare.report._MOST_PICTURE_BYTES", limit)
        html = write_report(folder).read_text(encoding="utf-8")
        sizes.append(sum(map(len, re.findall(r'src="data:image[^"]*"', html))))
    assert sizes[1] < 150_000 < sizes[0]


def test_a_picture_wider_than_the_page_keeps_its_crop(tmp_path):
    """The crop is cut out before the picture is made smaller: a quarter of 1000 pixels."""
    import base64
    import io

    from PIL import Image

    folder = write_comparison(tmp_path / "out", scenes=["fox"], views=1, size=(300, 1000), seeds=[0])
    page = page_of(folder)

    def width(image) -> int:
        return Image.open(io.BytesIO(base64.b64decode(image["src"].split(",")[1]))).width

    assert {width(image) for image in page.having("img", class_="crop")} == {250}
    assert {width(image) for image in page.having("img", class_="full")} == {640}
