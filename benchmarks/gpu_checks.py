"""What is worth knowing of this package on a GPU: each check is a function that yields measurements as it makes them.

Nothing here imports more than a training does, so that the checks run where only nerfstudio's training is installed.
"""

import ast
import copy
import importlib.util
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from contestants import Contestant, Session
from timing import milliseconds
from torch.overrides import TorchFunctionMode

SCENE_SEED = 0


@dataclass(frozen=True)
class Setting:
    """What all checks are run with.

    Args:
        device: cuda, or cpu to rehearse.
        tiny: Sizes that a CPU manages in seconds.
        scene: A scene that nerfstudio-data reads.
        out: Folder for pictures and what nerfstudio writes.
        seconds: How long the check may take.
    """

    device: str
    tiny: bool
    scene: Path
    out: Path
    seconds: float

    @property
    def changes(self) -> tuple[tuple[str, Any], ...]:
        """Settings of a training."""
        return (("pipeline.datamanager.train_num_rays_per_batch", 32),) if self.tiny else ()

    def steps(self, count: int) -> int:
        """As many steps, or two."""
        return 2 if self.tiny else count


@dataclass(frozen=True)
class Measurement:
    """One result.

    Args:
        what: Its name.
        value: A number, or text.
        unit: Of the number.
        good: Whether it is as it should be; None where there is nothing to compare with.
    """

    what: str
    value: float | str
    unit: str = ""
    good: bool | None = None


Check = Callable[[Setting], Iterator[Measurement]]


def kernels(setting: Setting) -> Iterator[Measurement]:
    """The hash grids against nerfstudio's: values, first and second derivatives, and by what they are computed."""
    from s3im_methods.doctor.findings import Settings
    from s3im_methods.doctor.grids import look_at_grids, look_at_surface_grids

    settings = Settings(setting.out, 7007)
    for name, look in (("hash grid", look_at_grids), ("surface hash grid", look_at_surface_grids)):
        found = look(setting.device)(settings)
        yield Measurement(name, found.detail, good=found.state == "ok")
    if setting.device == "cuda":
        from s3im_methods.encodings.gpu_kernels import gpu_kernels

        works = gpu_kernels(torch.device("cuda", torch.cuda.current_device())) is not None
        yield Measurement("Triton's kernels", "work" if works else "do not work", good=works)
    yield from _encoding_speed(setting)


def _encoding_speed(setting: Setting) -> Iterator[Measurement]:
    """Forward and backward of a full-size grid, against nerfstudio's code."""
    from nerfstudio.field_components.encodings import HashEncoding

    from s3im_methods.encodings import fuse_hash_encodings

    points = 1 << (8 if setting.tiny else 19)
    spent = {}
    for name in ("ours", "nerfstudio"):
        size = 10 if setting.tiny else 19
        grid = HashEncoding(16, 16, 2048, log2_hashmap_size=size, implementation="torch").to(setting.device)
        if name == "ours":
            fuse_hash_encodings(torch.nn.Sequential(grid), point_gradients=False)
        places = torch.rand(points, 3, device=setting.device)

        def step(grid: Any = grid, places: torch.Tensor = places) -> None:
            grid(places).square().sum().backward()

        spent[name] = median(milliseconds(step, setting.device) for _ in range(setting.steps(20)))
        yield Measurement(f"grid of 16 levels, {points:,} points, {name}", spent[name], "ms")
    yield Measurement("grid, nerfstudio's time in ours", spent["nerfstudio"] / spent["ours"], "times")


