"""Training step and rendered view of s3im-nerfacto-lite against stock nerfacto cut to the same sizes, in one run.

    python benchmarks/lite_speed.py --data SCENE --repeats 5

Stock has the plain loss and nerfstudio's own pixel sampler. Both take turns, so that what else the machine does meets
both; the medians and their ratio are printed. The step is data, forward, losses, backward and Adam; S3IM's share is its
own forward and backward on the lite batch.
"""

import argparse
import copy
import functools
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from nerfstudio.data.pixel_samplers import PixelSamplerConfig
from nerfstudio.engine.callbacks import TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.models.nerfacto import NerfactoModelConfig

from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.method_configs import s3im_nerfacto_lite


def pipeline_config(data: Path, stock: bool):
    """Our lite pipeline's config, or the same sizes with nerfstudio's model and sampler."""
    config = copy.deepcopy(s3im_nerfacto_lite.config.pipeline)
    config.datamanager.data = data  # type: ignore[attr-defined]
    if stock:
        sizes = {k: v for k, v in vars(config.model).items() if k not in ("_target", "s3im", "implementation")}
        config.model = NerfactoModelConfig(**sizes, implementation="torch")
        config.datamanager.pixel_sampler = PixelSamplerConfig()  # type: ignore[attr-defined]
    return config


class Run:
    """One of the two contestants, ready to step and to render."""

    def __init__(self, data: Path, stock: bool) -> None:
        config = pipeline_config(data, stock)
        torch.manual_seed(0)
        self.manager = config.datamanager.setup(device="cpu", test_mode="val")
        dataset = self.manager.train_dataset
        with lpips_without_download():
            self.model = config.model.setup(scene_box=dataset.scene_box, num_train_data=len(dataset), metadata={})
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-2, eps=1e-15)
        self.callbacks = self.model.get_training_callbacks(TrainingCallbackAttributes(None, None, None, None))  # type: ignore[arg-type]
        self.count = 0

    def _callbacks(self, location: TrainingCallbackLocation) -> None:
        for callback in self.callbacks:
            callback.run_callback_at_location(self.count, location)

    def step(self) -> None:
        """One training step."""
        self.model.train()
        self._callbacks(TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)
        bundle, batch = self.manager.next_train(self.count)
        self.optimizer.zero_grad()
        outputs = self.model(bundle)
        losses = self.model.get_loss_dict(outputs, batch, self.model.get_metrics_dict(outputs, batch))
        functools.reduce(torch.add, losses.values()).backward()
        self.optimizer.step()
        self._callbacks(TrainingCallbackLocation.AFTER_TRAIN_ITERATION)
        self.count += 1

    def render(self) -> None:
        """One whole view."""
        self.model.eval()
        self.model.get_outputs_for_camera(self.manager.train_dataset.cameras[0:1])


def milliseconds(work: Callable[[], None]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="A scene in nerfstudio's format.")
    parser.add_argument("--repeats", type=int, default=5, help="Rounds; each is 20 steps and one view of either.")
    arguments = parser.parse_args()
    stock, ours = Run(arguments.data, stock=True), Run(arguments.data, stock=False)
    steps: dict[Run, list[float]] = {stock: [], ours: []}
    views: dict[Run, list[float]] = {stock: [], ours: []}
    for run in (stock, ours):
        for _ in range(12):
            run.step()
        run.render()
    for _ in range(arguments.repeats):
        for run in (stock, ours):
            steps[run] += [milliseconds(run.step) for _ in range(20)]
            views[run].append(milliseconds(run.render))
    camera = stock.manager.train_dataset.cameras[0]
    size = f"{int(camera.width)} x {int(camera.height)}"
    rays = ours.manager.get_train_rays_per_batch()
    predicted = torch.rand(rays, 3, requires_grad=True)
    target = torch.rand(rays, 3)
    s3im = statistics.median(
        milliseconds(lambda: ours.model.s3im.loss_fn(predicted, target).backward()) for _ in range(50)
    )
    print(f"{torch.get_num_threads()} threads, {rays} rays per batch, medians of {arguments.repeats} rounds, ms")
    print("| | stock | ours | ratio |")
    print("|---|---|---|---|")
    for name, times in (("training step", steps), (f"view of {size}", views)):
        a, b = statistics.median(times[stock]), statistics.median(times[ours])
        print(f"| {name} | {a:.0f} | {b:.0f} | {a / b:.2f} |")
    print(f"S3IM forward and backward: {s3im:.2f} ms, {100 * s3im / statistics.median(steps[ours]):.1f} % of our step")


if __name__ == "__main__":
    main()
