"""Every picture has a static twin: what is seen where nobody runs anything.

A widget is shown twice in one output: as a live view, and as HTML that holds an SVG image and an inline script. The
script draws the same data with the same ESM file as the live view, without a kernel, so that an exported notebook still
steps; where scripts are not run, as in a notebook that nobody has trusted, the image is there. Nothing is fetched.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any, Final

from funes_lab import formats
from funes_lab.audience import somebody_is_there

#: A static picture is never larger; what does not fit is left out, and said so.
LARGEST: Final = 500_000

VIEW: Final = "application/vnd.jupyter.widget-view+json"

# The least of a model that an ESM file asks for: values, and who wants to know of them.
_DRIVER: Final = """
const host = document.getElementById("%(id)s");
const state = %(state)s, wanted = {};
const model = {
  get: (name) => state[name],
  set: (name, value) => { state[name] = value; (wanted["change:" + name] || []).forEach((call) => call()); },
  save_changes: () => {}, send: () => {},
  on: (name, call) => { (wanted[name] = wanted[name] || []).push(call); },
  off: (name, call) => { wanted[name] = (wanted[name] || []).filter((known) => known !== call); },
};
const { default: widget } = await import("data:text/javascript;base64,%(esm)s");
const view = document.createElement("div");
await widget.render({ model, el: view });
host.replaceChildren(view);
"""


class Static:
    """A picture that needs no kernel; the display of a notebook shows it.

    Parameters
    ----------
    svg : str
        The image, a whole SVG document.
    label : str
        What it shows, in a sentence: for those who do not see it, and as the text of the terminal.
    esm : str, optional
        The ESM file that draws the data where scripts run.
    css : str, optional
        Its style sheet.
    state : mapping, optional
        The values that it gets.
    """

    def __init__(
        self, svg: str, label: str, *, esm: str = "", css: str = "", state: Mapping[str, Any] | None = None
    ) -> None:
        self.svg, self.label = svg, label
        self._esm, self._css, self._state = esm, css, dict(state or {})

    @property
    def html(self) -> str:
        """The image, and the script that makes it move; the same bytes for the same picture."""
        source = base64.b64encode(self.svg.encode()).decode()
        named = "fl-" + hashlib.sha256((self.svg + self._esm + _json(self._state)).encode()).hexdigest()[:12]
        image = f'<img src="data:image/svg+xml;base64,{source}" alt="{escape(self.label)}" style="max-width:100%">'
        return f'<div id="{named}">{image}</div>{self._script(named)}'

    def _script(self, named: str) -> str:
        if not self._esm:
            return ""
        values = {"id": named, "state": _json(self._state), "esm": base64.b64encode(self._esm.encode()).decode()}
        return f'<style>{self._css}</style><script type="module">{_DRIVER % values}</script>'

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file.

        Parameters
        ----------
        path : str or path
            `.svg` for the image, `.html` for a page that moves.

        Raises
        ------
        ValueError
            For any other suffix.
        """
        there = Path(path)
        if there.suffix == ".svg":
            there.write_text(self.svg, encoding="utf-8")
        elif there.suffix in (".html", ".htm"):
            title = escape(formats.shorten(self.label, 80))
            page = (
                f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><body>{self.html}</body>'
            )
            there.write_text(page + "</html>\n", encoding="utf-8")
        else:
            raise ValueError(f"path must end in .svg or .html, got {os.fspath(path)!r}")

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.label


class Twin:
    """A widget that carries its static twin: mixed into whatever is displayed, boxes too."""

    def static(self) -> Static:
        """The picture as it is now, for a page that nobody runs."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file: `.svg` for the image, `.html` for a page that moves."""
        self.static().save(path)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return self._bundle(self.static(), **kwargs)

    def _bundle(self, picture: Static, **kwargs: Any) -> dict[str, Any]:
        """The live view, where somebody is there, and the picture that stays."""
        made = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        bundle = dict(made[0] if isinstance(made, tuple) else made or {})
        if not somebody_is_there():
            bundle.pop(VIEW, None)
        return {**bundle, "text/html": picture.html, "text/plain": picture.label}


@cache
def source(name: str) -> str:
    """Read an ESM file of this folder."""
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _json(values: Mapping[str, Any]) -> str:
    """Values for a script: nothing in them can end it."""
    text = json.dumps(values, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
