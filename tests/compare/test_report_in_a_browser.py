"""The page in a real browser: what can be moved, chosen and pointed at acts, and nothing is reported as an error."""

import io

import numpy as np
import pytest
from fake_comparison import write_comparison
from headless_browser import needs_browser, open_browser
from PIL import Image

from s3im_methods.compare.report import write_report

pytestmark = [pytest.mark.slow, needs_browser]


LONG = "a-value-that-is-wider-than-the-screen-of-a-phone"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A browser that shows the page of an invented comparison; at the end it must have reported no error."""
    # None renders red, the sum green, the control blue, the truth grey: what is shown can be told by its colour.
    axes = {"loss": ["none", "add", "control"], "pipeline.model.depth.kind": [LONG]}
    folder = write_comparison(tmp_path_factory.mktemp("out"), scenes=["<b>&", "lego"], axes=axes, size=(90, 120))
    colours = {"none": (200, 0, 0), "add": (0, 200, 0), "control": (0, 0, 200)}
    for path in folder.glob("runs/*/view_*.png"):
        (colour,) = (value for name, value in colours.items() if f"-{name}-" in path.parent.name)
        Image.new("RGB", (120, 90), colour).save(path)
    for path in folder.glob("scenes/*/truth_*.png"):
        Image.new("RGB", (120, 90), (128, 128, 128)).save(path)
    driver = open_browser("--window-size=1000,900")
    try:
        driver.get(write_report(folder).as_uri())
        yield driver
        assert driver.get_log("browser") == []
    finally:
        driver.quit()


def colours_of(element) -> list[str]:
    """Main colour at a tenth and at nine tenths of an element's width, a quarter of its height from the top."""
    pixels = np.asarray(Image.open(io.BytesIO(element.screenshot_as_png)).convert("RGB")).astype(int)
    height, width, _ = pixels.shape
    found = []
    for share in (0.1, 0.9):
        colour = pixels[height // 4, int(share * width)]
        found.append("grey" if np.ptp(colour) < 20 else ("red", "green", "blue")[colour.argmax()])
    return found


def slider_of(page, number: int = 0):
    slider = page.find_elements("css selector", ".view[open] .slider")[number]
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", slider)
    return slider


def choose(slider, side: str, title: str) -> None:
    from selenium.webdriver.support.ui import Select

    Select(slider.find_element("css selector", f"select.{side}")).select_by_visible_text(
        title if title == "truth" else f"{title}, kind {LONG}"
    )


def test_the_first_view_of_every_scene_is_open(page):
    assert [view.get_attribute("open") for view in page.find_elements("css selector", ".view")] == ["true", None] * 2
    assert [h.text for h in page.find_elements("css selector", "h3")] == ["<b>&", "lego"]
    images = page.find_elements("css selector", ".view[open] img")
    assert images and all(page.execute_script("return arguments[0].naturalWidth", image) > 0 for image in images)


def test_the_slider_starts_with_control_and_add(page):
    assert colours_of(slider_of(page, 1).find_element("class name", "stage")) == ["blue", "green"]


def test_the_drop_downs_choose_the_pictures(page):
    slider = slider_of(page)
    choose(slider, "left", "truth")
    choose(slider, "right", "none")
    assert colours_of(slider.find_element("class name", "stage")) == ["grey", "red"]
    choose(slider, "left", "add")
    assert colours_of(slider.find_element("class name", "stage")) == ["green", "red"]
    assert colours_of(slider_of(page, 1).find_element("class name", "stage")) == ["blue", "green"]


def test_the_slider_moves_with_the_mouse_and_the_keyboard(page):
    from selenium.webdriver import ActionChains, Keys

    slider = slider_of(page)
    choose(slider, "left", "control")
    choose(slider, "right", "none")
    stage, knob = slider.find_element("class name", "stage"), slider.find_element("css selector", "input[type=range]")
    width = stage.size["width"]
    ActionChains(page).move_to_element(knob).click_and_hold().move_by_offset(int(0.47 * width), 0).release().perform()
    assert colours_of(stage) == ["blue", "blue"]
    knob.send_keys(Keys.HOME)
    assert colours_of(stage) == ["red", "red"]


def test_the_edge_is_under_the_pointer(page):
    from selenium.webdriver import ActionChains

    slider = slider_of(page)
    knob, edge = slider.find_element("css selector", "input"), slider.find_element("class name", "edge")
    for share in (-0.45, 0.0, 0.3, 0.45):
        offset = int(share * knob.size["width"])
        ActionChains(page).move_to_element_with_offset(knob, offset, 0).click().perform()
        middle = knob.rect["x"] + knob.size["width"] / 2 + offset
        assert abs(edge.rect["x"] + 1 - middle) < 3, share


def test_the_axis_can_be_steps_or_seconds(page):
    def shown() -> list[str]:
        plots = page.find_elements("css selector", ".plot")
        return [plot.get_attribute("data-axis") for plot in plots if plot.is_displayed()]

    assert shown() == ["step", "step"]
    page.find_element("css selector", "input[value=seconds]").click()
    assert shown() == ["seconds", "seconds"]
    page.find_element("css selector", "input[value=step]").click()
    assert shown() == ["step", "step"]


def test_pointing_at_a_diagram_shows_its_values(page):
    from selenium.webdriver import ActionChains

    drawing = page.find_element("css selector", "svg.curve")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", drawing)
    tooltip = page.find_element("class name", "tooltip")
    assert not tooltip.is_displayed()
    circle = drawing.find_elements("css selector", ".s2 circle")[1]
    ActionChains(page).move_to_element(circle).perform()
    assert tooltip.is_displayed()
    lines = tooltip.text.split("\n")
    assert lines[0] == "500 steps" and [line.split(",")[0] for line in lines[1:]] == ["none", "add", "control"]
    assert lines[2] == f"add, kind {LONG}: {circle.get_attribute('data-value')}"
    ActionChains(page).move_to_element(page.find_element("css selector", "#curves h2")).perform()
    assert not tooltip.is_displayed()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_it_can_be_read_in_both_schemes_on_any_screen(page, scheme, width):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    try:
        page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        page.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
        script = """
            const luminance = (text) => {
                const parts = text.match(/[\\d.]+/g).slice(0, 3).map((value) => value / 255)
                    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
                return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
            };
            const back = (element) => {
                const colour = getComputedStyle(element).backgroundColor;
                return colour === "rgba(0, 0, 0, 0)" ? back(element.parentElement) : colour;
            };
            return [...document.querySelectorAll("h1, p, li, td, th, .spread, small, summary, a, label, .verdict")]
                .map((element) => {
                    const both = [luminance(getComputedStyle(element).color), luminance(back(element))];
                    return [(Math.max(...both) + 0.05) / (Math.min(...both) + 0.05), element.outerHTML.slice(0, 80)];
                }).reduce((a, b) => (a[0] < b[0] ? a : b));"""
        contrast, where = page.execute_script(script)
        assert contrast >= 4.5, where  # the least for text in WCAG 2, level AA
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
