"""Which methods train on a CPU without tinycudann, as nerfstudio has them and with S3IM: the table of the page.

    PYTHONPATH=tests/models:tests/models/any_method python tests/models/any_method/table_of_methods.py

prints the rows of docs/any-method.md. Each method trains for two steps, with a small model.
"""

import contextlib
import io
from typing import Any

import torch
from every_method import base, batch, build, small
from nerfstudio.configs.method_configs import all_methods
from short_training import losses_of_training

from s3im_methods.models.any_method.configs import with_s3im
from s3im_methods.models.any_method.methods import SUFFIX, is_ours, refusal


def rows() -> list[tuple[str, str, str, str]]:
    """Method, whether it trains as nerfstudio has it, whether it does with S3IM, and what is in the way."""
    names = [name for name, config in all_methods.items() if hasattr(config, "pipeline") and not name.endswith(SUFFIX)]
    return [_row(name) for name in sorted(names) if not is_ours(all_methods[name])]


def markdown() -> list[str]:
    """The rows as lines of a table."""
    return [f"| {' | '.join(row)} |" for row in rows()]


def _row(name: str) -> tuple[str, str, str, str]:
    sentence = refusal(name)
    if sentence is not None:
        return f"`{name}`", "not tried", "no", sentence.partition(",")[0].replace(f"'{name}' ", "")
    stock, ours = _failure(base(name)), _failure(small(with_s3im(name)))
    assert ours is None, f"{name}: {ours}"
    return f"`{name}`", "yes" if stock is None else "no", "yes", stock or ""


def _failure(config: Any) -> str | None:
    """What a training of two steps ends with, None where it ends well."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            losses_of_training(build(config, stand_ins=False), batch, 2)
        except (AttributeError, NameError) as error:
            # nerfstudio's stand-in for tinycudann raises this, whatever is asked for.
            assert "_LazyError" in str(error) or "tcnn" in str(error), error
            return "asks for tinycudann by itself"
    return None


if __name__ == "__main__":
    torch.set_num_threads(1)
    print("\n".join(markdown()))
