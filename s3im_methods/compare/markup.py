"""HTML and SVG as a tree, so that every name and number that goes into a page is escaped by the serialiser."""

from xml.etree import ElementTree

Node = ElementTree.Element


def node(tag: str, *children: "Node | str", **attributes: object) -> Node:
    """One element.

    Args:
        tag: Its name.
        children: Elements and texts, in order.
        attributes: Underscores in a name stand for hyphens, one at its end is dropped (``class_``); an attribute that
            is None is left out.

    Example:
        >>> to_html(node("p", "a < b ", node("b", "c"), class_="x", data_index=1))
        '<p class="x" data-index="1">a &lt; b <b>c</b></p>'
    """
    named = {name.rstrip("_").replace("_", "-"): str(value) for name, value in attributes.items() if value is not None}
    element = ElementTree.Element(tag, named)
    last: Node | None = None
    for child in children:
        if isinstance(child, str):
            if last is None:
                element.text = (element.text or "") + child
            else:
                last.tail = (last.tail or "") + child
        else:
            element.append(child)
            last = child
    return element


def to_html(element: Node) -> str:
    """The element as HTML text."""
    return ElementTree.tostring(element, encoding="unicode", method="html")
