"""nerfstudio prints names of files as rich's markup, which drops what stands in brackets.

Of a run in ``runs [v2]`` it prints ``runs``, in "Saving config to" as in the table at the end, from where the next
command is copied. A path with ``[/`` in it ends the command
in rich's error. Here brackets are markup only where rich knows the style in them.
"""

from typing import Any


def print_brackets_in_names(module: Any) -> None:
    """Change the console of ``nerfstudio.utils.rich_utils``; the lines of all its commands pass there.

    Args:
        module: That module.
    """
    console = module.CONSOLE
    render = console.render_str

    def render_known_styles(text: str, *args: Any, **settings: Any) -> Any:
        # It is on unless a caller says otherwise.
        is_on = settings.get("markup") is not False
        return render(_without_unknown_styles(console, text) if is_on else text, *args, **settings)

    console.render_str = render_known_styles


def _without_unknown_styles(console: Any, text: str) -> str:
    from rich.errors import MissingStyle
    from rich.markup import RE_TAGS, escape

    opened: list[str] = []

    def is_markup(tag: str) -> bool:
        name = tag.partition("=")[0].strip()
        if name.startswith("/"):
            # What closes nothing ends in rich's error.
            closed = name[1:].strip() or (opened[-1] if opened else "")
            if closed not in opened:
                return False
            opened.remove(closed)
            return True
        if name != "link" and not name.startswith("@"):
            try:
                console.get_style(name)
            except MissingStyle:
                return False
        opened.append(name)
        return True

    def escaped(match: Any) -> str:
        whole, backslashes, tag = match.groups()
        return whole if len(backslashes) % 2 or is_markup(tag) else escape(whole)

    return RE_TAGS.sub(escaped, text)
