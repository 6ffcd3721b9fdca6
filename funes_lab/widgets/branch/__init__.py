"""The picture of a branch: the line that was recorded and the what-if, where they part and how far they end apart."""

from __future__ import annotations

import json
from typing import Any

import traitlets

from funes_lab import formats
from funes_lab.explore.comparison import Sides
from funes_lab.widgets.branch import data as branch_data
from funes_lab.widgets.branch import picture as branch_picture
from funes_lab.widgets.live import Live
from funes_lab.widgets.twin import LARGEST, Static, source


class BranchPicture(Live, esm="branch/branch.js", layout=source("branch/branch.css")):
    """Two lines that fork; made by `branch.compare(P)`, or with `branch.compare(P).picture(field)`.

    It shows what was compared, and stays as it is when the log or the branch goes on.

    Attributes
    ----------
    value : int
        The step that the cursor stands on, from 1 in the order of what happened, 0 if there is none; can be set.
    field : str
        The field of the state that is drawn, "" if the state has none; can be set.
    """

    value = traitlets.Int().tag(sync=True)
    field = traitlets.Unicode().tag(sync=True)

    def __init__(self, sides: Sides, field: str | None = None) -> None:
        self._sides, self._tale = sides, branch_data.tale_of(sides)
        drawn = branch_data.first_field(sides) if field is None else self._checked(field)
        super().__init__(data=branch_data.written(self._tale), value=self._tale.length, field=drawn)
        self.take_the_place(sides.idx, sides.projection)

    def picture(self) -> tuple[str, str]:
        """The picture at the current step: an SVG document, and what it shows in a sentence."""
        return branch_picture.drawn(self.data, self.field, self.value, self.fault)

    def static(self) -> Static:
        """The picture as it is now, for a page that nobody runs; long lines are told around the current step."""
        svg, label = self.picture()
        count, data, value = self._tale.length, dict(self.data), self.value
        page = self._page(svg, label, data, value)
        while len(page.html) > LARGEST and count > 1:
            size = len(json.dumps(data))
            room = max(0, LARGEST - len(page.html) + size)
            count = max(1, min(count - 1, int(0.95 * count * room / size)))
            low = max(0, min(self.value - 1 - count // 2, self._tale.length - count))
            data, value = branch_data.written(self._tale, low, low + count), self.value - low
            page = self._page(svg, label, data, value)
        return page

    def _page(self, svg: str, label: str, data: dict[str, Any], value: int) -> Static:
        state = {"data": data, "fault": self.fault, "value": value, "field": self.field}
        return Static(svg, label, esm=str(self._esm), css=str(self._css), state=state)

    @traitlets.validate("value")
    def _known_step(self, proposal: Any) -> int:
        step: int = proposal["value"]
        if not min(1, self._tale.length) <= step <= self._tale.length:
            there = f"1…{formats.value(self._tale.length)}" if self._tale.length else "0: there is no step"
            raise traitlets.TraitError(f"value must be a step, {there}; got {step}")
        return step

    @traitlets.validate("field")
    def _known_field(self, proposal: Any) -> str:
        return self._checked(proposal["value"])

    def _checked(self, field: str) -> str:
        kinds = self._sides.kinds
        if field not in kinds and (field or kinds):
            raise ValueError(
                f"field must name a field of the state ({', '.join(kinds) or 'it has none'}); got {field!r}"
            )
        return field
