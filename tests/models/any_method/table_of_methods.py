"""Which methods train on a CPU without tinycudann, as nerfstudio has them and with S3IM: the table of the page.

    PYTHONPATH=tests/models:tests/models/any_method python tests/models/any_method/table_of_methods.py

prints the rows of docs/any-method.md. Each method trains for two steps, with a small model. The names of methods may
follow: those of plugins that are installed, or on PYTHONPATH.
"""

import contextlib
import io
import sys
from typing import Any

import torch
from every_method import base, batch, build, small
from nerfstudio.configs.method_configs import all_methods
from short_training import losses_of_training

from s3im_methods.models.any_method.configs import with_s3im
from s3im_methods.models.any_method.methods import SUFFIX, is_ours, refusal


def installed() -> list[str]:
    """The methods that are not of this package."""
    names = [name for name, config in all_methods.items() if hasattr(config, "pipeline") and not name.endswith(SUFFIX)]
    return [name for name in sorted(names) if not is_ours(all_methods[name])]


def markdown(names: list[str]) -> list[str]:
    """Lines of a table: method, whether it trains as it is and with S3IM, a no with its reason."""
    return [f"| {' | '.join(_row(name))} |" for name in names]


def _row(name: str) -> tuple[str, str, str]:
    sentence = refusal(name)
    if sentence is not None:
        return f"`{name}`", "not tried", _answer(sentence.partition(",")[0].replace(f"'{name}' ", ""))
    stock, ours = _failure(base(name)), _failure(small(with_s3im(name)))
    assert ours is None or ours == stock, f"{name}: {ours}"
    return f"`{name}`", _answer(stock), _answer(ours)


def _answer(failure: str | None) -> str:
    return "yes" if failure is None else f"no: {failure}"


def _failure(config: Any) -> str | None:
    """What a training of two steps ends with, None where it ends well."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            losses_of_training(build(config, stand_ins=False), batch, 2)
        except (AttributeError, NameError) as error:
            # nerfstudio's stand-in for tinycudann raises this, whatever is asked for.
            assert "_LazyError" in str(error) or "tcnn" in str(error), error
            return "needs tinycudann"
        except RuntimeError as error:
            return f"its own error: {error}"
    return None


if __name__ == "__main__":
    torch.set_num_threads(1)
    print("\n".join(markdown(sys.argv[1:] or installed())))
