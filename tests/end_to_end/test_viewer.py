"""The viewer in a real browser, while a lite method trains: it shows the scene, and our panel acts."""

import copy
import io
import threading
import time

import numpy as np
import pytest
import torch
from headless_browser import needs_browser, open_browser
from ns_commands import free_port
from PIL import Image

from s3im_methods.scenes import RoomConfig, write_scene

pytestmark = [pytest.mark.slow, needs_browser]


@pytest.fixture()
def browser():
    driver = open_browser("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--window-size=800,600")
    yield driver
    driver.quit()


@pytest.fixture(params=["s3im_nerfacto_lite"])
def trainer(request, tmp_path):
    """A lite run in its default viewer mode, training in a thread of this process."""
    from s3im_methods import method_configs

    write_scene(
        RoomConfig(width=96, height=72, train_views=24, test_views=2, supersampling=1, light_samples=8),
        tmp_path / "room",
    )
    config = copy.deepcopy(getattr(method_configs, request.param).config)
    config.data = config.pipeline.datamanager.data = tmp_path / "room"  # type: ignore[attr-defined]
    config.machine.device_type = "cpu"
    config.output_dir, config.timestamp, config.max_num_iterations = tmp_path, "one", 100_000
    config.viewer.websocket_port = free_port()
    config.viewer.quit_on_train_completion = True
    config.logging.local_writer.enable = False
    torch.manual_seed(0)
    config.save_config()
    result = config.setup()
    result.setup()
    thread = threading.Thread(target=result.train, daemon=True)
    thread.start()
    yield result
    result.training_state = "training"
    result.stop_training = True
    thread.join(timeout=300)
    assert not thread.is_alive()


def wait_for(condition, seconds: float, what: str):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.5)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")


def correlation(picture: np.ndarray, truth: np.ndarray) -> float:
    """Of two images, after shrinking both to 24 x 18 pixels."""
    small = [np.asarray(Image.fromarray(image).resize((24, 18)), dtype=float).ravel() for image in (picture, truth)]
    return float(np.corrcoef(small)[0, 1])


def test_the_viewer_shows_the_scene_and_our_panel(trainer, browser, tmp_path):
    viewer = trainer.viewer_state
    browser.get(f"http://localhost:{trainer.config.viewer.websocket_port}")
    client = wait_for(lambda: list(viewer.viser_server.get_clients().values()), 300, "the browser's connection")[0]
    wait_for(lambda: trainer.step >= 300, 600, "the 300th step")

    from nerfstudio.viewer.viewer import VISER_NERFSTUDIO_SCALE_RATIO
    from viser import transforms

    dataset = trainer.pipeline.datamanager.train_dataset
    camera = dataset.cameras[3]
    pose = camera.camera_to_worlds.numpy()
    viewer.set_camera_visibility(False)
    client.camera.wxyz = (transforms.SO3.from_matrix(pose[:3, :3]) @ transforms.SO3.from_x_radians(np.pi)).wxyz
    client.camera.position = pose[:3, 3] * VISER_NERFSTUDIO_SCALE_RATIO
    client.camera.fov = float(2 * torch.atan(camera.cy / camera.fy))
    truth = (dataset[3]["image"].numpy() * 255).astype(np.uint8)

    def screenshot() -> np.ndarray:
        image = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
        image.save(tmp_path / "viewer.png")
        script = """
            const areas = [...document.querySelectorAll('canvas')].map(c => c.getBoundingClientRect());
            const r = areas.reduce((a, b) => (a.width < b.width ? a : b));  // the other lies under the panel too
            return [r.x, r.y, r.right, r.bottom]"""
        left, top, right, bottom = (round(value) for value in browser.execute_script(script))
        return np.asarray(image.crop((left, top, right, bottom)))

    def likeness() -> float:
        picture = screenshot()
        # The browser's picture is as high as the camera's; it is narrower, because the panel stands beside it.
        height, width = truth.shape[:2]
        cut = max(0, round((width - height * picture.shape[1] / picture.shape[0]) / 2))
        return correlation(picture, truth[:, cut : width - cut])

    wait_for(lambda: likeness() > 0.9, 300, "a picture of the scene in the browser")

    text = browser.find_element("tag name", "body").text
    assert "S3IM on" in text
    term = trainer.pipeline.model.s3im
    wait_for(lambda: term.loss_text.value[:2] in ("0.", "1."), 300, "the S3IM loss on the panel")
    assert term.weight(trainer.step) == trainer.config.pipeline.model.s3im.loss_mult
    term.weight_slider.gui_handle.value = 2.5
    wait_for(lambda: term.weight(trainer.step) == 2.5, 300, "the slider's weight in the loss")
    term.enabled_box.gui_handle.value = False
    wait_for(lambda: term.weight(trainer.step) == 0.0, 300, "the switch")


@pytest.mark.parametrize("trainer", ["s3im_neus_facto_lite"], indirect=True)
def test_the_panel_of_a_surface_has_its_sharpness_and_normals_to_choose(trainer, browser):
    browser.get(f"http://localhost:{trainer.config.viewer.websocket_port}")

    def page() -> str:
        return browser.find_element("tag name", "body").text

    def values() -> list[str]:
        return browser.execute_script("return [...document.querySelectorAll('input')].map(each => each.value)")

    wait_for(lambda: "Output type" in page(), 300, "the panel in the browser")
    for name in ("Sharpness s", "S3IM weight", "S3IM on"):
        assert name in page(), page()
    sharpness = trainer.pipeline.model.sharpness_text
    wait_for(lambda: sharpness.value.replace(".", "").isdigit(), 300, "a first value of s")
    trainer.training_state = "paused"  # a busy browser may never catch up with a value that changes all the time
    wait_for(lambda: sharpness.value in values(), 300, "s on the panel")
    trainer.training_state = "training"
    output = trainer.viewer_state.control_panel._output_render
    wait_for(lambda: "normals" in output.options, 300, "a first picture")
    output.value = "normals"
    wait_for(lambda: "normals" in values(), 300, "the choice in the browser")
