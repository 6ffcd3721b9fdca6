"""The replay scrubber: a stream event by event, what each one changed, and what would be without some of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import traitlets

from funes_lab import formats
from funes_lab.fold import Fold
from funes_lab.projection import Projection, fold_of, latest
from funes_lab.store import Row
from funes_lab.widgets.live import Live
from funes_lab.widgets.scrubber import data as scrubber_data
from funes_lab.widgets.scrubber import picture as scrubber_picture
from funes_lab.widgets.scrubber.course import Course, course, numeric
from funes_lab.widgets.scrubber.data import Tale, Told
from funes_lab.widgets.twin import LARGEST, Static, source

if TYPE_CHECKING:
    from funes_lab.reading_side import ReadingSide


class ReplayScrubber(Live, esm="scrubber/scrubber.js", layout=source("scrubber/scrubber.css")):
    """A stream event by event; made by `stream.scrub(P)`.

    Attributes
    ----------
    value : int
        The version that the cursor stands on, 0 in a stream without events; can be set.
    skipped : list of int
        The versions that are left out of the what-if; can be set. The log never changes.
    fields : list of str
        The numeric fields that are drawn; can be set.
    """

    value = traitlets.Int().tag(sync=True)
    skipped = traitlets.List(traitlets.Int()).tag(sync=True)
    fields = traitlets.List(traitlets.Unicode()).tag(sync=True)
    whatif = traitlets.Dict().tag(sync=True)
    #: Only a page with a kernel has it: without one nobody can fold a what-if.
    live = traitlets.Bool(default_value=True).tag(sync=True)

    def __init__(
        self,
        side: ReadingSide,
        projection: type[Projection[Any]],
        *,
        skip: int | Iterable[int] = (),
        fields: str | Iterable[str] | None = None,
    ) -> None:
        self._side, self._projection = side, projection
        self._told: dict[int, Told] = {}
        self._rows: list[Row] = []
        self._course = self._other = Course([{}])
        self._read()
        skipped = self._checked_skip([skip] if isinstance(skip, int) else list(skip))
        drawn = self._checked_fields(None if fields is None else [fields] if isinstance(fields, str) else list(fields))
        last = self._rows[-1].version if self._rows else 0
        made = {"value": last, "skipped": skipped, "fields": drawn, "whatif": self._what_if(skipped)}
        super().__init__(data=self._data(), **made)
        self.observe(self._fold_again, "skipped")
        self.follow(side.lab, side.idx, projection.__qualname__)

    # --- what is shown ---------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the log and draw; a cursor that stood at the end goes along."""
        stood = self._rows[-1].version if self._rows else 0
        self._read()
        there = {row.version for row in self._rows}
        with self.hold_sync():
            self.data = self._data()
            if self.value == stood or self.value not in there:
                self.value = self._rows[-1].version if self._rows else 0
            if not self.fields:
                self.fields = self._checked_fields(None)
            kept = [version for version in self.skipped if version in there]
            if kept == self.skipped:
                self.whatif = self._what_if(kept)
            else:
                self.skipped = kept

    def picture(self) -> tuple[str, str]:
        """The picture at the current version: an SVG document, and what it shows in a sentence."""
        return scrubber_picture.drawn(self.data, self.whatif, self.value, list(self.fields), self.fault)

    def static(self) -> Static:
        """The picture as it is now, for a page that nobody runs; a long stream is told around the current version."""
        svg, label = self.picture()
        count, part = len(self._rows), (dict(self.data), dict(self.whatif))
        page = self._page(svg, label, *part)
        while len(page.html) > LARGEST and count > 1:
            data = len(json.dumps(part))
            room = max(0, LARGEST - len(page.html) + data)
            count = max(1, min(count - 1, int(0.95 * count * room / data)))
            part = self._part(count)
            page = self._page(svg, label, *part)
        return page

    # --- reading ---------------------------------------------------------------------------------------------

    def _read(self) -> None:
        self._fold = _latest_fold(self._projection)
        self._rows = self._side.rows()
        for row in self._rows:
            if row.version not in self._told:
                self._told[row.version] = scrubber_data.told(row)
        self._course = course(self._fold, self._rows)

    def _data(self, low: int = 0, high: int | None = None) -> dict[str, Any]:
        if not self._rows:
            return scrubber_data.empty(self._side.idx, self._fold)
        return scrubber_data.recorded(self._tale(), low, high)

    def _what_if(self, skipped: Sequence[int], low: int = 0, high: int | None = None) -> dict[str, Any]:
        if not skipped:
            return {}
        if (low, high) == (0, None):
            self._other = course(self._fold, self._rows, set(skipped))
        return scrubber_data.what_if(self._tale(), self._other, skipped, low, high)

    def _tale(self) -> Tale:
        events = [self._told[row.version] for row in self._rows]
        return Tale(self._side.idx, self._fold, self._rows, events, self._course)

    def _part(self, count: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """The data of so many events around the current version."""
        low = max(0, min(self._place() - 1 - count // 2, len(self._rows) - count))
        high = low + count
        return self._data(low, high), self._what_if(self.skipped, low, high)

    def _page(self, svg: str, label: str, data: dict[str, Any], other: dict[str, Any]) -> Static:
        state = {
            "data": data,
            "whatif": other,
            "fault": self.fault,
            "fields": list(self.fields),
            "value": self.value,
            "skipped": list(self.skipped),
        }
        return Static(svg, label, esm=str(self._esm), css=str(self._css), state=state)

    def _place(self) -> int:
        versions = [row.version for row in self._rows]
        return versions.index(self.value) + 1 if self.value in versions else len(versions)

    # --- what the reader chooses -----------------------------------------------------------------------------

    def _fold_again(self, change: Any) -> None:
        with self.telling():
            self.whatif = self._what_if(change["new"])

    @traitlets.validate("value")
    def _known_version(self, proposal: Any) -> int:
        version: int = proposal["value"]
        if version not in self._told and not (version == 0 and not self._rows):
            raise traitlets.TraitError(f"value must be {self._versions()}; got {version}")
        return version

    @traitlets.validate("skipped")
    def _known_skipped(self, proposal: Any) -> list[int]:
        return self._checked_skip(proposal["value"])

    @traitlets.validate("fields")
    def _known_fields(self, proposal: Any) -> list[str]:
        return self._checked_fields(proposal["value"])

    def _checked_skip(self, skip: list[int]) -> list[int]:
        for version in skip:
            if isinstance(version, bool) or not isinstance(version, int):
                raise TypeError(f"skip must be a version or a list of versions, got {version!r}")
            if version not in self._told:
                raise ValueError(f"skip must name {self._versions()}; got {version}")
        return sorted(set(skip))

    def _checked_fields(self, fields: list[str] | None) -> list[str]:
        known = numeric(self._fold, self._course)
        if fields is None:
            return known[:1]
        for name in fields:
            if name not in known:
                there = ", ".join(known) if known else "none"
                state = self._fold.state.__name__
                raise ValueError(f"fields must name numeric fields of {state} ({there}); got {name!r}")
        return list(dict.fromkeys(fields))

    def _versions(self) -> str:
        if not self._rows:
            return "a version of the stream, which has no events yet"
        return f"a version of the stream, 1…{formats.value(max(self._told))}"


def _latest_fold(projection: type[Projection[Any]]) -> Fold:
    """The fold of a projection as its module has it now."""
    fold_of(projection)
    return fold_of(latest(projection))