def method(name: str) -> Check:
    """All that is asked of one full-size method."""

    def check(setting: Setting) -> Iterator[Measurement]:
        yield from equal_step(name, setting)
        session = _session(name, setting)
        yield from speed(session, setting)
        yield from waits(session, setting)
        yield from precision(session, setting)
        yield from rendering(session, setting)
        shares = session.s3im(setting.steps(20))
        yield Measurement("S3IM's loss, forward and backward", median(shares[len(shares) // 2 :]), "ms")

    return check


def cut_out(name: str) -> Check:
    """A few steps on a cut-out object: at its start a training looks whether the model's box holds it."""

    def check(setting: Setting) -> Iterator[Measurement]:
        from on_gpu import noise_scene

        scene = noise_scene(Path("cut-out").absolute(), (32, 24), cut_out=True)
        session = Session(Contestant(name, "ours", scene, setting.device, 0, setting.changes), setting.out)
        yield Measurement("step on a cut-out object", median(session.steps(setting.steps(10))), "ms", good=True)

    return check


def _session(name: str, setting: Setting) -> Session:
    """A training of ours, of nerfacto with our kernels even where tinycudann is installed."""
    changes = setting.changes
    if "nerfacto" in name:
        changes = (*changes, ("pipeline.model.implementation", "fused"))
    return Session(Contestant(name, "ours", setting.scene, setting.device, 0, changes), setting.out)


def stock(setting: Setting) -> Iterator[Measurement]:
    """nerfstudio's nerfacto in its torch implementation, at the sizes of s3im-nerfacto."""
    session = Session(
        Contestant("s3im-nerfacto", "stock", setting.scene, setting.device, 0, setting.changes), setting.out
    )
    yield from speed(session, setting)
    yield from rendering(session, setting)


def tinycudann(setting: Setting) -> Iterator[Measurement]:
    """s3im-nerfacto with the hash grids and networks of tinycudann."""
    changes = (*setting.changes, ("pipeline.model.implementation", "tcnn"))
    session = Session(Contestant("s3im-nerfacto", "ours", setting.scene, setting.device, 0, changes), setting.out)
    yield from speed(session, setting)
    yield from rendering(session, setting)


class SameNumbers(TorchFunctionMode):
    """Random numbers are drawn on the CPU and moved, so that two devices compute with the same ones."""

    _DRAWN = (torch.rand, torch.randn, torch.randint, torch.randperm, torch.rand_like, torch.randn_like)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func not in self._DRAWN:
            return func(*args, **kwargs)
        kwargs.pop("generator", None)
        device = kwargs.pop("device", None)
        if func in (torch.rand_like, torch.randn_like):
            device = device or args[0].device
            args = (args[0].cpu(), *args[1:])
        return func(*args, **kwargs, device="cpu").to(device or "cpu")


@contextmanager
def same_permutations() -> Iterator[None]:
    """S3IM's permutations, which a GPU draws in another way, are those of a CPU."""
    module: Any = importlib.import_module("s3im_methods.losses.s3im")
    own = module.random_permutations

    def on_cpu(count: int, length: int, generator: torch.Generator) -> torch.Tensor:
        return own(count, length, torch.Generator().manual_seed(SCENE_SEED)).to(generator.device)

    module.random_permutations = on_cpu
    try:
        yield
    finally:
        module.random_permutations = own


def equal_step(name: str, setting: Setting) -> Iterator[Measurement]:
    """Losses and gradients of one step, and a rendering, on the CPU and on the device: with equal parameters, rays and
    random numbers, in float32."""
    devices = ("cpu", setting.device)
    models = [_model(name, device) for device in devices]
    models[1].load_state_dict(models[0].state_dict())
    losses, gradients, pictures = [], [], []
    for device, model in zip(devices, models, strict=True):
        rays, batch = _rays(device, 64)
        torch.manual_seed(SCENE_SEED)
        model.train()
        with SameNumbers(), same_permutations():
            outputs = model(rays)
            found = model.get_loss_dict(outputs, batch, model.get_metrics_dict(outputs, batch))
        torch.stack(list(found.values())).sum().backward()
        losses.append({key: float(value) for key, value in found.items()})
        parts = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        gradients.append(math.sqrt(sum(float(part.double().square().sum()) for part in parts)))
        model.eval()
        with torch.no_grad(), SameNumbers():
            pictures.append(model(_rays(device, 64)[0])["rgb"].float().cpu())
    worst = max(abs(losses[0][key] - losses[1][key]) / max(abs(losses[0][key]), 1e-6) for key in losses[0])
    yield Measurement("losses differ from the CPU's by at most", worst, "relative", worst < 1e-2)
    apart = abs(gradients[0] - gradients[1]) / max(gradients[0], 1e-12)
    yield Measurement("length of the gradient differs by", apart, "relative", apart < 2e-2)
    error = float((pictures[0] - pictures[1]).abs().max())
    yield Measurement("rendered colours differ by at most", error, "of 1", error < 1e-2)


def _model(name: str, device: str) -> Any:
    from nerfstudio.data.scene_box import SceneBox

    from s3im_methods import method_configs
    from s3im_methods.compat.lpips import lpips_without_download
    from s3im_methods.data.scene_facts import SceneFacts

    torch.manual_seed(SCENE_SEED)
    config: Any = copy.deepcopy(getattr(method_configs, name.replace("-", "_")).config.pipeline.model)
    facts = SceneFacts(depth_source="sensor", depth_metres_per_unit=1.0)
    box = SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3]))
    # tinycudann computes on GPUs only, and the other two share their parameters.
    for place in (config, getattr(config, "sdf_field", config)):
        if hasattr(place, "implementation"):
            place.implementation = "fused"
    with lpips_without_download():
        model = config.setup(scene_box=box, num_train_data=4, metadata={"scene_facts": facts}, device="cpu")
    return model.to(device)


