"""Random orders of the rays of a batch."""

import torch
from torch import Tensor


def random_permutations(count: int, length: int, generator: torch.Generator) -> Tensor:
    """Independent uniform permutations of ``0 .. length - 1``, drawn on the generator's device.

    Returns:
        ``[count, length]``, int64.
    """
    device = generator.device
    if device.type == "cpu":
        rows = [torch.randperm(length, generator=generator) for _ in range(count)]
        return torch.stack(rows) if rows else torch.empty(0, length, dtype=torch.int64)
    # One sort for all rows; randperm would launch several kernels for each of them.
    return torch.rand(count, length, device=device, generator=generator).argsort(dim=1)


def valid_first(permutations: Tensor, valid: Tensor) -> Tensor:
    """Move the invalid rays of every permutation to its end, without asking the device how many there are.

    The valid rays keep their order, so it stays uniformly random.

    Args:
        permutations: ``[M, B]``, int64.
        valid: ``[B]``, bool.

    Returns:
        ``[M, B]``, int64.

    Example:
        >>> valid_first(torch.tensor([[2, 0, 1]]), torch.tensor([True, True, False]))
        tensor([[0, 1, 2]])
    """
    # As bytes, because not every device sorts booleans.
    invalid = (~valid).to(torch.uint8)[permutations]
    return permutations.gather(1, invalid.argsort(dim=1, stable=True))
