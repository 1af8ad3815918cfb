"""Runs of s3im-neus-lite with either sampling: they train, and a resumed run repeats the straight one."""

import copy
from typing import Any

import pytest
import torch
from short_runs import short_config, train

from s3im_methods.errors import InputError
from s3im_methods.method_configs import s3im_neus_lite


def settings(scenes, out, steps: int, sampling: str) -> Any:
    result = short_config(s3im_neus_lite.config, scenes / "object", out, steps)
    result.pipeline.model.sampling = sampling
    result.pipeline.model.occupancy_resolution = 16
    return result


@pytest.mark.parametrize("sampling", ["hierarchical", "occupancy"])
def test_a_resumed_run_repeats_the_straight_one(sampling, scenes, tmp_path):
    straight = train(settings(scenes, tmp_path / "straight", 6, sampling))
    first = settings(scenes, tmp_path / "resumed", 3, sampling)
    train(copy.deepcopy(first))
    again = settings(scenes, tmp_path / "resumed", 6, sampling)
    again.load_dir = first.get_checkpoint_dir()
    resumed = train(again)
    assert straight["step"] == resumed["step"] == 5
    assert straight["pipeline"].keys() == resumed["pipeline"].keys()
    for key, value in straight["pipeline"].items():
        torch.testing.assert_close(resumed["pipeline"][key], value, rtol=0, atol=0, msg=lambda m, k=key: f"{k}: {m}")


def test_occupancy_sampling_takes_more_rays_where_they_have_few_samples(scenes, tmp_path):
    config = settings(scenes, tmp_path, 4, "occupancy")
    config.pipeline.model.samples_per_batch = 1 << 17
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.setup()
    pixels, counts = trainer.pipeline.datamanager.train_pixel_sampler, []
    sample = pixels.sample

    def counted(images):
        batch = sample(images)
        counts.append(len(batch["indices"]))
        return batch

    pixels.sample = counted
    trainer.train()
    # What the data manager's setting says does not count.
    assert counts[0] == 256 and counts[3] > counts[0]
    assert all(count % 64 == 0 for count in counts)


def test_occupancy_sampling_is_refused_where_rays_are_not_a_spheres(scenes, tmp_path):
    config = settings(scenes, tmp_path, 2, "occupancy")
    config.pipeline.model.scene_kind = "room"
    with pytest.raises(InputError, match=r"bounds is near-far: with .*sampling occupancy it has to be"):
        train(config)
