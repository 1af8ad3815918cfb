"""What this package's docstrings write otherwise than mkdocstrings reads them."""

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):`(~?)([^`]+)`")
_EXAMPLE = re.compile(r"^Example:", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Makes links of Sphinx's roles, as in :class:`~package.module.Name`, and sessions of what follows ``Example:``."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite one object's docstring before it is parsed."""
        if obj.docstring is not None:
            text = _EXAMPLE.sub("Examples:", obj.docstring.value)
            obj.docstring.value = _ROLE.sub(lambda match: _link(obj, *match.groups()), text)


def _link(obj: griffe.Object, tilde: str, target: str) -> str:
    text = target.rsplit(".", 1)[-1] if tilde else target
    try:
        path = target if target.startswith("s3im_methods.") else obj.resolve(target)
    except griffe.NameResolutionError:
        path = target
    # Optional: what has no place in these pages, because its name begins with an underscore, stays without a link.
    return f'<autoref optional identifier="{path}"><code>{text}</code></autoref>'