def _rays(device: str, count: int) -> tuple[Any, dict[str, Any]]:
    from nerfstudio.cameras.rays import RayBundle

    draw = torch.Generator().manual_seed(SCENE_SEED)
    numbers = [torch.randn(count, 3, generator=draw), torch.randn(count, 3, generator=draw)]
    cameras = torch.randint(0, 4, (count, 1), generator=draw)
    rays = RayBundle(
        origins=0.2 * numbers[0].to(device),
        directions=torch.nn.functional.normalize(numbers[1], dim=-1).to(device),
        pixel_area=torch.full((count, 1), 1e-4, device=device),
        camera_indices=cameras.to(device),
        metadata={"directions_norm": torch.ones(count, 1, device=device)},
    )
    batch = {
        "image": torch.rand(count, 3, generator=draw).to(device),
        "indices": torch.cat([cameras, torch.zeros(count, 2, dtype=torch.long)], dim=1).to(device),
        "depth_image": (0.5 + torch.rand(count, 1, generator=draw)).to(device),
    }
    return rays, batch


def speed(session: Session, setting: Setting) -> Iterator[Measurement]:
    """Time of a step, after a warm-up, and the most memory that a step takes."""
    yield Measurement("from an empty process to the first step", session.start_seconds(), "s")
    first = session.steps(1)[0]
    yield Measurement("first step, kernels compiled in it", first, "ms")
    session.steps(setting.steps(20))
    times = session.steps(setting.steps(100))
    yield Measurement(f"step of {session.rays():,} rays", median(times), "ms")
    yield Measurement("rays per second", 1000 * session.rays() / median(times), "")
    yield Measurement("peak memory", session.peak_memory_mb(), "MB")


def waits(session: Session, setting: Setting) -> Iterator[Measurement]:
    """How often the host waits for the GPU in a step, and where."""
    if setting.device != "cuda":
        yield Measurement("waits for the GPU in a step", "only on a GPU")
        return
    count = setting.steps(10)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            session.steps(count)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    # One a step is ours: it ends the measurement.
    places = [f"{Path(one.filename).name}:{one.lineno}" for one in found if "synchroniz" in str(one.message)]
    own = [place for place in places if not place.startswith("timing.py")]
    yield Measurement("waits for the GPU in a step", len(own) / count, "", len(own) == 0)
    if own:
        yield Measurement("where", ", ".join(sorted(set(own))))


