"""Adam that leaves untouched rows alone."""

import pytest
import torch
from torch import Tensor, nn

from s3im_methods.engine.voxel_adam import VoxelAdam, VoxelAdamConfig
from s3im_methods.errors import InputError


def _gradients(steps: int, rows: Tensor) -> list[Tensor]:
    generator = torch.Generator().manual_seed(2)
    found = []
    for _ in range(steps):
        gradient = torch.zeros(3, 2, 4, 2, dtype=torch.float64)
        gradient.view(-1, 2)[rows] = torch.randn(len(rows), 2, generator=generator, dtype=torch.float64)
        found.append(gradient)
    return found


def _start() -> nn.Parameter:
    return nn.Parameter(torch.linspace(-1, 1, 48, dtype=torch.float64).view(3, 2, 4, 2))


@pytest.mark.parametrize("sparse", [True, False])
def test_touched_rows_move_as_with_dense_adam_and_others_do_not(sparse):
    rows = torch.tensor([1, 5, 17])
    ours, dense = _start(), _start()
    optimizer = VoxelAdam([ours], lr=0.1, betas=(0.9, 0.99), eps=1e-8)
    reference = torch.optim.Adam([dense], lr=0.1, betas=(0.9, 0.99), eps=1e-8)
    for gradient in _gradients(5, rows):
        ours.grad = gradient.to_sparse(3) if sparse else gradient
        dense.grad = gradient
        optimizer.step()
        reference.step()
    torch.testing.assert_close(ours, dense, rtol=0, atol=1e-12)
    untouched = torch.ones(24, dtype=torch.bool)
    untouched[rows] = False
    assert torch.equal(ours.view(-1, 2)[untouched], _start().view(-1, 2)[untouched])


@pytest.mark.parametrize("sparse", [True, False])
def test_a_row_that_is_touched_once_stays_afterwards(sparse):
    parameter = _start()
    optimizer = VoxelAdam([parameter], lr=0.1)
    after = []
    for row in (3, 9):
        gradient = _gradients(1, torch.tensor([row]))[0]
        parameter.grad = gradient.to_sparse(3) if sparse else gradient
        optimizer.step()
        after.append(parameter.detach().view(-1, 2)[3].clone())
    assert torch.equal(after[1], after[0])
    assert not torch.equal(after[0], _start().view(-1, 2)[3])


def test_sparse_and_dense_gradients_give_the_same():
    results = []
    for sparse in (True, False):
        parameter = _start()
        optimizer = VoxelAdam([parameter], lr=0.1)
        optimizer.set_rates(parameter, torch.linspace(0, 1, 24).view(3, 2, 4, 1))
        for step, gradient in enumerate(_gradients(4, torch.tensor([0, 8, 20]))):
            gradient.view(-1, 2)[8 + step] *= 0
            parameter.grad = gradient.to_sparse(3) if sparse else gradient
            optimizer.step()
        results.append(parameter.detach())
    torch.testing.assert_close(*results, rtol=0, atol=1e-12)


def test_rates_scale_the_steps_and_are_part_of_the_state():
    moves = []
    for rate in (1.0, 0.25):
        parameter = _start()
        optimizer = VoxelAdam([parameter], lr=0.1)
        optimizer.set_rates(parameter, torch.full((3, 2, 4, 1), rate))
        copy = VoxelAdam([parameter], lr=0.1)
        copy.load_state_dict(optimizer.state_dict())
        parameter.grad = _gradients(1, torch.tensor([4]))[0].to_sparse(3)
        copy.step()
        moves.append(parameter.detach() - _start())
    torch.testing.assert_close(moves[0] * 0.25, moves[1], rtol=0, atol=1e-12)


def test_nerfstudio_builds_it_from_its_config():
    optimizer = VoxelAdamConfig(lr=0.3, eps=1e-7, betas=(0.8, 0.9)).setup(params=[_start()])
    assert isinstance(optimizer, VoxelAdam)
    assert optimizer.param_groups[0]["lr"] == 0.3 and optimizer.param_groups[0]["betas"] == (0.8, 0.9)


def test_gradients_that_name_rows_are_not_clipped():
    assert isinstance(VoxelAdamConfig().setup([_start()]), VoxelAdam)
    with pytest.raises(InputError, match=r"--optimizers.grids.optimizer.max-norm is 1: .* so leave it out"):
        VoxelAdamConfig(max_norm=1.0).setup([_start()])
