"""Equal steps from the box's entry to its exit."""

import torch
from nerfstudio.cameras.rays import RayBundle

from s3im_methods.rays.equal_steps import StepSampler, step_count, step_length


def samples(training: bool, count: int = 6):
    bundle = RayBundle(
        origins=torch.zeros(2, 3),
        directions=torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
        pixel_area=torch.ones(2, 1),
        nears=torch.tensor([[1.0], [2.0]]),
        fars=torch.tensor([[9.0], [3.25]]),
    )
    return StepSampler().train(training)(bundle, torch.tensor(0.5), count)


def test_steps_are_equal_and_end_at_the_exit():
    edges = samples(training=False).frustums
    torch.testing.assert_close(edges.starts[0, :, 0], 1 + 0.5 * torch.arange(6))
    torch.testing.assert_close(edges.ends[1, :, 0], torch.tensor([2.5, 3.0, 3.25, 3.25, 3.25, 3.25]))


def test_training_moves_all_samples_of_a_ray_by_one_share_of_a_step():
    torch.manual_seed(0)
    starts = samples(training=True).frustums.starts[0, :, 0]
    assert 1 < starts[0] < 1.5
    torch.testing.assert_close(starts.diff(), torch.full((5,), 0.5))


def test_half_a_voxel_and_as_many_as_cross_the_diagonal():
    box = torch.tensor([[0.0, 0.0, 0.0], [2.0, 1.0, 1.5]])
    torch.testing.assert_close(step_length(box, (5, 3, 4), 0.5), torch.tensor(0.25))
    assert step_count((128, 128, 128), 0.5, 10_000) == 443
    assert step_count((128, 128, 128), 0.5, 200) == 200
