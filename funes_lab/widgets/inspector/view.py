"""The picture of an inspector: what it is told in Python, and what the page says back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import traitlets

from funes_lab.widgets.inspector import picture as inspector_picture
from funes_lab.widgets.live import Live
from funes_lab.widgets.twin import Static, source

#: No attempt is corrected.
CLOSED: Final[Mapping[str, Any]] = {"number": 0, "open": False, "told": "", "classes": []}


class View(Live, esm="inspector/inspector.js", layout=source("inspector/inspector.css")):
    """The picture of an inspector; what it is told, it says to the box around it."""

    filters = traitlets.Dict().tag(sync=True)
    #: `n`: the number of the selected attempt in the journal, 0 without one; `offset`: the first place of the page of
    #: rows, from 0; `go`: the place of an attempt that the page does not have and asks for, else −1. In one piece, so
    #: that quick keys and slow answers never mix two of them.
    place = traitlets.Dict({"n": 0, "offset": 0, "go": -1}).tag(sync=True)
    #: The attempt that is corrected in a form, what is said of it, and the classes to choose from.
    retrying = traitlets.Dict(dict(CLOSED)).tag(sync=True)
    #: Whether somebody answers.
    kernel = traitlets.Bool(default_value=True).tag(sync=True)

    def picture(self) -> tuple[str, str]:
        """The picture as it is now: an SVG document, and what it shows in a sentence."""
        place = self.place
        return inspector_picture.drawn(self.data, self.filters, place["offset"], place["n"], self.fault)

    def page(self, data: Mapping[str, Any]) -> Static:
        """The picture as it is now, and a script that draws the data that it carries."""
        svg, label = self.picture()
        state: dict[str, Any] = {
            "data": dict(data),
            "fault": self.fault,
            "filters": dict(self.filters),
            "retrying": dict(CLOSED),
        }
        state.update({"place": {**self.place, "offset": 0}, "kernel": False})
        return Static(svg, label, esm=str(self._esm), css=str(self._css), state=state)
