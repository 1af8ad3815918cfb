"""The proposal networks' update schedule is a function of the training step alone.

nerfstudio's ``ProposalNetworkSampler`` counts the steps since it last trained its proposal networks. It resets that
counter in every forward pass, also when the viewer or an evaluation renders, so watching a run changes its result. A
resumed run starts with a wrong counter, because no checkpoint holds it. Before each training step we set the counter
to the value of an undisturbed run.
"""

from nerfstudio.model_components.ray_samplers import ProposalNetworkSampler


class ProposalSchedule:
    """Replays the counter of an undisturbed run.

    Args:
        sampler: The sampler whose counter is kept.
    """

    def __init__(self, sampler: ProposalNetworkSampler) -> None:
        self.sampler = sampler
        self._step = 0
        self._since_update = 0

    def before_step(self, step: int) -> None:
        """Set the sampler's counters for training step ``step`` (counted from 0)."""
        if step < self._step:
            self._step, self._since_update = 0, 0
        while self._step < step:
            previous = max(self._step - 1, 0)
            if self._since_update > self.sampler.update_sched(previous) or previous < 10:
                self._since_update = 0
            self._since_update += 1
            self._step += 1
        self.sampler._step = max(step - 1, 0)
        self.sampler._steps_since_update = self._since_update
