"""The mask keeps what is opaque with its neighbours, and travels in checkpoints."""

import torch

from s3im_methods.fields.alpha_mask import AlphaMask


def one_dot() -> AlphaMask:
    alphas = torch.zeros(9, 9, 9)
    alphas[4, 4, 2] = 0.5
    mask = AlphaMask()
    mask.update(alphas, torch.tensor([[-4.0] * 3, [4.0] * 3]), threshold=0.1)
    return mask


def test_without_a_mask_all_of_space_counts():
    assert AlphaMask()(torch.randn(5, 3)).all()
    assert not AlphaMask().exists


def test_a_node_is_kept_with_its_neighbours():
    mask = one_dot()
    assert mask.volume.sum() == 27
    points = torch.tensor([[0.0, 0.0, -2.0], [1.9, 0.0, -2.0], [2.1, 0.0, -2.0], [0.0, 0.0, 0.1], [9.0, 0.0, -2.0]])
    assert mask(points).tolist() == [True, True, False, False, False]


def test_the_occupied_box():
    torch.testing.assert_close(one_dot().occupied_box(), torch.tensor([[-1.0, -1.0, -3.0], [1.0, 1.0, -1.0]]))
    mask = AlphaMask()
    box = torch.tensor([[0.0] * 3, [1.0] * 3])
    mask.update(torch.zeros(4, 4, 4), box, threshold=0.1)
    assert torch.equal(mask.occupied_box(), box)


def test_it_loads_into_a_model_that_has_none():
    mask, loaded = one_dot(), AlphaMask()
    loaded.load_state_dict(mask.state_dict())
    points = 8 * torch.rand(200, 3) - 4
    assert torch.equal(loaded(points), mask(points))
    assert 0 < mask(points).sum() < 200


def test_clearances_are_distances_in_the_maximum_norm():
    torch.manual_seed(0)
    mask = AlphaMask()
    assert mask.clearances().size == 0
    for shape in ((14, 18, 9), (22, 7, 12)):
        mask.update((torch.rand(*shape) > 0.998).float(), torch.tensor([[0.0] * 3, [1.0] * 3]), threshold=0.5)
        occupied, every = mask.cells.nonzero(), torch.ones_like(mask.cells).nonzero()
        expected = (every[:, None] - occupied[None]).abs().amax(dim=-1).amin(dim=-1).view(mask.cells.shape)
        assert expected.max() > 3
        assert torch.equal(torch.from_numpy(mask.clearances()).long(), expected)
