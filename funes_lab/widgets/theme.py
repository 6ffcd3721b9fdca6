"""The one theme: `tokens.css`, cut down to what a picture uses and made small.

Every picture carries its own copy, because a notebook's outputs are shown one by one, without scripts and
without a network. A copy leaves out parts (never single rules: with the same rules in another order two
copies on a page would overrule each other) and the custom properties that nothing in the picture names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

#: Parts of `tokens.css` that a static repr has no use for.
CONTROLS: Final = "controls"
PICTURES: Final = "pictures"

_PART = re.compile(r"^/\* (\w+)", re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_PROPERTY = re.compile(r"(--fl-[\w-]+):([^;}]*);?")
_EMPTY = re.compile(r"[^{}]*\{\}")
_USE = re.compile(r"var\((--fl-[\w-]+)")


def style(markup: str, layout: str = "", *, without: Collection[str] = ()) -> str:
    """Write the `<style>` element of a picture.

    Parameters
    ----------
    markup : str
        The picture: the custom properties that it names are kept.
    layout : str, default ""
        The few rules of its own, each selector beginning with `.fl`.
    without : collection of str, default ()
        Parts of `tokens.css` that it has no use for.

    Returns
    -------
    str
        The same bytes for the same arguments.

    Examples
    --------
    >>> style("", ".fl .dot { width: 8px; }").endswith(".fl .dot{width:8px}</style>")
    True
    """
    return _style(frozenset(_USE.findall(markup)), layout, frozenset(without))


@cache
def sheet(layout: str = "") -> str:
    """Write the style sheet of whatever moves: all of `tokens.css`, and the few rules of its own."""
    return minified("".join((*parts().values(), layout)))


@cache
def light() -> Mapping[str, str]:
    """The colours of the light theme by their names, for an image that cannot know the page behind it.

    Examples
    --------
    >>> light()["accent"], light()["surface"]
    ('#1562bd', '#ffffff')
    """
    found = re.findall(r"--fl-([\w-]+):[^;]*?light-dark\((#\w+),", parts()["tokens"])
    return MappingProxyType(dict(found))


def minified(css: str) -> str:
    """Take comments and spare white space out of a style sheet.

    Examples
    --------
    >>> minified(".fl :focus { /* seen */ outline: 2px solid; }")
    '.fl :focus{outline:2px solid}'
    """
    spare = re.sub(r"\s+", " ", _COMMENT.sub("", css))
    return re.sub(r" ?([{};,>]) ?|(:) ", r"\1\2", spare).replace(";}", "}").strip()


@cache
def parts() -> Mapping[str, str]:
    """Read `tokens.css`: its parts by name, in their order.

    Examples
    --------
    >>> list(parts())
    ['tokens', 'frame', 'controls', 'focus', 'tables', 'outcome', 'note', 'pictures', 'narrow']
    """
    css = resources.files(__package__).joinpath("tokens.css").read_text("utf-8")
    starts = [*_PART.finditer(css)]
    ends = [*(found.start() for found in starts[1:]), len(css)]
    names = ["tokens", *(found[1] for found in starts[1:])]
    return MappingProxyType(
        {name: css[found.start() : end] for name, found, end in zip(names, starts, ends, strict=True)}
    )


@cache
def _style(used: frozenset[str], layout: str, without: frozenset[str]) -> str:
    kept = (css for name, css in parts().items() if name not in without)
    css = minified("".join((*kept, layout)))
    values = dict(_PROPERTY.findall(css))
    needed, news = set[str](), {*used, *_USE.findall(_PROPERTY.sub("", css))}
    while news:
        needed |= news
        news = {name for user in news for name in _USE.findall(values.get(user, ""))} - needed
    lean = _PROPERTY.sub(lambda found: found[0] if found[1] in needed else "", css)
    # twice: a media query may be empty once its rule is gone
    lean = _EMPTY.sub("", _EMPTY.sub("", lean.replace(";}", "}")))
    return f"<style>{lean}</style>"