def precision(session: Session, setting: Setting) -> Iterator[Measurement]:
    """Whether a training in mixed precision, where the method has it, lowers its loss and keeps its scale."""
    trainer = session.trainer
    losses = [float(trainer.train_iteration(1000 + step)[0]) for step in range(setting.steps(100))]
    begin, end = (sum(part) / len(part) for part in (losses[: len(losses) // 2], losses[len(losses) // 2 :]))
    finite = all(map(math.isfinite, losses))
    yield Measurement("mixed precision", "on" if trainer.mixed_precision else "off")
    yield Measurement("loss, first and second half of the steps", f"{begin:.4g}, {end:.4g}", good=finite)
    if trainer.grad_scaler.is_enabled():
        scale = float(trainer.grad_scaler.get_scale())
        yield Measurement("gradient scale", scale, "", scale >= 1)


def rendering(session: Session, setting: Setting) -> Iterator[Measurement]:
    """Time of a view."""
    scale = 0.25 if setting.tiny else 1.0
    session.view(scale)
    width, height = session.view_size(scale)
    yield Measurement(f"view of {width} x {height}", session.view(scale), "ms")


def quality(setting: Setting) -> Iterator[Measurement]:
    """3,000 steps of s3im-nerfacto, as far as time allows, and how well held-out views are shown."""
    from PIL import Image

    session = _session("s3im-nerfacto", setting)
    wanted, began, done = setting.steps(3000), time.monotonic(), 0
    while done < wanted and time.monotonic() - began < 0.7 * setting.seconds:
        part = min(50, wanted - done)
        session.steps(part)
        done += part
    spent = time.monotonic() - began
    yield Measurement("steps", float(done), "", done == wanted)
    yield Measurement("seconds of training", spent, "s")
    pipeline = session.trainer.pipeline
    pipeline.eval()
    psnr, rows = [], []
    for number, (camera, batch) in enumerate(pipeline.datamanager.fixed_indices_eval_dataloader):
        if number == (1 if setting.tiny else 6):
            break
        with torch.no_grad():
            outputs = pipeline.model.get_outputs_for_camera(camera)
            metrics, _ = pipeline.model.get_image_metrics_and_images(outputs, batch)
        psnr.append(float(metrics["psnr"]))
        rows.append(torch.cat([batch["image"][..., :3].cpu().float(), outputs["rgb"].cpu().float()], dim=1))
    yield Measurement(f"PSNR of {len(psnr)} held-out views", sum(psnr) / len(psnr), "dB")
    path = setting.out / "s3im-nerfacto.png"
    Image.fromarray((torch.cat(rows[:2]).clamp(0, 1) * 255).byte().numpy()).save(path)
    yield Measurement("picture", str(path))


def data_parallel(setting: Setting) -> Iterator[Measurement]:
    """Three steps of a model inside DistributedDataParallel, with one process."""
    from torch import distributed

    backend = "nccl" if setting.device == "cuda" else "gloo"
    store = setting.out / "store"
    store.unlink(missing_ok=True)
    distributed.init_process_group(backend, init_method=f"file://{store.absolute()}", rank=0, world_size=1)
    try:
        model = _model("s3im-nerfacto", setting.device)
        parallel = torch.nn.parallel.DistributedDataParallel(model, find_unused_parameters=True)
        for _ in range(3):
            rays, batch = _rays(setting.device, 64)
            outputs = parallel(rays)
            losses = model.get_loss_dict(outputs, batch, model.get_metrics_dict(outputs, batch))
            torch.stack(list(losses.values())).sum().backward()
        yield Measurement(f"three steps over {backend}", "done", good=True)
    finally:
        distributed.destroy_process_group()


def own_tests(setting: Setting) -> Iterator[Measurement]:
    """The tests of the kernels, which take other ways where there is a GPU."""
    import subprocess
    import sys

    if importlib.util.find_spec("pytest") is None:
        yield Measurement("tests", "pytest is not installed")
        return
    root = Path(__file__).parents[1]
    files = ["tests/encodings/test_hash_grid_triton.py", "tests/encodings/test_hash_grid.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    if setting.tiny:
        command += ["--collect-only"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    yield Measurement("tests", lines[-1] if lines else done.stderr[-200:], good=done.returncode == 0)


_MOST_USED = ("s3im-nerfacto", "s3im-neus-facto", "s3im-depth-nerfacto", "s3im-tensorf")


def full_size_methods() -> list[str]:
    """All methods but the lite ones, most used first, read from the package's list without importing any."""
    source = (Path(__file__).parents[1] / "s3im_methods" / "method_configs.py").read_text(encoding="utf-8")
    listed = next(
        ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    names = [name.replace("_", "-") for name in listed if not name.endswith("_lite")]
    return sorted(names, key=lambda name: _MOST_USED.index(name) if name in _MOST_USED else len(_MOST_USED))


FULL = full_size_methods()

CHECKS: dict[str, tuple[float, Check]] = {
    "kernels": (60, kernels),
    FULL[0]: (80, method(FULL[0])),
    "stock nerfacto": (60, stock),
    FULL[1]: (80, method(FULL[1])),
    "3,000 steps": (180, quality),
    **{name: (80, method(name)) for name in FULL[2:]},
    **{f"{name}, cut out": (40, cut_out(name)) for name in ("s3im-tensorf", "s3im-dvgo")},
    "tinycudann": (60, tinycudann),
    "data parallel": (40, data_parallel),
    "tests": (90, own_tests),
}
"""Each check and the seconds that it may take, the most valuable first."""


@contextmanager
def lines_of(path: Path) -> Iterator[Callable[[Measurement], None]]:
    """Write measurements as they come, one line of JSON each, so that what ends a check loses none of them."""
    with path.open("a", encoding="utf-8") as file:

        def write(measurement: Measurement) -> None:
            file.write(json.dumps(vars(measurement)) + "\n")
            file.flush()

        yield write
