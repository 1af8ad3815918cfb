"""A mask that only shrinks, also where all is fog, and travels in checkpoints."""

import torch

from s3im_methods.fields.narrowing_mask import NarrowingMask


def one_dot() -> NarrowingMask:
    alphas = torch.zeros(9, 9, 9)
    alphas[4, 4, 2] = 0.5
    mask = NarrowingMask()
    mask.update(alphas, torch.tensor([[-4.0] * 3, [4.0] * 3]), threshold=0.1)
    return mask


def test_a_narrower_mask_has_nothing_that_the_old_one_lacks():
    """Nodes twice as close, all of them opaque, are occupied where the old mask is; then only a few of them."""
    old, new = one_dot(), one_dot()
    box = torch.tensor([[-4.0] * 3, [4.0] * 3])
    new.narrow(torch.ones(17, 17, 17), box, threshold=0.1)
    nodes = torch.stack(torch.meshgrid(*[torch.linspace(-4, 4, 17)] * 3, indexing="ij"), dim=-1)
    assert torch.equal(new.volume, old(nodes))
    alphas = torch.zeros(17, 17, 17)
    alphas[8, 8, 4] = alphas[0, 0, 0] = 0.5
    new.narrow(alphas, box, threshold=0.1)
    assert new.volume.nonzero().tolist() == [[8, 8, 4]]
    assert new.cells.sum() == 8


def test_narrowing_begins_a_mask_where_there_is_none():
    mask = NarrowingMask()
    alphas = torch.zeros(5, 5, 5)
    alphas[2, 2, 2] = 1
    mask.narrow(alphas, torch.tensor([[-1.0] * 3, [1.0] * 3]), threshold=0.5)
    assert mask.volume.sum() == 1


def test_fog_gains_no_layer_of_cells_each_time_it_is_looked_at():
    torch.manual_seed(0)
    mask, box = NarrowingMask(), torch.tensor([[-1.0] * 3, [1.0] * 3])
    mask.update((torch.rand(20, 20, 20) < 0.003).float(), box, threshold=0.5)
    points = 2 * torch.rand(20000, 3) - 1
    at_first = mask(points).float().mean()
    assert 0.05 < at_first < 0.5
    for nodes in (27, 36, 49):
        mask.narrow(torch.ones(nodes, nodes, nodes), box, threshold=0.5)
    torch.testing.assert_close(mask(points).float().mean(), at_first, rtol=0.15, atol=0)


def test_a_narrowed_mask_and_those_of_nodes_alone_load():
    mask, box = NarrowingMask(), torch.tensor([[-1.0] * 3, [1.0] * 3])
    alphas = torch.zeros(9, 9, 9)
    alphas[4, 4, 4] = 1.0
    mask.update(alphas, box, threshold=0.5)
    mask.narrow(torch.ones(17, 17, 17), box, threshold=0.5)
    loaded = NarrowingMask()
    loaded.load_state_dict(mask.state_dict())
    assert torch.equal(loaded.cells, mask.cells) and torch.equal(loaded.sizes, mask.sizes)

    state = mask.state_dict()
    del state["cells"]
    older = NarrowingMask()
    older.load_state_dict(state)
    # Cells around the outermost nodes are back.
    assert (older.cells | ~mask.cells).all() and older.cells.sum() > mask.cells.sum()
