"""Two processes train together over gloo: own pixels, own permutations, averaged gradients."""

import copy
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import distributed as dist

from s3im_methods.scenes import RoomConfig, write_scene

STEPS = 3


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def worker(rank: int, port: int, folder: Path) -> None:
    from s3im_methods.method_configs import s3im_nerfacto_lite

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", world_size=2, rank=rank)
    config = copy.deepcopy(s3im_nerfacto_lite.config)
    config.data = config.pipeline.datamanager.data = folder / "room"  # type: ignore[attr-defined]
    config.pipeline.datamanager.train_num_rays_per_batch = 128  # type: ignore[attr-defined]
    config.max_num_iterations, config.output_dir, config.timestamp = STEPS, folder, "one"
    config.vis = "tensorboard"
    config.viewer.quit_on_train_completion = True
    torch.manual_seed(rank)
    config.save_config()
    trainer = config.setup(local_rank=rank, world_size=2)
    trainer.setup()
    seen: dict = {"indices": [], "gradients": [], "permutations": []}
    sampler = trainer.pipeline.datamanager.train_pixel_sampler
    sample, reseed = sampler.sample, trainer.pipeline.model.s3im.reseed

    def noted_sample(image_batch):
        batch = sample(image_batch)
        seen["indices"].append(batch["indices"].clone())
        return batch

    def noted_reseed(seed):
        seen["permutations"].append(seed)
        reseed(seed)

    sampler.sample, trainer.pipeline.model.s3im.reseed = noted_sample, noted_reseed
    trainer.train()
    seen["parameters"] = {name: value.detach().clone() for name, value in trainer.pipeline.model.named_parameters()}
    torch.save(seen, folder / f"rank{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow()
def test_two_processes(tmp_path):
    write_scene(
        RoomConfig(width=16, height=12, train_views=4, test_views=2, supersampling=1, light_samples=4),
        tmp_path / "room",
    )
    port = str(free_port())
    ranks = [subprocess.Popen([sys.executable, __file__, str(rank), port, str(tmp_path)]) for rank in range(2)]
    assert [rank.wait(timeout=300) for rank in ranks] == [0, 0]
    first, second = (torch.load(tmp_path / f"rank{rank}.pt") for rank in range(2))
    for name, value in first["parameters"].items():
        assert torch.equal(value, second["parameters"][name]), name
    assert len(first["indices"]) == STEPS
    for mine, theirs in zip(first["indices"], second["indices"], strict=True):
        assert not torch.equal(mine, theirs)
    assert not set(first["permutations"]) & set(second["permutations"])
    checkpoints = list(tmp_path.rglob("step-*.ckpt"))
    assert [path.name for path in checkpoints] == [f"step-{STEPS - 1:09d}.ckpt"]


if __name__ == "__main__":
    worker(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
