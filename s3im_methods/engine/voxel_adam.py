"""Adam for voxel grids: a node that no sample touched keeps its value and its moments (DVGO, Sun et al., CVPR 2022).

Plain Adam moves every node with a moment left, also where nothing was seen, and reads the whole grid in every step.
Here a row of a parameter (its last dimension) is updated only where its gradient is not 0. Time, for the correction of
the moments' bias, is the optimiser's: the number of its steps.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from nerfstudio.engine.optimizers import OptimizerConfig
from numpy.typing import NDArray
from torch import Tensor

from s3im_methods.errors import InputError
from s3im_methods.kernels.available import fused_available
from s3im_methods.kernels.threads import in_ranges


@dataclass
class VoxelAdamConfig(OptimizerConfig):
    """Adam that leaves untouched rows alone."""

    _target: type = field(default_factory=lambda: VoxelAdam)
    """The class to instantiate."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Decay rates of the first and the second moment."""

    def setup(self, params: Any) -> torch.optim.Optimizer:
        """The optimiser.

        Raises:
            InputError: If gradients are to be clipped on a CPU, where they hold touched rows only.
        """
        params = list(params)
        if self.max_norm is not None and any(parameter.device.type == "cpu" for parameter in params):
            raise InputError(
                f"--optimizers.grids.optimizer.max-norm is {self.max_norm:g}: the gradients of voxel grids cannot be "
                "clipped on a CPU, so leave it out."
            )
        return super().setup(params)


class VoxelAdam(torch.optim.Optimizer):
    """See the module's docstring.

    Args:
        params: Parameters ``[..., C]``; their gradients may be sparse tensors of rows.
        lr: Learning rate.
        betas: Decay rates of the moments.
        eps: Added to the root of the second moment.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.1,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-15,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    def set_rates(self, parameter: Tensor, rates: Tensor) -> None:
        """Give each row of a parameter its own factor of the learning rate.

        Args:
            parameter: One of the optimiser's, ``[..., C]``.
            rates: ``[..., 1]``, 0 or above; they are part of the optimiser's state.
        """
        self._state_of(parameter)["rates"] = rates.detach().to(parameter)

    def _state_of(self, parameter: Tensor) -> dict[str, Any]:
        state = self.state[parameter]
        if "step" not in state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        return state

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Update all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)
        return loss

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self._state_of(parameter)
        state["step"] += 1
        steps = float(state["step"])
        first, second = group["betas"]
        rate, root = group["lr"] / (1 - first**steps), (1 - second**steps) ** 0.5
        if gradient.is_sparse and parameter.device.type == "cpu" and fused_available():
            _update_listed(parameter, gradient, state, (rate, root, first, second, group["eps"]))
            return
        gradient = gradient.to_dense() if gradient.is_sparse else gradient
        touched = (gradient != 0).any(dim=-1, keepdim=True)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.copy_(torch.where(touched, torch.lerp(gradient, mean, first), mean))
        square.copy_(torch.where(touched, torch.lerp(gradient.square(), square, second), square))
        change = rate * mean / (square.sqrt() / root + group["eps"])
        parameter.sub_(torch.where(touched, change * state.get("rates", 1.0), 0))


def _update_listed(parameter: Tensor, gradient: Tensor, state: dict[str, Any], settings: tuple[float, ...]) -> None:
    from s3im_methods.engine import voxel_adam_kernels as kernels

    shape, width = tuple(parameter.shape[:-1]), parameter.shape[-1]
    rows = _rows(gradient, shape)
    # torch forgets that a gradient's rows are listed once, and to sort them would take as long as to update them.
    if not gradient.is_coalesced() and kernels.any_twice(rows, np.zeros(math.prod(shape), dtype=np.bool_)):
        gradient = gradient.coalesce()
        rows = _rows(gradient, shape)
    given = gradient._values().reshape(-1, width).contiguous().numpy()
    values, mean, square = (t.view(-1, width).numpy() for t in (parameter.data, state["exp_avg"], state["exp_avg_sq"]))
    rates = state["rates"].reshape(-1).numpy() if "rates" in state else np.zeros(0, dtype=values.dtype)
    in_ranges(
        len(rows),
        lambda first, last: kernels.update(rows, given, rates, values, mean, square, *settings, first, last),
    )


def _rows(gradient: Tensor, shape: tuple[int, ...]) -> NDArray[np.int64]:
    return np.asarray(np.ravel_multi_index(tuple(gradient._indices().numpy()), shape), dtype=np.int64)
