"""Notice a loss that is no longer finite, and at which step and in which term it began, without slowing a step."""

import torch
from torch import Tensor

from s3im_methods.errors import InputError


class FiniteLossWatch:
    """Remembers, on the losses' own device, the first step at which each term was not finite.

    On a GPU the answer is fetched every ``interval`` steps only, because fetching it waits for the device.

    Args:
        interval: Steps between two looks at the answer where losses live on a GPU.
    """

    def __init__(self, interval: int = 10) -> None:
        self.interval = interval
        self._names: tuple[str, ...] = ()
        self._first_bad: Tensor | None = None

    def update(self, step: int, losses: dict[str, Tensor]) -> None:
        """Take in one step's losses.

        Args:
            step: The training step.
            losses: Scalar tensors by the name of their term; plain numbers among them, as methods of others have, are
                left out.

        Raises:
            InputError: If a term is NaN or infinite; it names the term and the first such step.
        """
        terms = {name: value for name, value in losses.items() if isinstance(value, Tensor)}
        names = tuple(terms)
        values = torch.stack([value.detach().float() for value in terms.values()])
        if self._first_bad is None or names != self._names:
            self.check()
            self._names, self._first_bad = names, torch.full_like(values, -1, dtype=torch.int64)
        newly_bad = ~torch.isfinite(values) & (self._first_bad < 0)
        self._first_bad = torch.where(newly_bad, step, self._first_bad)
        if values.device.type == "cpu" or step % self.interval == 0:
            self.check()

    def check(self) -> None:
        """Raise if any term seen so far was not finite.

        Raises:
            InputError: See :meth:`update`.
        """
        if self._first_bad is None:
            return
        bad = {name: step for name, step in zip(self._names, self._first_bad.tolist(), strict=True) if step >= 0}
        if bad:
            first = min(bad.values())
            names = ", ".join(name for name, step in bad.items() if step == first)
            raise InputError(
                f"The loss turned NaN or infinite at step {first} (term: {names}): training stops, and the last good "
                "checkpoint stays. Lower the learning rate or that term's weight, or look for broken images or poses."
            )
