"""The watch names the first term and step that are not finite."""

import pytest
import torch

from s3im_methods.engine.finite_losses import FiniteLossWatch
from s3im_methods.errors import InputError


def test_finite_losses_pass():
    watch = FiniteLossWatch()
    for step in range(5):
        watch.update(step, {"rgb_loss": torch.tensor(1.0), "s3im_loss": torch.tensor(0.0)})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_it_names_term_and_step(value):
    watch = FiniteLossWatch()
    watch.update(6, {"rgb_loss": torch.tensor(1.0), "s3im_loss": torch.tensor(1.0)})
    with pytest.raises(InputError, match=r"at step 7 \(term: s3im_loss\)"):
        watch.update(7, {"rgb_loss": torch.tensor(1.0), "s3im_loss": torch.tensor(value)})


def test_the_first_bad_step_is_kept():
    """As on a GPU, where the answer is fetched some steps later, when other steps were bad too."""
    watch = FiniteLossWatch()
    bad = {"a": torch.tensor(1.0), "b": torch.tensor(float("nan"))}
    for step in (12, 13, 14):
        with pytest.raises(InputError, match=r"at step 12 \(term: b\)"):
            watch.update(step, bad)
    with pytest.raises(InputError, match=r"at step 12 \(term: b\)"):
        watch.update(15, {**bad, "a": torch.tensor(float("inf"))})


def test_a_changed_set_of_terms_is_no_error():
    watch = FiniteLossWatch()
    watch.update(0, {"a": torch.tensor(1.0)})
    watch.update(1, {"a": torch.tensor(1.0), "b": torch.tensor(1.0)})
    with pytest.raises(InputError, match="term: b"):
        watch.update(2, {"a": torch.tensor(1.0), "b": torch.tensor(float("nan"))})
